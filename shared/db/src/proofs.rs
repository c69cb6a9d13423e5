//! What a mailed link does to an account: it proves the address, or sets a new password.

use std::time::Duration;

use contracts::{PasswordResetAsked, Recorded, Timestamp, UserId};

use crate::{Db, Error, Result, outbox, pool::Tx, user_changes::replace_password};

/// The notification of a mail that sets a new password; its row says when the last one was asked for.
pub const RESET_NOTIFICATION: &str = "password-reset";

impl Db {
    /// The user has proven the address. False if there is no such user; a second time changes nothing.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn verify_user(&self, id: UserId) -> Result<bool> {
        let mut tx = self.begin().await?;
        let known = sqlx::query("SELECT 1 AS one FROM users WHERE id = ?")
            .bind(id.to_string())
            .fetch_optional(&mut *tx)
            .await?;
        set_verified(&mut tx, id).await?;
        tx.commit().await?;
        Ok(known.is_some())
    }

    /// Records that a mail which sets a new password was asked for. `None` if the last one was less than `pause` ago.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn ask_password_reset(
        &self,
        user_id: UserId,
        pause: Duration,
    ) -> Result<Option<Recorded<PasswordResetAsked>>> {
        let asked_at = Timestamp::now();
        let mut tx = self.begin().await?;
        if !take_reset(&mut tx, user_id, asked_at, pause).await? {
            return Ok(None);
        }
        let recorded = outbox::record(&mut tx, PasswordResetAsked { user_id, asked_at }).await?;
        tx.commit().await?;
        Ok(Some(recorded))
    }

    /// [`Db::change_password`] by somebody who reads the user's mail: that proves the address too.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn reset_password(&self, id: UserId, old: &str, new: &str) -> Result<bool> {
        let mut tx = self.begin().await?;
        if !replace_password(&mut tx, id, old, new).await? {
            return Ok(false);
        }
        set_verified(&mut tx, id).await?;
        tx.commit().await?;
        Ok(true)
    }
}

async fn set_verified(tx: &mut Tx, id: UserId) -> Result<()> {
    sqlx::query("UPDATE users SET verified_at = ? WHERE id = ? AND verified_at IS NULL")
        .bind(Timestamp::now().millis())
        .bind(id.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Makes the notification one that is to be sent, if there is none or the last one is old enough.
async fn take_reset(tx: &mut Tx, id: UserId, now: Timestamp, pause: Duration) -> Result<bool> {
    let again = sqlx::query(
        "UPDATE notifications SET created_at = ?, claimed_until = 0, sent_at = NULL WHERE subject = ? AND kind = ? AND created_at <= ?",
    )
    .bind(now.millis())
    .bind(id.to_string())
    .bind(RESET_NOTIFICATION)
    .bind(now.before(pause).millis())
    .execute(&mut **tx)
    .await?;
    if again.rows_affected() == 1 {
        return Ok(true);
    }
    let first = sqlx::query(
        "INSERT INTO notifications (subject, kind, created_at, claimed_until) VALUES (?, ?, ?, 0)",
    )
    .bind(id.to_string())
    .bind(RESET_NOTIFICATION)
    .bind(now.millis())
    .execute(&mut **tx)
    .await;
    match first.map_err(Error::from) {
        Ok(_) => Ok(true),
        Err(Error::Exists) => Ok(false),
        Err(error) => Err(error),
    }
}
