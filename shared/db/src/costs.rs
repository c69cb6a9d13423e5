//! What conversions have taken: of each job, and summed by month and user.
//!
//! The sums have rows of their own, since a job's row goes with its retention, its owner or at its owner's wish, and no month
//! may lose by that what it has cost. An attempt is added by the transaction that writes its end, whatever becomes of its job
//! later: the compare-and-set on its lease lets one end through, so that it counts once, however often that is tried.

use std::time::Duration;

use contracts::{Cost, Timestamp, UserId};
use sqlx::{
    Any, Row as _,
    any::{AnyArguments, AnyRow},
    query::Query,
};

use crate::{
    Claimed, Db, Error, Result,
    pool::Tx,
    row::{count_or_null, parsed, stored},
};

/// What a user's conversions have taken in a month.
#[derive(Clone, Debug)]
pub struct MonthlyCost {
    /// In UTC, as `2026-11`.
    pub month: String,
    /// Whose jobs.
    pub user_id: UserId,
    /// Their address; none if the account is gone.
    pub email: Option<String>,
    /// How much audio was made.
    pub audio: Duration,
    /// All attempts together.
    pub cost: Cost,
}

impl Db {
    /// The first month after `month` (as `2026-11`; empty: ever) in which anything was converted.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn month_with_costs_after(&self, month: &str) -> Result<Option<String>> {
        let next = sqlx::query("SELECT MIN(month) AS month FROM costs WHERE month > ?").bind(month);
        Ok(self.fetch_one(next).await?.try_get("month")?)
    }

    /// What a month has cost, by the users' ids, at most `limit` of those after `after`.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn costs(&self, month: &str, after: Option<UserId>, limit: u32) -> Result<Vec<MonthlyCost>> {
        let page = sqlx::query(
            "SELECT costs.*, users.email FROM costs LEFT JOIN users ON users.id = costs.user_id \
             WHERE month = ? AND user_id > ? ORDER BY user_id LIMIT ?",
        )
        .bind(month)
        .bind(after.map_or_else(String::new, |user| user.to_string()))
        .bind(i64::from(limit));
        self.fetch_all(page).await?.iter().map(read).collect()
    }
}

/// The attempt ends now, with so much audio: its cost goes into its job's row and into the month's.
pub(crate) async fn add(tx: &mut Tx, ended: &Claimed, audio: Duration, now: Timestamp) -> Result<()> {
    let all = ended.job.cost.unwrap_or_default() + ended.cost;
    let all = serde_json::to_string(&all).map_err(|error| Error::Corrupt(error.to_string()))?;
    sqlx::query("UPDATE jobs SET cost = ? WHERE id = ?")
        .bind(all)
        .bind(ended.job.id.to_string())
        .execute(&mut **tx)
        .await?;
    if added(tx, ended, audio, now).await? {
        return Ok(());
    }
    let insert = sqlx::query(
        "INSERT INTO costs (attempts, audio_seconds, waited_seconds, ran_seconds, cpu_seconds, bytes_read, bytes_written, month, user_id) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    );
    match bound(insert, ended, audio, now).execute(&mut **tx).await.map_err(Error::from) {
        Ok(_) => Ok(()),
        // Another one made it meanwhile: a statement that fails so ends no transaction, in either database.
        Err(Error::Exists) => added(tx, ended, audio, now).await.map(drop),
        Err(error) => Err(error),
    }
}

async fn added(tx: &mut Tx, ended: &Claimed, audio: Duration, now: Timestamp) -> Result<bool> {
    let update = sqlx::query(
        "UPDATE costs SET attempts = attempts + ?, audio_seconds = audio_seconds + ?, waited_seconds = waited_seconds + ?, ran_seconds = ran_seconds + ?, \
         cpu_seconds = cpu_seconds + ?, bytes_read = bytes_read + ?, bytes_written = bytes_written + ? WHERE month = ? AND user_id = ?",
    );
    Ok(bound(update, ended, audio, now).execute(&mut **tx).await?.rows_affected() == 1)
}

fn bound(
    sql: Query<'static, Any, AnyArguments>,
    ended: &Claimed,
    audio: Duration,
    now: Timestamp,
) -> Query<'static, Any, AnyArguments> {
    let cost = ended.cost;
    sql.bind(stored(cost.attempts))
        .bind(audio.as_secs_f64())
        .bind(cost.waited_seconds)
        .bind(cost.ran_seconds)
        .bind(cost.cpu_seconds)
        .bind(stored(cost.bytes_read))
        .bind(stored(cost.bytes_written))
        .bind(now.month())
        .bind(ended.job.user_id.to_string())
}

fn read(row: &AnyRow) -> Result<MonthlyCost> {
    let count = |column| Ok::<_, Error>(count_or_null(row, column)?.unwrap_or(0));
    let audio: f64 = row.try_get("audio_seconds")?;
    Ok(MonthlyCost {
        month: row.try_get("month")?,
        user_id: parsed(row, "user_id")?,
        email: row.try_get("email")?,
        audio: Duration::try_from_secs_f64(audio).unwrap_or_default(),
        cost: Cost {
            attempts: count("attempts")?,
            waited_seconds: row.try_get("waited_seconds")?,
            ran_seconds: row.try_get("ran_seconds")?,
            cpu_seconds: row.try_get("cpu_seconds")?,
            bytes_read: count("bytes_read")?,
            bytes_written: count("bytes_written")?,
        },
    })
}
