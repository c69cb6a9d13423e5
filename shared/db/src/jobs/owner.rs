//! What the owner of a job does to it: cancel, retry, delete.

use std::time::Duration;

use contracts::{EventId, FailureCode, JobId, Recorded, Timestamp, UserId, VideoUploaded};
use sqlx::{Row as _, any::AnyRow};

use super::{Job, Jobs, changes, chapters, labels, queue, read};
use crate::{
    Error, Garbage, Result, deliveries, garbage, outbox,
    pool::Tx,
    row::{parsed, parsed_or_null, stored_trace},
};

/// The converter of a job that is taken away from it stops at its next heartbeat; until then it may write.
const STILL_WRITTEN: Duration = Duration::from_secs(600);

/// Jobs of one query.
const AT_ONCE: i64 = 200;
/// What is said of deliveries that nobody makes any more.
const ACCOUNT_DELETED: &str = "the account was deleted";
/// Jobs that one transaction removes.
const DELETED_AT_ONCE: i64 = 100;

impl Jobs<'_> {
    /// `queued | converting -> canceled`. False if the job is in neither state, nor canceled already. A running
    /// converter loses its lease and stops at its next heartbeat.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn cancel(&self, id: JobId) -> Result<bool> {
        self.db.settle(Duration::ZERO, || self.try_to_cancel(id)).await
    }

    async fn try_to_cancel(&self, id: JobId) -> Result<bool> {
        let now = self.db.now().await?;
        let mut tx = self.db.begin().await?;
        let Some(job) = read::locked(&mut tx, id).await? else { return Ok(false) };
        let canceled = set_canceled(&mut tx, &job, now).await?;
        tx.commit().await?;
        Ok(canceled || job.state == contracts::State::Canceled)
    }

    /// `failed | canceled -> queued`, with a fresh count of attempts. `None` if the job is in neither state, or
    /// its video was removed.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn retry(&self, id: JobId) -> Result<Option<Recorded<VideoUploaded>>> {
        let ticket = EventId::generate();
        self.db.settle(Duration::ZERO, || self.try_to_retry(id, ticket)).await
    }

    async fn try_to_retry(&self, id: JobId, ticket: EventId) -> Result<Option<Recorded<VideoUploaded>>> {
        let now = self.db.now().await?;
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(
            "UPDATE jobs SET state = 'queued', attempts = 0, outages = 0, progress = 0, error_code = NULL, error_detail = NULL, finished_at = NULL, lease_owner = NULL, updated_at = ?, changed_at = CASE WHEN changed_at < ? THEN ? ELSE changed_at + 1 END, trace = ? \
             WHERE id = ? AND state IN ('failed', 'canceled') AND video_removed_at IS NULL",
        )
        .bind(now.millis())
        .bind(now.millis())
        .bind(now.millis())
        .bind(stored_trace(tx.trace()))
        .bind(id.to_string())
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(None);
        }
        queue::enter(&mut tx, id, now).await?;
        let recorded = outbox::record(&mut tx, VideoUploaded { job_id: id }, ticket, now).await?;
        tx.commit().await?;
        Ok(Some(recorded))
    }

    /// [`Jobs::retry`] for all jobs that failed so, were uploaded since `since` and whose video is kept.
    ///
    /// # Errors
    /// As the database fails; those that were retried before are.
    pub async fn retry_failed(
        &self,
        since: Timestamp,
        so: impl Fn(FailureCode) -> bool,
    ) -> Result<Vec<Recorded<VideoUploaded>>> {
        let mut tickets = Vec::new();
        // Ids are in the order of time: a range of the primary key.
        let mut after = JobId::first_of(since).to_string();
        loop {
            let failed = sqlx::query(
                "SELECT id, error_code FROM jobs WHERE id > ? AND state = 'failed' AND video_removed_at IS NULL ORDER BY id LIMIT ?",
            );
            let rows = self.db.fetch_all(failed.bind(&after).bind(AT_ONCE)).await?;
            let Some(last) = rows.last() else { return Ok(tickets) };
            after = last.try_get("id")?;
            // A code that a newer version has written may mean anything.
            let fits = |row: &&AnyRow| parsed_or_null(row, "error_code").ok().flatten().is_none_or(&so);
            for id in rows.iter().filter(fits).filter_map(|row| parsed(row, "id").ok()) {
                tickets.extend(self.retry(id).await?);
            }
        }
    }

    /// Removes a job. Its blobs are named as garbage, and whoever is not told yet will not be. False if there is none.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn delete(&self, id: JobId) -> Result<bool> {
        self.db.settle(Duration::ZERO, || self.try_to_delete(id)).await
    }

    async fn try_to_delete(&self, id: JobId) -> Result<bool> {
        let now = self.db.now().await?;
        let mut tx = self.db.begin().await?;
        let Some(job) = read::locked(&mut tx, id).await? else { return Ok(false) };
        delete(&mut tx, &job, "the job was deleted", now).await?;
        changes::note_deleted(&mut tx, &job, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Removes up to a hundred jobs of a user as [`Jobs::delete`] does; returns how many.
    ///
    /// # Errors
    /// As the database fails.
    pub(crate) async fn delete_some(&self, user: UserId) -> Result<usize> {
        self.db.settle(Duration::ZERO, || self.try_to_delete_some(user)).await
    }

    async fn try_to_delete_some(&self, user: UserId) -> Result<usize> {
        let now = self.db.now().await?;
        let some = sqlx::query("SELECT id FROM jobs WHERE user_id = ? ORDER BY id LIMIT ?");
        let rows = self.db.fetch_all(some.bind(user.to_string()).bind(DELETED_AT_ONCE)).await?;
        let ids: Vec<String> = rows.iter().map(|row| Ok(row.try_get("id")?)).collect::<Result<_>>()?;
        if ids.is_empty() {
            return Ok(0);
        }
        let mut tx = self.db.begin().await?;
        for row in &read::all_locked(&mut tx, &ids).await? {
            match read::read(row) {
                Ok(job) => delete(&mut tx, &job, ACCOUNT_DELETED, now).await?,
                Err(Error::Corrupt(problem)) => delete_unread(&mut tx, row, &problem, now).await?,
                Err(error) => return Err(error),
            }
        }
        tx.commit().await?;
        Ok(ids.len())
    }
}

/// Whether the job was on its way to the converter or there, and is canceled now.
pub(super) async fn set_canceled(tx: &mut Tx, job: &Job, now: Timestamp) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE jobs SET state = 'canceled', queue_rank = NULL, lease_owner = NULL, lease_until = NULL, finished_at = ?, updated_at = ?, changed_at = CASE WHEN changed_at < ? THEN ? ELSE changed_at + 1 END, look_at = ?, end_no = end_no + 1 \
         WHERE id = ? AND state IN ('queued', 'converting')",
    )
    .bind(now.millis())
    .bind(now.millis())
    .bind(now.millis())
    .bind(now.millis())
    .bind(now.millis())
    .bind(job.id.to_string())
    .execute(&mut **tx)
    .await?;
    let canceled = done.rows_affected() == 1;
    if let (true, Some(audio)) = (canceled, job.attempt_audio) {
        garbage::name(tx, Garbage::Audio(audio), now.after(STILL_WRITTEN)).await?;
    }
    Ok(canceled)
}

/// [`delete`] for a row that can't be read. A blob whose id can't be read either is found by the walk over the blob store.
async fn delete_unread(tx: &mut Tx, row: &AnyRow, problem: &str, now: Timestamp) -> Result<()> {
    let id: String = row.try_get("id")?;
    tracing::error!(job = id, problem, "a job can't be read; it is deleted with its account");
    deliveries::drop_of_job(tx, &id, ACCOUNT_DELETED, now).await?;
    chapters::delete(tx, &id).await?;
    sqlx::query("DELETE FROM jobs WHERE id = ?").bind(id).execute(&mut **tx).await?;
    let due = now.after(STILL_WRITTEN);
    if let Ok(video) = parsed(row, "video_id") {
        garbage::name(tx, Garbage::Video(video), due).await?;
    }
    if let Ok(Some(audio)) = parsed_or_null(row, "audio_id") {
        garbage::name(tx, Garbage::Audio(audio), due).await?;
    }
    Ok(())
}

/// Removes the row and names its blobs as garbage.
pub(super) async fn delete(tx: &mut Tx, job: &Job, why: &str, now: Timestamp) -> Result<()> {
    deliveries::drop_of_job(tx, &job.id.to_string(), why, now).await?;
    chapters::delete(tx, &job.id.to_string()).await?;
    labels::forget_all(tx, job).await?;
    sqlx::query("DELETE FROM jobs WHERE id = ?").bind(job.id.to_string()).execute(&mut **tx).await?;
    // A blob that is being written is removed when its writer has noticed.
    let due = if job.state.is_final() { now } else { now.after(STILL_WRITTEN) };
    if job.video_removed_at.is_none() {
        garbage::name(tx, Garbage::Video(job.video_id), due).await?;
    }
    if let Some(audio) = job.attempt_audio.filter(|_| job.state != contracts::State::Expired) {
        garbage::name(tx, Garbage::Audio(audio), due).await?;
    }
    Ok(())
}
