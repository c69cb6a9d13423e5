//! Notifications: one row per subject and kind, so that there is one mail per subject and kind.

use std::time::Duration;

use contracts::{Event, Recorded, Timestamp};

use crate::{Db, Error, Result, outbox};

/// Who sends a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The caller does.
    Yours,
    /// Nobody: it is sent.
    Sent,
    /// Somebody else, or somebody who died with it: try again later.
    Busy,
}

impl Db {
    /// Takes the right to send this notification for the time of `lease`.
    ///
    /// A sender that dies leaves the row unsent; after the lease the next delivery of the event takes it.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn claim_notification(&self, subject: &str, kind: &str, lease: Duration) -> Result<Claim> {
        let now = Timestamp::now();
        let inserted = sqlx::query(
            "INSERT INTO notifications (subject, kind, created_at, claimed_until) VALUES (?, ?, ?, ?)",
        )
        .bind(subject)
        .bind(kind)
        .bind(now.millis())
        .bind(now.after(lease).millis())
        .execute(&self.pool)
        .await
        .map_err(Error::from);
        match inserted {
            Ok(_) => return Ok(Claim::Yours),
            Err(Error::Exists) => {}
            Err(error) => return Err(error),
        }
        let taken = sqlx::query(
            "UPDATE notifications SET claimed_until = ? WHERE subject = ? AND kind = ? AND sent_at IS NULL AND claimed_until < ?",
        )
        .bind(now.after(lease).millis())
        .bind(subject)
        .bind(kind)
        .bind(now.millis())
        .execute(&self.pool)
        .await?;
        if taken.rows_affected() == 1 {
            return Ok(Claim::Yours);
        }
        let sent = sqlx::query(
            "SELECT 1 AS one FROM notifications WHERE subject = ? AND kind = ? AND sent_at IS NOT NULL",
        )
        .bind(subject)
        .bind(kind)
        .fetch_optional(&self.pool)
        .await?;
        Ok(if sent.is_some() { Claim::Sent } else { Claim::Busy })
    }

    /// The notification is sent, for good.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn mark_notification_sent(&self, subject: &str, kind: &str) -> Result<()> {
        sqlx::query("UPDATE notifications SET sent_at = ? WHERE subject = ? AND kind = ?")
            .bind(Timestamp::now().millis())
            .bind(subject)
            .bind(kind)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The same, and what follows from it: `event`, which nobody hears before `due`, in one transaction. `None` if the
    /// notification is sent already (then so is what follows from it) or gone.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn follow_notification<E: Event>(
        &self,
        subject: &str,
        kind: &str,
        event: E,
        due: Timestamp,
    ) -> Result<Option<Recorded<E>>> {
        let mut tx = self.begin().await?;
        let marked = sqlx::query(
            "UPDATE notifications SET sent_at = ? WHERE subject = ? AND kind = ? AND sent_at IS NULL",
        )
        .bind(Timestamp::now().millis())
        .bind(subject)
        .bind(kind)
        .execute(&mut *tx)
        .await?;
        if marked.rows_affected() == 0 {
            return Ok(None);
        }
        let recorded = outbox::record_for(&mut tx, event, due).await?;
        tx.commit().await?;
        Ok(Some(recorded))
    }

    /// Gives the right to send back after a failure, for the next delivery.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn release_notification(&self, subject: &str, kind: &str) -> Result<()> {
        sqlx::query(
            "UPDATE notifications SET claimed_until = 0 WHERE subject = ? AND kind = ? AND sent_at IS NULL",
        )
        .bind(subject)
        .bind(kind)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
