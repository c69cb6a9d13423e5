//! What a mailed link does to an account: it proves the address, or sets a new password.

use std::time::Duration;

use contracts::{DeliveryDue, DeliveryId, EventId, Message, Recorded, Timestamp, UserId};

use crate::{
    Db, Result,
    deliveries::{self, NewDelivery},
    pool::Tx,
    user_changes::replace_password,
};

/// Between two mails that say that there is an account already.
const TOLD_PAUSE: Duration = Duration::from_secs(3600);

impl Db {
    /// The user has proven the address. False if there is no such user; a second time changes nothing.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn verify_user(&self, id: UserId) -> Result<bool> {
        let now = self.now().await?;
        let mut tx = self.begin().await?;
        let known = sqlx::query("SELECT 1 AS one FROM users WHERE id = ?")
            .bind(id.to_string())
            .fetch_optional(&mut *tx)
            .await?;
        set_verified(&mut tx, id, now).await?;
        tx.commit().await?;
        Ok(known.is_some())
    }

    /// Records that a mail which sets a new password is to be sent. `None` if the last one was asked for less than
    /// `pause` ago.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn ask_password_reset(
        &self,
        user_id: UserId,
        pause: Duration,
    ) -> Result<Option<Recorded<DeliveryDue>>> {
        let now = self.now().await?;
        let mut tx = self.begin().await?;
        let asked = sqlx::query(
            "UPDATE users SET reset_asked_at = ? WHERE id = ? AND (reset_asked_at IS NULL OR reset_asked_at <= ?)",
        )
        .bind(now.millis())
        .bind(user_id.to_string())
        .bind(now.before(pause).millis())
        .execute(&mut *tx)
        .await?;
        if asked.rows_affected() == 0 {
            return Ok(None);
        }
        let mail = NewDelivery::mail(user_id, Message::PasswordReset);
        let recorded = deliveries::record(&mut tx, &mail, EventId::generate(), now).await?;
        tx.commit().await?;
        Ok(Some(recorded))
    }

    /// Lets the account of this address be told that somebody tried to register with it. `None` if there is none, or it
    /// was told so within the hour.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn tell_already_registered(&self, email: &str) -> Result<Option<Recorded<DeliveryDue>>> {
        let Some(user) = self.user_by_email(email).await? else { return Ok(None) };
        let now = self.now().await?;
        let told = sqlx::query(
            "SELECT 1 AS one FROM deliveries WHERE user_id = ? AND id > ? AND message = ? LIMIT 1",
        )
        .bind(user.id.to_string())
        .bind(DeliveryId::first_of(now.before(TOLD_PAUSE)).to_string())
        .bind(Message::AlreadyRegistered.as_str());
        if self.fetch_optional(told).await?.is_some() {
            return Ok(None);
        }
        let mut tx = self.begin().await?;
        let mail = NewDelivery::mail(user.id, Message::AlreadyRegistered);
        let recorded = deliveries::record(&mut tx, &mail, EventId::generate(), now).await?;
        tx.commit().await?;
        Ok(Some(recorded))
    }

    /// [`Db::change_password`] by somebody who reads the user's mail: that proves the address too.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn reset_password(&self, id: UserId, old: &str, new: &str) -> Result<bool> {
        let now = self.now().await?;
        let mut tx = self.begin().await?;
        if !replace_password(&mut tx, id, old, new).await? {
            return Ok(false);
        }
        set_verified(&mut tx, id, now).await?;
        tx.commit().await?;
        Ok(true)
    }
}

async fn set_verified(tx: &mut Tx, id: UserId, now: Timestamp) -> Result<()> {
    sqlx::query("UPDATE users SET verified_at = ? WHERE id = ? AND verified_at IS NULL")
        .bind(now.millis())
        .bind(id.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}
