//! When to look next.

use contracts::{Channel, Timestamp};

use crate::{Db, Result, row::time_or_null};

impl Db {
    /// When a row will next need somebody: a job, an event, a delivery, a blob to be removed. `None`: none will until
    /// something new happens. May lie in the past.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn next_due(&self) -> Result<Option<Timestamp>> {
        let mut next = None;
        for minimum in [
            "SELECT MIN(look_at) AS due FROM jobs",
            "SELECT MIN(due_at) AS due FROM outbox",
            "SELECT MIN(due_at) AS due FROM garbage",
        ] {
            let row = self.fetch_one(sqlx::query(minimum)).await?;
            next = next.into_iter().chain(time_or_null(&row, "due")?).min();
        }
        for channel in Channel::ALL {
            let minimum = sqlx::query("SELECT MIN(due_at) AS due FROM deliveries WHERE channel = ?");
            let row = self.fetch_one(minimum.bind(channel.as_str())).await?;
            next = next.into_iter().chain(time_or_null(&row, "due")?).min();
        }
        Ok(next)
    }

    /// Removes refresh tokens that are past their time; returns how many.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn forget_expired_tokens(&self) -> Result<u64> {
        let gone = sqlx::query("DELETE FROM refresh_tokens WHERE expires_at < ?");
        self.execute(gone.bind(self.now().await?.millis())).await
    }
}
