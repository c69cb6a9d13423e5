//! The pool: which database, how many connections, how a transaction begins, and how long a call may take.
//!
//! - `address.rs`: what a URL may say, and what is refused before the first connection.
//! - `clock.rs`: the time by the server's clock. `calls.rs`: statements, and transitions that must not be lost.
//! - `pooled.rs`: a connection in use. No call hangs, and no connection is used again after a call that did not end.
//! - `migrate.rs`: the schema.

mod address;
mod calls;
mod clock;
mod migrate;
mod pooled;

use std::{io, sync::Arc, time::Duration};

use contracts::{Clock, Trace};
use sqlx::{
    AnyConnection, AnyPool, any::AnyPoolOptions, migrate::MigrateDatabase as _, pool::PoolConnectionMetadata,
};

pub(crate) use calls::RETRY_TIME;
use clock::ServerClock;
pub(crate) use pooled::{Pool, Tx};

use crate::{Error, RequestKey, Result};

/// A handle on the database; cheap to clone. Connections are opened when they are first needed.
#[derive(Clone, Debug)]
pub struct Db {
    pub(crate) pool: Pool,
    begin: &'static str,
    clock: Clock,
    server: Arc<ServerClock>,
    trace: Trace,
    /// Of the request that this is for.
    pub(crate) request: Option<Arc<RequestKey>>,
}

/// Connections of one process at the most, where nothing asks for another number.
pub const CONNECTIONS: u32 = 4;
/// How long a call may take: the wait for a connection and the statement together.
const CALL: Duration = Duration::from_secs(5);
/// How long a transaction may take, with all its statements.
const TRANSACTION: Duration = Duration::from_secs(10);
/// How long a connection that nobody uses stays open: less than load balancers and NATs remember a silent one.
const IDLE: Duration = Duration::from_secs(300);
/// A connection that rested for longer than this is asked before it is used.
const FRESH: Duration = Duration::from_secs(1);
/// How long the answer to that may take.
const PING: Duration = Duration::from_secs(1);

/// SQLite takes the write lock at once: a read lock that is upgraded later would fail with "busy" instead of
/// waiting (sqlite.org/lang_transaction.html).
const SQLITE_BEGIN: &str = "BEGIN IMMEDIATE";

impl Db {
    /// `sqlite:PATH` (made if absent) or `mysql://user:password@host/database`. Of MySQL's options, those of TLS
    /// are `ssl-mode=DISABLED|PREFERRED|REQUIRED|VERIFY_CA|VERIFY_IDENTITY` and `ssl-ca=FILE` (PEM): with a file,
    /// the server's certificate is verified.
    ///
    /// # Errors
    /// [`Error::Url`] if the URL is neither, or says what can't be done; an unreachable database is told by the
    /// first call that needs it.
    pub fn open(url: &str, max_connections: u32) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let options = AnyPoolOptions::new()
            .acquire_timeout(CALL)
            .idle_timeout(IDLE)
            .max_connections(max_connections)
            .test_before_acquire(false)
            .before_acquire(|connection, rest| Box::pin(is_alive(connection, rest)));
        if let Some(path) = url.strip_prefix("sqlite:") {
            let pool = options
                .after_connect(|connection, _| Box::pin(sqlite_pragmas(connection)))
                .connect_lazy(&format!("sqlite:{path}?mode=rwc"))
                .map_err(|error| Error::Url(error.to_string()))?;
            return Ok(Self::over(pool, SQLITE_BEGIN));
        }
        let address = address::mysql(url)?;
        let options = if address.may_be_in_clear {
            options.after_connect(|connection, _| Box::pin(address::warn_if_in_clear(connection)))
        } else {
            options
        };
        Ok(Self::over(options.connect_lazy_with(address.options), "BEGIN"))
    }

    fn over(pool: AnyPool, begin: &'static str) -> Self {
        let (clock, server, trace) = (Clock::system(), Arc::default(), Trace::default());
        Self { pool: Pool::new(pool), begin, clock, server, trace, request: None }
    }

    /// The same database for whoever acts because of an event or a request: the events that its transactions write belong
    /// to the same trace.
    #[must_use]
    pub fn caused_by(&self, trace: &Trace) -> Self {
        Self { trace: trace.clone(), ..self.clone() }
    }

    /// The same database for a request with this key: what it makes is noted under the key. Making it is
    /// [`Error::Exists`] if another request with the key was faster.
    #[must_use]
    pub fn for_request(&self, key: RequestKey) -> Self {
        Self { request: Some(Arc::new(key)), ..self.clone() }
    }

    pub(crate) fn drop_index(&self, index: &str, table: &str) -> String {
        if self.begin == SQLITE_BEGIN {
            format!("DROP INDEX {index}")
        } else {
            format!("DROP INDEX {index} ON {table}")
        }
    }

    /// Makes the database at `url` if it is not there.
    ///
    /// # Errors
    /// [`Error::Url`] as [`Db::open`]; [`Error::Unavailable`] if the server is away or does not let this user make
    /// databases.
    pub async fn create_if_absent(url: &str) -> Result<()> {
        sqlx::any::install_default_drivers();
        let url = address::mysql(url)?.options.database_url.to_string();
        if !sqlx::Any::database_exists(&url).await? {
            sqlx::Any::create_database(&url).await?;
        }
        Ok(())
    }

    /// Gives these calls 5 s, all together. A single statement is limited by itself; this is for several that
    /// stand for one.
    ///
    /// # Errors
    /// Those of the calls; [`Error::Unavailable`] when the time is up. A connection that was waiting for its answer
    /// is closed: what it says later would be taken for the answer to another question.
    pub async fn within<T>(&self, calls: impl Future<Output = Result<T>>) -> Result<T> {
        limited(CALL, calls).await
    }

    /// The same for a transaction, from its beginning to its commit: 10 s. One that did not end is rolled back by
    /// the database, as its connection is closed.
    ///
    /// # Errors
    /// Those of [`Db::within`]. If the time was up during the commit, it may have happened.
    pub async fn within_transaction<T>(&self, calls: impl Future<Output = Result<T>>) -> Result<T> {
        limited(TRANSACTION, calls).await
    }

    /// A transaction that may write.
    pub(crate) async fn begin(&self) -> Result<Tx> {
        Ok(limited(CALL, Tx::begin(&self.pool, self.begin, self.trace.clone())).await?)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if not.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Closes all connections, after the calls in hand.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// What `work` says, if it says it in time. What `work` holds is dropped when the time is up.
async fn limited<T, E: From<sqlx::Error>>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let silent = || {
        let text = format!("no answer within {} s", limit.as_secs());
        E::from(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, text)))
    };
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(silent()))
}

/// A server or something on the way to it may have forgotten a connection that rested.
async fn is_alive(connection: &mut AnyConnection, rest: PoolConnectionMetadata) -> sqlx::Result<bool> {
    if rest.idle_for > FRESH {
        limited(PING, sqlx::Connection::ping(connection)).await?;
    }
    Ok(true)
}

/// WAL: readers don't wait for the writer. FULL: a committed job survives a power cut, not only a crash.
/// A small page cache keeps an idle process small. Who waits for the write lock gives up a little before its call
/// does, and so keeps its connection.
async fn sqlite_pragmas(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    for pragma in [
        "PRAGMA busy_timeout = 4500",
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "PRAGMA cache_size = -512",
    ] {
        sqlx::query(pragma).execute(&mut *connection).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
