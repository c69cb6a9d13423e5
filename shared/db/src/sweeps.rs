//! What the sweep asks of the database. Everything here works by range and may run twice.

use contracts::{
    AudioId, AudioReady, ConversionFailed, FailureCode, JobId, State, Timestamp, VideoId, VideoUploaded,
};
use sqlx::{Row as _, any::AnyRow};

use crate::{Db, MAX_ATTEMPTS, Result, outbox, row::parsed, transitions::set_failed};

/// How many rows one pass takes at the most; the next pass takes the next ones.
const BATCH: i64 = 500;

impl Db {
    /// `converting -> queued | failed` for every job whose lease ended before `now`; returns how many.
    /// Those that have begun [`MAX_ATTEMPTS`] times fail.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn take_back_leases(&self, now: Timestamp) -> Result<usize> {
        let rows = sqlx::query(
            "SELECT id, lease_owner, attempts FROM jobs WHERE state = 'converting' AND lease_until < ? ORDER BY id LIMIT ?",
        )
        .bind(now.millis())
        .bind(BATCH)
        .fetch_all(&self.pool)
        .await?;
        for row in &rows {
            self.take_back(
                parsed(row, "id")?,
                &row.try_get::<String, _>("lease_owner")?,
                row.try_get("attempts")?,
            )
            .await?;
        }
        Ok(rows.len())
    }

    async fn take_back(&self, id: JobId, owner: &str, attempts: i32) -> Result<()> {
        let mut tx = self.begin().await?;
        if u32::try_from(attempts).unwrap_or(0) >= MAX_ATTEMPTS {
            let code = FailureCode::Internal;
            let detail = "The converter stopped without an answer, several times.";
            if set_failed(&mut tx, id, owner, code, detail).await? == 1 {
                outbox::record(&mut tx, ConversionFailed { job_id: id, code }).await?;
            }
        } else {
            let done = sqlx::query(
                "UPDATE jobs SET state = 'queued', progress = 0, lease_owner = NULL, lease_until = NULL, updated_at = ? \
                 WHERE id = ? AND state = 'converting' AND lease_owner = ?",
            )
            .bind(Timestamp::now().millis())
            .bind(id.to_string())
            .bind(owner)
            .execute(&mut *tx)
            .await?;
            if done.rows_affected() == 1 && !has_event(&mut tx, id).await? {
                outbox::record(&mut tx, VideoUploaded { job_id: id }).await?;
            }
        }
        tx.commit().await?;
        Ok(())
    }

    /// Says again that a video was uploaded, for every job queued since before `before` whose event is not in
    /// the outbox any more; returns how many.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn requeue_stuck_jobs(&self, before: Timestamp) -> Result<usize> {
        let rows = sqlx::query(
            "SELECT id FROM jobs WHERE state = 'queued' AND updated_at < ? \
             AND NOT EXISTS (SELECT 1 FROM outbox WHERE subject = jobs.id AND kind = 'dev.tapedeck.video.uploaded.v1' AND dead_at IS NULL) \
             ORDER BY id LIMIT ?",
        )
        .bind(before.millis())
        .bind(BATCH)
        .fetch_all(&self.pool)
        .await?;
        for row in &rows {
            let id: JobId = parsed(row, "id")?;
            let mut tx = self.begin().await?;
            sqlx::query("UPDATE jobs SET updated_at = ? WHERE id = ? AND state = 'queued'")
                .bind(Timestamp::now().millis())
                .bind(id.to_string())
                .execute(&mut *tx)
                .await?;
            outbox::record(&mut tx, VideoUploaded { job_id: id }).await?;
            tx.commit().await?;
        }
        Ok(rows.len())
    }

    /// Says again how a job ended, for every job that ended before `before` and whose owner nobody has begun to
    /// tell: its event was lost on the way. Returns how many.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn announce_untold_jobs(&self, before: Timestamp) -> Result<usize> {
        let rows = sqlx::query(
            "SELECT id, state, audio_id, error_code FROM jobs WHERE state IN ('done', 'failed') AND finished_at < ? \
             AND options NOT LIKE '%\"notify\":\"none\"%' \
             AND NOT EXISTS (SELECT 1 FROM notifications WHERE subject = jobs.id AND kind = CASE state WHEN 'done' THEN 'ready' ELSE 'failed' END) \
             AND NOT EXISTS (SELECT 1 FROM outbox WHERE subject = jobs.id) \
             ORDER BY id LIMIT ?",
        )
        .bind(before.millis())
        .bind(BATCH)
        .fetch_all(&self.pool)
        .await?;
        for row in &rows {
            let job_id: JobId = parsed(row, "id")?;
            let mut tx = self.begin().await?;
            if row.try_get::<String, _>("state")? == State::Done.as_str() {
                outbox::record(&mut tx, AudioReady { job_id, audio_id: parsed(row, "audio_id")? }).await?;
            } else {
                outbox::record(&mut tx, ConversionFailed { job_id, code: parsed(row, "error_code")? })
                    .await?;
            }
            tx.commit().await?;
        }
        Ok(rows.len())
    }

    /// How many jobs ended whose owner wants to be told and has not been.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn untold_jobs(&self) -> Result<u64> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS n FROM jobs WHERE state IN ('done', 'failed') AND options NOT LIKE '%\"notify\":\"none\"%' \
             AND NOT EXISTS (SELECT 1 FROM notifications WHERE subject = jobs.id AND sent_at IS NOT NULL \
             AND kind = CASE state WHEN 'done' THEN 'ready' ELSE 'failed' END)",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(crate::row::count_or_null(&row, "n")?.unwrap_or(0))
    }

    /// Forgets uploads that began before `before` and never ended. Their blobs are named by no row any more.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn forget_abandoned_uploads(&self, before: Timestamp) -> Result<u64> {
        let done = sqlx::query("DELETE FROM jobs WHERE state = 'uploading' AND updated_at < ?")
            .bind(before.millis())
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected())
    }

    /// A slow upload says that it is alive. `false`: its job is gone.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn touch_upload(&self, id: JobId) -> Result<bool> {
        let done = sqlx::query("UPDATE jobs SET updated_at = ? WHERE id = ? AND state = 'uploading'")
            .bind(Timestamp::now().millis())
            .bind(id.to_string())
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Removes the job of an upload that is given up. `false`: it is no longer `uploading`, so its video is not the
    /// caller's to remove.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn abandon_upload(&self, id: JobId) -> Result<bool> {
        let done = sqlx::query("DELETE FROM jobs WHERE id = ? AND state = 'uploading'")
            .bind(id.to_string())
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// `done -> expired` for jobs past their retention; their audio is to be removed.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn expire_jobs(&self, now: Timestamp) -> Result<Vec<AudioId>> {
        let rows = sqlx::query(
            "SELECT id, audio_id FROM jobs WHERE state = 'done' AND expires_at < ? ORDER BY id LIMIT ?",
        )
        .bind(now.millis())
        .bind(BATCH)
        .fetch_all(&self.pool)
        .await?;
        for row in &rows {
            sqlx::query("UPDATE jobs SET state = ?, updated_at = ? WHERE id = ? AND state = 'done'")
                .bind(State::Expired.as_str())
                .bind(Timestamp::now().millis())
                .bind(parsed::<JobId>(row, "id")?.to_string())
                .execute(&self.pool)
                .await?;
        }
        rows.iter().map(|row| parsed(row, "audio_id")).collect()
    }

    /// Videos of jobs that came to their end before `before`: nobody needs them any more. They are marked as
    /// removed; the caller removes them.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn videos_to_remove(&self, before: Timestamp) -> Result<Vec<VideoId>> {
        let rows = sqlx::query(
            "SELECT id, video_id FROM jobs WHERE finished_at < ? AND video_removed_at IS NULL ORDER BY id LIMIT ?",
        )
        .bind(before.millis())
        .bind(BATCH)
        .fetch_all(&self.pool)
        .await?;
        for row in &rows {
            sqlx::query("UPDATE jobs SET video_removed_at = ? WHERE id = ?")
                .bind(Timestamp::now().millis())
                .bind(parsed::<JobId>(row, "id")?.to_string())
                .execute(&self.pool)
                .await?;
        }
        rows.iter().map(|row| parsed(row, "video_id")).collect()
    }

    /// How many jobs are on their way: uploading, queued or converting.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn unfinished_jobs(&self) -> Result<u64> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS n FROM jobs WHERE state IN ('uploading', 'queued', 'converting')",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(crate::row::count_or_null(&row, "n")?.unwrap_or(0))
    }

    /// Whether a job names this video as one that should exist.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn names_video(&self, id: VideoId) -> Result<bool> {
        let row = sqlx::query("SELECT 1 AS one FROM jobs WHERE video_id = ? AND video_removed_at IS NULL")
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.is_some())
    }

    /// Whether a job names this audio as one that exists or is being made.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn names_audio(&self, id: AudioId) -> Result<bool> {
        let row =
            sqlx::query("SELECT 1 AS one FROM jobs WHERE audio_id = ? AND state IN ('converting', 'done')")
                .bind(id.to_string())
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.is_some())
    }

    /// Removes refresh tokens that are past their time; returns how many.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn forget_expired_tokens(&self, now: Timestamp) -> Result<u64> {
        let done = sqlx::query("DELETE FROM refresh_tokens WHERE expires_at < ?")
            .bind(now.millis())
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected())
    }

    /// For the start of a process that knows it is alone: every lease and claim belongs to the dead. Takes all
    /// jobs back, frees all claims and forgets all uploads in hand.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn recover_alone(&self) -> Result<()> {
        let end_of_time = Timestamp::from_millis(i64::MAX);
        while self.take_back_leases(end_of_time).await? > 0 {}
        self.forget_abandoned_uploads(end_of_time).await?;
        sqlx::query("UPDATE notifications SET claimed_until = 0 WHERE sent_at IS NULL")
            .execute(&self.pool)
            .await?;
        sqlx::query("UPDATE outbox SET due_at = time WHERE dead_at IS NULL").execute(&self.pool).await?;
        Ok(())
    }
}

async fn has_event(tx: &mut crate::pool::Tx, id: JobId) -> Result<bool> {
    let row: Option<AnyRow> = sqlx::query("SELECT 1 AS one FROM outbox WHERE subject = ? AND kind = 'dev.tapedeck.video.uploaded.v1' AND dead_at IS NULL")
        .bind(id.to_string())
        .fetch_optional(&mut **tx)
        .await?;
    Ok(row.is_some())
}
