//! Numbers that are true of the whole installation: each a row that is there from the migration on.

use sqlx::Row as _;

use crate::{Db, Result, pool::Tx};

/// 1 when an account was registered, whatever became of it.
const FIRST_ACCOUNT: &str = "first_account";
/// How often somebody set out to take an administrator away.
const ADMINISTRATORS: &str = "administrators";

/// Whether no account was ever registered, as far as anybody can tell without a lock. Once false it stays so.
pub(crate) async fn may_be_first_account(db: &Db) -> Result<bool> {
    let row = sqlx::query("SELECT value FROM settings WHERE name = ?")
        .bind(FIRST_ACCOUNT)
        .fetch_one(&db.pool)
        .await?;
    Ok(row.try_get::<i64, _>("value")? == 0)
}

/// Whether this is the first account ever: true for one transaction that is committed, for ever.
pub(crate) async fn take_first_account(tx: &mut Tx) -> Result<bool> {
    let taken = sqlx::query("UPDATE settings SET value = 1 WHERE name = ? AND value = 0")
        .bind(FIRST_ACCOUNT)
        .execute(&mut **tx)
        .await?;
    Ok(taken.rows_affected() == 1)
}

/// Waits until no other transaction takes administrators away, and keeps others waiting until the end of this one.
///
/// The first statement of its transaction: what is read afterwards is what the one before has left (MySQL's snapshot
/// is taken by the first read).
pub(crate) async fn alone_with_administrators(tx: &mut Tx) -> Result<()> {
    sqlx::query("UPDATE settings SET value = value + 1 WHERE name = ?")
        .bind(ADMINISTRATORS)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
