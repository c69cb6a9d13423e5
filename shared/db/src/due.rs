//! When to look next.

use contracts::{Channel, Timestamp};
use sqlx::Row as _;

use crate::{Db, Result, row::time_or_null};

impl Db {
    /// When a row will next need somebody: a job, an event, a delivery, a blob to be removed, a guest. `None`: none will until
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
            "SELECT MIN(guest_until) AS due FROM users",
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

    /// Removes up to `limit` refresh tokens that are past their time; returns how many.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn forget_expired_tokens(&self, limit: u32) -> Result<u64> {
        let now = self.now().await?.millis();
        let old =
            sqlx::query("SELECT id FROM refresh_tokens WHERE expires_at < ? ORDER BY expires_at LIMIT ?");
        let mut gone = 0;
        for row in &self.fetch_all(old.bind(now).bind(i64::from(limit))).await? {
            let delete = sqlx::query("DELETE FROM refresh_tokens WHERE id = ?");
            gone += self.execute(delete.bind(row.try_get::<String, _>("id")?)).await?;
        }
        Ok(gone)
    }
}
