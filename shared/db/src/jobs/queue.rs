//! Which waiting job is next: start-time fair queueing (Goyal, Vin, Cheng, 1996) over users, weighted by class.
//!
//! A job's rank is its start tag: the virtual time at which its user's earlier jobs end, but not before the queue's
//! virtual time, which is the rank of the job that was claimed last. The smallest rank is next. So whoever has not
//! waited goes before the second job of whoever has queued thousands. Where ever more users come, the virtual time
//! creeps on with each claim ([`LEAST_STEP`]), so that those who come later come after those who have waited: nobody starves.
//!
//! A message in the converters' queue is a ticket: it says that some job waits. Who takes one claims the job with the
//! smallest rank. Tickets that are lost are issued again by the sweep; more tickets than jobs are harmless.

use std::time::Duration;

use contracts::{EventId, JobId, Recorded, Timestamp, VideoUploaded, share};
use sqlx::{Row as _, any::AnyRow};

use super::Jobs;
use crate::{Result, outbox, pool::Tx, row::time};

/// Virtual time that a small job of a class with a share of 1 takes.
const UNIT: i64 = 1 << 20;
/// A job costs one unit more for each so many bytes of its video.
const BYTES: i64 = 16 << 20;
/// How far a claim moves the virtual time where its job's rank does not. Less than any job takes.
const LEAST_STEP: i64 = UNIT / 256;
/// Tickets that are issued again in one turn.
const TICKETS: i64 = 10;

/// Lets a queued job wait: gives it its rank.
pub(super) async fn enter(tx: &mut Tx, id: JobId, now: Timestamp) -> Result<()> {
    let row = sqlx::query(
        "SELECT jobs.source_bytes, jobs.user_id, users.class, queue.virtual_time FROM jobs \
         JOIN queue ON queue.name = 'convert' LEFT JOIN users ON users.id = jobs.user_id WHERE jobs.id = ?",
    )
    .bind(id.to_string())
    .fetch_one(&mut **tx)
    .await?;
    let (bytes, user): (i64, String) = (row.try_get("source_bytes")?, row.try_get("user_id")?);
    let class: Option<String> = row.try_get("class")?;
    let virtual_time: i64 = row.try_get("virtual_time")?;
    let cost = UNIT * (1 + bytes / BYTES) / i64::from(share(class.as_deref().unwrap_or_default()));
    // One statement, so that two uploads of a user at once get different places.
    sqlx::query(
        "UPDATE users SET queue_finish = CASE WHEN queue_finish > ? THEN queue_finish ELSE ? END + ? WHERE id = ?",
    )
    .bind(virtual_time)
    .bind(virtual_time)
    .bind(cost)
    .bind(&user)
    .execute(&mut **tx)
    .await?;
    let finish = sqlx::query("SELECT queue_finish FROM users WHERE id = ?")
        .bind(&user)
        .fetch_optional(&mut **tx)
        .await?;
    let rank = match finish {
        Some(row) => row.try_get::<i64, _>("queue_finish")? - cost,
        None => virtual_time,
    };
    set_rank(tx, id, rank, now).await
}

/// Lets a job that was begun already wait again, before those that were not.
pub(super) async fn enter_again(tx: &mut Tx, id: JobId, now: Timestamp) -> Result<()> {
    let row =
        sqlx::query("SELECT virtual_time FROM queue WHERE name = 'convert'").fetch_one(&mut **tx).await?;
    set_rank(tx, id, row.try_get("virtual_time")?, now).await
}

async fn set_rank(tx: &mut Tx, id: JobId, rank: i64, now: Timestamp) -> Result<()> {
    sqlx::query(
        "UPDATE jobs SET queue_rank = ?, updated_at = ?, look_at = NULL WHERE id = ? AND state = 'queued'",
    )
    .bind(rank)
    .bind(now.millis())
    .bind(id.to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A job of this rank was claimed: the queue's virtual time goes on, but not far beyond `next`, the rank of the job that
/// waits after it: many who wait must not put off who comes for long.
pub(super) async fn advance(tx: &mut Tx, rank: i64, next: Option<i64>, now: Timestamp) -> Result<()> {
    sqlx::query(
        "UPDATE queue SET virtual_time = CASE WHEN virtual_time < ? THEN ? WHEN virtual_time <= ? THEN virtual_time + ? ELSE virtual_time END, claimed_at = ? \
         WHERE name = 'convert'",
    )
    .bind(rank)
    .bind(rank)
    .bind(next.map(|next| next + UNIT))
    .bind(LEAST_STEP)
    .bind(now.millis())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A job that waits.
pub(super) struct Waiting {
    /// As it is stored: one that is none must not hide the others.
    pub(super) id: String,
    pub(super) rank: i64,
    pub(super) since: Timestamp,
}

impl Jobs<'_> {
    /// The waiting jobs that are next, at most `limit`.
    pub(super) async fn next(&self, limit: i64) -> Result<Vec<Waiting>> {
        let waiting = sqlx::query(
            "SELECT id, queue_rank, updated_at FROM jobs WHERE queue_rank IS NOT NULL ORDER BY queue_rank, id LIMIT ?",
        );
        let rows = self.db.fetch_all(waiting.bind(limit)).await?;
        let read = |row: &AnyRow| {
            let rank = row.try_get("queue_rank")?;
            Ok(Waiting { id: row.try_get("id")?, rank, since: time(row, "updated_at")? })
        };
        rows.iter().map(read).collect()
    }

    /// Issues up to ten tickets for jobs that have waited for `after`, if for as long neither a job was claimed nor
    /// tickets were issued here: those in the queue were lost, or all converters are busy, and then a few more do no
    /// harm.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn issue_tickets(&self, after: Duration) -> Result<Vec<Recorded<VideoUploaded>>> {
        let now = self.db.now().await?;
        let before = now.before(after);
        let mut waiting = self.next(TICKETS).await?;
        waiting.retain(|job| job.since <= before);
        if waiting.is_empty() {
            return Ok(Vec::new());
        }
        let mut tx = self.db.begin().await?;
        let turn = sqlx::query(
            "UPDATE queue SET ticketed_at = ? WHERE name = 'convert' AND claimed_at <= ? AND ticketed_at <= ?",
        )
        .bind(now.millis())
        .bind(before.millis())
        .bind(before.millis())
        .execute(&mut *tx)
        .await?;
        let mut tickets = Vec::new();
        if turn.rows_affected() == 1 {
            // Whoever claims one that can't be read sets it aside.
            for job_id in waiting.iter().filter_map(|job| job.id.parse().ok()) {
                let ticket = VideoUploaded { job_id };
                tickets.push(outbox::record(&mut tx, ticket, EventId::generate(), now).await?);
            }
        }
        tx.commit().await?;
        Ok(tickets)
    }
}
