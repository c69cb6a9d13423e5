//! The schema, brought up to date by one process at a time.
//!
//! MySQL commits each statement that changes a table by itself. A process that dies in the middle of a migration,
//! or after it and before it is written down, leaves it marked as begun ("dirty"), and sqlx refuses to go on. What
//! is done can be seen: we do the statements again, and those that are done already say so.

use std::{io, time::Duration};

use sqlx::{
    AnyConnection, Connection as _, Row as _, SqlSafeStr as _, SqlStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

use super::SQLITE_BEGIN;
use crate::{Db, Error, Result};

/// How long a process waits for another one that migrates.
const LOCK_WAIT: Duration = Duration::from_secs(120);

impl Db {
    /// Brings the schema up to date. Safe when several processes do it at once: one does it, the others wait.
    /// What a process left behind that died while it did it is finished.
    ///
    /// # Errors
    /// [`Error::Migration`] if a migration fails or the schema is newer than this program, [`Error::Unavailable`]
    /// if another process still does it after 2 minutes.
    pub async fn migrate(&self) -> Result<()> {
        self.migrate_after(LOCK_WAIT).await
    }

    async fn migrate_after(&self, wait: Duration) -> Result<()> {
        if self.begin == SQLITE_BEGIN {
            let mut connection = self.pool.connection().await?;
            migrator().run(&mut *connection).await?;
            drop(connection);
            return self.upgrade().await;
        }
        // Beside the pool: what follows may need the only connection that the pool has.
        let mut connection = self.pool.connection().await?.detach();
        let migrated = match migrate_mysql(&mut connection, wait).await {
            // While the lock is held.
            Ok(()) => self.upgrade().await,
            failed => failed,
        };
        // Closing the connection gives the lock back, whatever went wrong.
        let closed = connection.close().await;
        migrated?;
        Ok(closed?)
    }
}

/// (version, what it is for, statements) of each file of `migrations/`: build.rs.
const FILES: &[(i64, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// All migrations, as `sqlx::migrate!()` would list them.
fn migrator() -> Migrator {
    let migrations = FILES.iter().map(|(version, description, sql)| {
        let sql = SqlStr::from_static(sql);
        Migration::new(*version, (*description).into(), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
}

async fn migrate_mysql(connection: &mut AnyConnection, wait: Duration) -> Result<()> {
    lock(connection, wait).await?;
    // For the tables to come: names of files hold any letter, and MariaDB's default is Latin 1.
    sqlx::raw_sql("ALTER DATABASE CHARACTER SET utf8mb4").execute(&mut *connection).await?;
    match migrator().run(&mut *connection).await {
        Err(MigrateError::Dirty(version)) => {
            finish(connection, version).await?;
            Ok(migrator().run(&mut *connection).await?)
        }
        other => Ok(other?),
    }
}

/// One process migrates, the others wait. sqlx's own lock waits for -1 seconds, which MariaDB takes for no time at
/// all, and is not looked at.
async fn lock(connection: &mut AnyConnection, wait: Duration) -> Result<()> {
    let row = sqlx::query("SELECT CAST(GET_LOCK(CONCAT('tapedeck-', MD5(DATABASE())), ?) AS CHAR)")
        .bind(i64::try_from(wait.as_secs()).unwrap_or(i64::MAX))
        .fetch_one(connection)
        .await?;
    // 0: not in time; NULL: the wait was ended by somebody.
    let got: Option<String> = row.try_get(0)?;
    if got.as_deref() == Some("1") {
        return Ok(());
    }
    let text = "another process is migrating it; try again when it has ended";
    Err(Error::Unavailable(sqlx::Error::Io(io::Error::new(io::ErrorKind::WouldBlock, text))))
}

/// Does what is left of a migration that was begun, and writes down that it is done. Nobody else migrates now, so
/// whoever began it is dead.
async fn finish(connection: &mut AnyConnection, version: i64) -> Result<()> {
    let migrator = migrator();
    let Some(migration) = migrator.iter().find(|migration| migration.version == version) else {
        return Err(MigrateError::VersionMissing(version).into());
    };
    tracing::warn!(version, "a migration was interrupted by a crash; it is finished now");
    for statement in statements(migration.sql.as_str()) {
        let sql = sqlx::AssertSqlSafe(statement).into_sql_str();
        match sqlx::raw_sql(sql).execute(&mut *connection).await {
            Err(error) if !is_done_already(&error) => {
                return Err(MigrateError::ExecuteMigration(error, version).into());
            }
            _ => {}
        }
    }
    sqlx::query("UPDATE _sqlx_migrations SET success = TRUE WHERE version = ?")
        .bind(version)
        .execute(connection)
        .await?;
    Ok(())
}

/// The statements of a migration. None holds a semicolon in a string.
fn statements(sql: &str) -> Vec<String> {
    let code: Vec<_> = sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    let parts = code.join("\n");
    parts.split(';').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// The table (1050), column (1060) or index (1061) is there; the column or index is gone (1091).
fn is_done_already(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(cause) = error else { return false };
    let number = cause.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map(|cause| cause.number());
    matches!(number, Some(1050 | 1060 | 1061 | 1091))
}

#[cfg(test)]
mod tests;
