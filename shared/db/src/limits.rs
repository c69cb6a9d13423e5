//! Buckets: how much of something somebody may have in a time, the same for all processes.
//!
//! Each bucket is one row that says when it will be full again (the generic cell rate algorithm): to take something
//! moves that time on, and is refused where it would move it further than the bucket is large. One statement does both,
//! so that of two who come at once for the last of it one gets it. A bucket that nobody has taken from for its time is
//! full, and its row is removed by those who make new ones.
//!
//! Where the database is away nothing can be taken. What is limited here needs the database anyway (a log-in, a new
//! account, an upload), so an outage locks nobody out of anything that would work, and lets nobody guess.

use std::time::Duration;

use contracts::Timestamp;
use sqlx::Row as _;

use crate::{Db, Error, Result, pool::Tx, row::time};

/// Rows of full buckets that a new one sweeps up: more than it makes.
const SWEPT: i64 = 4;
/// Tries to take from a row that others make or remove at the same moment.
const TRIES: u32 = 4;

/// How large a bucket is, and how long it takes to fill evenly from empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// In units of what is counted; at least 1.
    pub amount: u64,
    /// At least a second.
    pub window: Duration,
}

impl Quota {
    /// So many a minute.
    #[must_use]
    pub fn a_minute(amount: u64) -> Self {
        Self { amount, window: Duration::from_secs(60) }
    }

    /// So many an hour.
    #[must_use]
    pub fn an_hour(amount: u64) -> Self {
        Self { amount, window: Duration::from_secs(3600) }
    }

    /// So many a day.
    #[must_use]
    pub fn a_day(amount: u64) -> Self {
        Self { amount, window: Duration::from_secs(86_400) }
    }

    /// How long the bucket takes to fill by `amount`, in milliseconds rounded up.
    fn cost(self, amount: u64) -> i64 {
        let cost = u128::from(amount) * self.window.as_millis();
        i64::try_from(cost.div_ceil(u128::from(self.amount.max(1)))).unwrap_or(i64::MAX / 4)
    }

    fn window(self) -> i64 {
        i64::try_from(self.window.as_millis()).unwrap_or(i64::MAX / 4)
    }
}

impl Db {
    /// Takes `amount` from the bucket of this name (at most 100 characters of ASCII). Inside, how long to wait for it if
    /// there is not so much in it; then nothing was taken.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn take(&self, name: &str, amount: u64, quota: Quota) -> Result<Result<(), Duration>> {
        let (now, cost) = (self.now().await?, quota.cost(amount));
        // Moved on by `cost` from there, the bucket is empty.
        let latest = now.millis() + quota.window() - cost;
        if latest < now.millis() {
            return Ok(Err(quota.window));
        }
        for _ in 0..TRIES {
            let take = sqlx::query(
                "UPDATE limits SET full_at = CASE WHEN full_at > ? THEN full_at ELSE ? END + ? WHERE name = ? AND full_at <= ?",
            )
            .bind(now.millis())
            .bind(now.millis())
            .bind(cost)
            .bind(name)
            .bind(latest);
            if self.execute(take).await? == 1 {
                return Ok(Ok(()));
            }
            match self.full_at(name).await? {
                Some(full_at) if full_at.millis() > latest => {
                    let wait = u64::try_from(full_at.millis() - latest).unwrap_or_default();
                    return Ok(Err(Duration::from_millis(wait)));
                }
                Some(_) => {}
                None if self.new_bucket(name, now, cost).await? => return Ok(Ok(())),
                None => {}
            }
        }
        Ok(Err(Duration::from_secs(1)))
    }

    /// Puts back what was taken for nothing.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn refund(&self, name: &str, amount: u64, quota: Quota) -> Result<()> {
        let back = sqlx::query("UPDATE limits SET full_at = full_at - ? WHERE name = ?");
        self.execute(back.bind(quota.cost(amount)).bind(name)).await.map(drop)
    }

    /// How much has been taken from the bucket and has not come back yet.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn taken(&self, name: &str, quota: Quota) -> Result<u64> {
        let now = self.now().await?;
        let full_at = self.full_at(name).await?.unwrap_or(now);
        let missing = u128::try_from(full_at.millis() - now.millis()).unwrap_or_default();
        let taken = missing * u128::from(quota.amount) / quota.window.as_millis().max(1);
        Ok(u64::try_from(taken).unwrap_or(u64::MAX))
    }

    /// When the bucket will be full again; `None` if it has no row, so it is full.
    async fn full_at(&self, name: &str) -> Result<Option<Timestamp>> {
        let row =
            self.fetch_optional(sqlx::query("SELECT full_at FROM limits WHERE name = ?").bind(name)).await?;
        row.as_ref().map(|row| time(row, "full_at")).transpose()
    }

    /// False if somebody else was quicker to make it.
    async fn new_bucket(&self, name: &str, now: Timestamp, cost: i64) -> Result<bool> {
        let insert = sqlx::query("INSERT INTO limits (name, full_at) VALUES (?, ?)");
        match self.execute(insert.bind(name).bind(now.millis() + cost)).await {
            Ok(_) => {}
            Err(Error::Exists) => return Ok(false),
            Err(error) => return Err(error),
        }
        let full = sqlx::query("SELECT name FROM limits WHERE full_at < ? ORDER BY full_at LIMIT ?");
        for row in &self.fetch_all(full.bind(now.millis()).bind(SWEPT)).await? {
            let sweep = sqlx::query("DELETE FROM limits WHERE name = ? AND full_at < ?");
            self.execute(sweep.bind(row.try_get::<String, _>("name")?).bind(now.millis())).await?;
        }
        Ok(true)
    }
}

/// Takes `amount` whether there is so much in it or not: what is owed is waited for by who takes next.
pub(crate) async fn charge(tx: &mut Tx, name: &str, amount: u64, quota: Quota, now: Timestamp) -> Result<()> {
    let cost = quota.cost(amount);
    if charged(tx, name, cost, now).await? {
        return Ok(());
    }
    let made = sqlx::query("INSERT INTO limits (name, full_at) VALUES (?, ?)")
        .bind(name)
        .bind(now.millis() + cost)
        .execute(&mut **tx)
        .await;
    match made.map_err(Error::from) {
        Ok(_) => Ok(()),
        // Another one made it meanwhile: a statement that fails so ends no transaction, in either database.
        Err(Error::Exists) => charged(tx, name, cost, now).await.map(drop),
        Err(error) => Err(error),
    }
}

async fn charged(tx: &mut Tx, name: &str, cost: i64, now: Timestamp) -> Result<bool> {
    let charged = sqlx::query(
        "UPDATE limits SET full_at = CASE WHEN full_at > ? THEN full_at ELSE ? END + ? WHERE name = ?",
    )
    .bind(now.millis())
    .bind(now.millis())
    .bind(cost)
    .bind(name)
    .execute(&mut **tx)
    .await?;
    Ok(charged.rows_affected() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_comes_back_evenly() {
        assert_eq!(Quota::a_minute(60).cost(1), 1000);
        assert_eq!(Quota::a_day(1440 * 60_000).cost(60_000), 60_000);
        assert_eq!(Quota::an_hour(7).cost(1), 514_286, "rounded up: never more than the quota");
        assert_eq!(Quota::a_minute(0).cost(1), 60_000, "a quota of nothing is one of 1");
        assert!(Quota::a_minute(1).cost(u64::MAX) > 1 << 60);
    }
}
