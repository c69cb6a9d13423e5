//! The pool: which database, how many connections, how a transaction begins.

use std::time::Duration;

use sqlx::{AnyPool, any::AnyPoolOptions, migrate::MigrateDatabase as _};

use crate::{Error, Result};

/// A handle on the database; cheap to clone. Connections are opened when they are first needed.
#[derive(Clone, Debug)]
pub struct Db {
    pub(crate) pool: AnyPool,
    begin: &'static str,
}

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
            return Ok(Self { pool, begin: SQLITE_BEGIN });
        }
        if url.starts_with("mysql:") {
            let pool = options.connect_lazy(url).map_err(|error| Error::Url(error.to_string()))?;
            return Ok(Self { pool, begin: "BEGIN" });
        }
        Err(Error::Url("expected sqlite:PATH or mysql://user:password@host/database".into()))
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
            return Ok(sqlx::migrate!().run(&self.pool).await?);
        }
        let mut connection = self.pool.acquire().await?;
        sqlx::raw_sql(MYSQL_LOCK).execute(&mut *connection).await?;
        // For the tables to come: names of files hold any letter, and MariaDB's default is Latin 1.
        let letters = sqlx::raw_sql("ALTER DATABASE CHARACTER SET utf8mb4").execute(&mut *connection).await;
        let migrated = sqlx::migrate!().run(&mut *connection).await;
        // Closing the connection gives the lock back, whatever went wrong.
        connection.close().await?;
        letters?;
        Ok(migrated?)
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
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
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
