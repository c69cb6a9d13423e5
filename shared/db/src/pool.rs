//! The pool: which database, how many connections, how a transaction begins.

use std::time::Duration;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use contracts::{Clock, Outage as _, Timestamp};
use sqlx::{
    Any, AnyPool, Row as _,
    any::{AnyArguments, AnyPoolOptions, AnyRow},
    migrate::MigrateDatabase as _,
    query::Query,
};
use tokio::time::Instant;

use crate::{Error, Result};

/// A handle on the database; cheap to clone. Connections are opened when they are first needed.
#[derive(Clone, Debug)]
pub struct Db {
    pub(crate) pool: AnyPool,
    begin: &'static str,
    clock: Clock,
    server: Arc<ServerClock>,
}

/// How far the server's clock is ahead of ours, in milliseconds, and when that was last measured.
#[derive(Debug, Default)]
struct ServerClock {
    ahead: AtomicI64,
    /// Milliseconds since 1970; 0: never.
    measured_at: AtomicI64,
}

/// How often the server's clock is read: clocks drift by milliseconds in that time.
const MEASURE: Duration = Duration::from_secs(60);

/// How long a transition that must not be lost is tried again while the database is away.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// The pause between two tries; a deadlock is tried again at once.
const PAUSE: Duration = Duration::from_millis(300);
/// How many deadlocks in a row are tried again, where no patience is asked for.
const DEADLOCKS: u32 = 8;
/// How long a statement may take, and a transaction.
const CALL: Duration = Duration::from_secs(10);

/// A transaction in hand.
pub(crate) type Tx = sqlx::Transaction<'static, sqlx::Any>;

/// Connections of one process at the most, where nothing asks for another number.
pub const CONNECTIONS: u32 = 8;
/// How long a call waits for a connection before it is answered with [`Error::Unavailable`].
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// SQLite takes the write lock at once: a read lock that is upgraded later would fail with "busy" instead of
/// waiting (sqlite.org/lang_transaction.html).
const SQLITE_BEGIN: &str = "BEGIN IMMEDIATE";

/// One process migrates, the others wait. sqlx's own lock waits for -1 seconds, which MariaDB takes for no time at all.
const MYSQL_LOCK: &str = "SELECT GET_LOCK(CONCAT('tapedeck-', MD5(DATABASE())), 120)";

impl Db {
    /// `sqlite:PATH` (made if absent) or `mysql://user:password@host/database`.
    ///
    /// # Errors
    /// [`Error::Url`] if the URL is neither; an unreachable database is told by the first call that needs it.
    pub fn open(url: &str, max_connections: u32) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let options = AnyPoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT).max_connections(max_connections);
        if let Some(path) = url.strip_prefix("sqlite:") {
            let pool = options
                .after_connect(|connection, _| Box::pin(sqlite_pragmas(connection)))
                .connect_lazy(&format!("sqlite:{path}?mode=rwc"))
                .map_err(|error| Error::Url(error.to_string()))?;
            return Ok(Self::over(pool, SQLITE_BEGIN));
        }
        if url.starts_with("mysql:") {
            let pool = options.connect_lazy(url).map_err(|error| Error::Url(error.to_string()))?;
            return Ok(Self::over(pool, "BEGIN"));
        }
        Err(Error::Url("expected sqlite:PATH or mysql://user:password@host/database".into()))
    }

    fn over(pool: AnyPool, begin: &'static str) -> Self {
        Self { pool, begin, clock: Clock::system(), server: Arc::default() }
    }

    /// The same database by another clock: for tests.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The clock by which rows are written.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The time by the database server's clock: what processes on machines whose clocks differ agree on. SQLite's is
    /// this machine's.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn now(&self) -> Result<Timestamp> {
        let here = self.clock.now();
        if self.begin == SQLITE_BEGIN || self.clock.is_manual() {
            return Ok(here);
        }
        let measured_at = Timestamp::from_millis(self.server.measured_at.load(Ordering::Relaxed));
        if measured_at.after(MEASURE) < here {
            self.measure().await?;
        }
        Ok(Timestamp::from_millis(here.millis() + self.server.ahead.load(Ordering::Relaxed)))
    }

    /// The answer holds for the middle of the round trip.
    async fn measure(&self) -> Result<()> {
        let asked = self.clock.now();
        let clock = "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED) AS now_ms";
        let there: i64 = self.fetch_one(sqlx::query(clock)).await?.try_get("now_ms")?;
        let answered = self.clock.now();
        let middle = i64::midpoint(asked.millis(), answered.millis());
        self.server.ahead.store(there - middle, Ordering::Relaxed);
        self.server.measured_at.store(answered.millis(), Ordering::Relaxed);
        Ok(())
    }

    /// Tries a transition until it is settled: again at once if MySQL ended it as a deadlock, and for `patience` while
    /// the database is away. An earlier try may have gone through although its answer was lost: `attempt` must find that
    /// out, and say the same as that one.
    pub(crate) async fn settle<T, F: Future<Output = Result<T>>>(
        &self,
        patience: Duration,
        attempt: impl Fn() -> F,
    ) -> Result<T> {
        let until = Instant::now() + patience;
        let mut deadlocks = 0;
        loop {
            match self.within(attempt()).await {
                Err(error) if error.is_deadlock() && deadlocks < DEADLOCKS => deadlocks += 1,
                Err(error) if error.is_outage() && Instant::now() + PAUSE < until => {
                    tokio::time::sleep(PAUSE).await;
                }
                ended => return ended,
            }
        }
    }

    /// No call waits for ever: a server that fell silent is one that is away.
    pub(crate) async fn within<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        match tokio::time::timeout(CALL, call).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::Unavailable(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))),
        }
    }

    /// Runs a statement; returns how many rows it has matched.
    pub(crate) async fn execute(&self, query: Query<'_, Any, AnyArguments>) -> Result<u64> {
        self.within(async { Ok(query.execute(&self.pool).await?.rows_affected()) }).await
    }

    /// The one row of a query.
    pub(crate) async fn fetch_one(&self, query: Query<'_, Any, AnyArguments>) -> Result<AnyRow> {
        self.within(async { Ok(query.fetch_one(&self.pool).await?) }).await
    }

    /// The row of a query, if there is one.
    pub(crate) async fn fetch_optional(&self, query: Query<'_, Any, AnyArguments>) -> Result<Option<AnyRow>> {
        self.within(async { Ok(query.fetch_optional(&self.pool).await?) }).await
    }

    /// All rows of a query.
    pub(crate) async fn fetch_all(&self, query: Query<'_, Any, AnyArguments>) -> Result<Vec<AnyRow>> {
        self.within(async { Ok(query.fetch_all(&self.pool).await?) }).await
    }

    /// Makes the database at `url` if it is not there.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the server is away or does not let this user make databases.
    pub async fn create_if_absent(url: &str) -> Result<()> {
        sqlx::any::install_default_drivers();
        if !sqlx::Any::database_exists(url).await? {
            sqlx::Any::create_database(url).await?;
        }
        Ok(())
    }

    /// Brings the schema up to date. Safe when several processes do it at once.
    ///
    /// # Errors
    /// [`Error::Migration`] if a migration fails or the schema is newer than this program.
    pub async fn migrate(&self) -> Result<()> {
        if self.begin == SQLITE_BEGIN {
            sqlx::migrate!().run(&self.pool).await?;
            return self.upgrade().await;
        }
        let mut connection = self.pool.acquire().await?;
        sqlx::raw_sql(MYSQL_LOCK).execute(&mut *connection).await?;
        // For the tables to come: names of files hold any letter, and MariaDB's default is Latin 1.
        let letters = sqlx::raw_sql("ALTER DATABASE CHARACTER SET utf8mb4").execute(&mut *connection).await;
        let migrated = sqlx::migrate!().run(&mut *connection).await;
        // Closing the connection gives the lock back, whatever went wrong.
        connection.close().await?;
        letters?;
        migrated?;
        self.upgrade().await
    }

    pub(crate) fn drop_index(&self, index: &str, table: &str) -> String {
        if self.begin == SQLITE_BEGIN { format!("DROP INDEX {index}") } else { format!("DROP INDEX {index} ON {table}") }
    }

    /// A transaction that may write.
    pub(crate) async fn begin(&self) -> Result<Tx> {
        Ok(self.pool.begin_with(self.begin).await?)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if not.
    pub async fn ping(&self) -> Result<()> {
        self.execute(sqlx::query("SELECT 1")).await.map(drop)
    }

    /// Closes all connections, after the calls in hand.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// WAL: readers don't wait for the writer. FULL: a committed job survives a power cut, not only a crash.
/// A small page cache keeps an idle process small.
async fn sqlite_pragmas(connection: &mut sqlx::AnyConnection) -> Result<(), sqlx::Error> {
    for pragma in [
        "PRAGMA busy_timeout = 10000",
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "PRAGMA cache_size = -512",
    ] {
        sqlx::query(pragma).execute(&mut *connection).await?;
    }
    Ok(())
}
