//! When to look next.

use contracts::{Channel, Timestamp};
use sqlx::Row as _;

use crate::{Db, Result, row::time_or_null};

/// The rows that say when they need somebody, and the earliest of each. Deliveries are asked by channel.
const EARLIEST: [(&str, &str); 4] = [
    ("jobs", "SELECT MIN(look_at) AS due FROM jobs"),
    ("outbox", "SELECT MIN(due_at) AS due FROM outbox"),
    ("garbage", "SELECT MIN(due_at) AS due FROM garbage"),
    ("guests", "SELECT MIN(guest_until) AS due FROM users"),
];

impl Db {
    /// When a row will next need somebody: a job, an event, a delivery, a blob to be removed, a guest. `None`: none will until
    /// something new happens. May lie in the past.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn next_due(&self) -> Result<Option<Timestamp>> {
        Ok(self.earliest().await?.into_iter().filter_map(|(_, due)| due).min())
    }

    /// The earliest due time of each kind of row.
    pub(crate) async fn earliest(&self) -> Result<Vec<(&'static str, Option<Timestamp>)>> {
        let mut earliest = Vec::new();
        for (kind, minimum) in EARLIEST {
            let row = self.fetch_one(sqlx::query(minimum)).await?;
            earliest.push((kind, time_or_null(&row, "due")?));
        }
        for channel in Channel::ALL {
            let minimum = sqlx::query("SELECT MIN(due_at) AS due FROM deliveries WHERE channel = ?");
            let row = self.fetch_one(minimum.bind(channel.as_str())).await?;
            earliest.push((channel.as_str(), time_or_null(&row, "due")?));
        }
        Ok(earliest)
    }

    /// Removes up to `limit` refresh tokens that are past their time; returns how many.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn delete_expired_tokens(&self, limit: u32) -> Result<u64> {
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
