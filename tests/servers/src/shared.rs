//! One server of each kind for a whole test run.

use crate::{Mariadb, Mongod, Rabbitmq};

/// A variable that names a shared server to the tests.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Shared {
    Database,
    Mongodb,
    Amqp,
    RabbitmqApi,
}

impl Shared {
    /// The variable's name.
    #[must_use]
    pub fn variable(self) -> &'static str {
        match self {
            Self::Database => "TEST_DATABASE_URL",
            Self::Mongodb => "TEST_MONGODB_URI",
            Self::Amqp => "TEST_AMQP_URL",
            Self::RabbitmqApi => "TEST_RABBITMQ_API",
        }
    }
}

/// The address of a shared server.
///
/// # Panics
/// If there is none: a missing server fails the test.
#[must_use]
pub fn shared(server: Shared) -> String {
    #[expect(clippy::disallowed_methods, reason = "the one place where tests read it")]
    let address = std::env::var(server.variable());
    address.unwrap_or_else(|_| panic!("{} is not set: run the tests through `make test`", server.variable()))
}

/// The servers of a run, and what tells the tests about them.
#[derive(Debug)]
pub struct Run {
    servers: (Mariadb, Mongod, Rabbitmq),
}

impl Run {
    /// Starts one of each.
    #[must_use]
    pub fn start() -> Self {
        // One after the other: a child ends with the thread that started it (prctl(2), PR_SET_PDEATHSIG).
        Self { servers: (Mariadb::start(), Mongod::start(), Rabbitmq::start()) }
    }

    /// The variables to set.
    #[must_use]
    pub fn variables(&self) -> [(&'static str, String); 4] {
        let (mariadb, mongod, rabbitmq) = &self.servers;
        [
            (Shared::Database.variable(), mariadb.url()),
            (Shared::Mongodb.variable(), mongod.url()),
            (Shared::Amqp.variable(), rabbitmq.url()),
            (Shared::RabbitmqApi.variable(), rabbitmq.management_url()),
        ]
    }
}
