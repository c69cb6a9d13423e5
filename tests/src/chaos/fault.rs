//! What happens to a platform.

use std::{fmt, time::Duration};

use crate::{FUNCTIONS, OwnServers, Platform};

/// One thing that happens, and is over when [`Fault::inflict`] returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// `kill -9` of a function, which is started again.
    Kill(&'static str),
    /// SIGTERM to a function, which is started again.
    Stop(&'static str),
    /// A server is stopped in good order and started again.
    Restart(Server),
    /// `kill -9` of RabbitMQ, which is started again.
    KillBroker,
    /// The mail server is away.
    MailAway,
    /// A second sweep runs beside the first, and is killed.
    TwoSweeps,
}

/// A server that functions need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Server {
    Mariadb,
    Mongod,
    Rabbitmq,
}

/// Where most is at stake.
const OFTEN: [Fault; 4] =
    [Fault::Kill("upload"), Fault::Kill("convert"), Fault::Kill("convert"), Fault::TwoSweeps];

impl Fault {
    /// Each of them, some more than once.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all: Vec<Self> = OFTEN.into();
        all.extend(FUNCTIONS.map(Self::Kill));
        all.extend(FUNCTIONS.map(Self::Stop));
        all.extend([Server::Mariadb, Server::Mongod, Server::Rabbitmq].map(Self::Restart));
        all.extend([Self::KillBroker, Self::MailAway, Self::TwoSweeps]);
        all
    }

    /// Whether it can come between the mail server's yes and the note of it: then a second mail is SMTP's own.
    #[must_use]
    pub fn can_double_a_mail(self) -> bool {
        matches!(self, Self::Kill("notify") | Self::MailAway)
    }

    /// Lets it happen; what was stopped is away for `pause`. Blocks the thread at times: servers end with the thread
    /// that started them.
    pub async fn inflict(self, platform: &mut Platform, servers: &mut OwnServers, pause: Duration) {
        match self {
            Self::Kill(function) => {
                platform.kill_function(function);
                tokio::time::sleep(pause).await;
                platform.start_function(function);
            }
            Self::Stop(function) => {
                assert_eq!(platform.stop_function(function).await, Some(0), "the exit code of {function}");
                tokio::time::sleep(pause).await;
                platform.start_function(function);
            }
            Self::Restart(server) => server.restart(servers, pause).await,
            Self::KillBroker => {
                servers.rabbitmq.kill();
                tokio::time::sleep(pause).await;
                servers.rabbitmq.restart();
            }
            Self::MailAway => {
                platform.smtp().stop();
                tokio::time::sleep(3 * pause).await;
                platform.smtp().restart();
            }
            Self::TwoSweeps => {
                let second = platform.start_second("sweep");
                tokio::time::sleep(3 * pause).await;
                drop(second);
            }
        }
    }
}

impl Server {
    async fn restart(self, servers: &mut OwnServers, pause: Duration) {
        match self {
            Self::Mariadb => servers.mariadb.stop(),
            Self::Mongod => servers.mongod.stop(),
            Self::Rabbitmq => servers.rabbitmq.stop(),
        }
        tokio::time::sleep(pause).await;
        match self {
            Self::Mariadb => servers.mariadb.restart(),
            Self::Mongod => servers.mongod.restart(),
            Self::Rabbitmq => servers.rabbitmq.restart(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(function) => write!(f, "kill -9 of {function}"),
            Self::Stop(function) => write!(f, "SIGTERM to {function}"),
            Self::Restart(Server::Mariadb) => write!(f, "restart of MariaDB"),
            Self::Restart(Server::Mongod) => write!(f, "restart of mongod"),
            Self::Restart(Server::Rabbitmq) => write!(f, "restart of RabbitMQ"),
            Self::KillBroker => write!(f, "kill -9 of RabbitMQ"),
            Self::MailAway => write!(f, "mail server away"),
            Self::TwoSweeps => write!(f, "two sweeps at once"),
        }
    }
}
