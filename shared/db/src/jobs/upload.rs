//! `-> uploading -> queued`: a video arrives and is accepted.

use std::time::Duration;

use contracts::{EventId, JobId, Options, Recorded, UserId, VideoId, VideoUploaded};

use super::{Jobs, Source, changes, labels, lists::hex_key, queue};
use crate::{
    Error, Garbage, Result, garbage, outbox,
    pool::RETRY_TIME,
    request_keys::{self, Stage},
    row::{cut, stored, stored_trace},
};

/// How long an upload may be without a heartbeat before it counts as dead.
pub(super) const UPLOAD_DIES_AFTER: Duration = Duration::from_secs(3600);

/// A job whose video begins to arrive.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// The job's id.
    pub id: JobId,
    /// Whose it is.
    pub user_id: UserId,
    /// Where the video will be stored.
    pub video_id: VideoId,
}

impl Jobs<'_> {
    /// `-> uploading`: reserves the ids before the first byte is stored, so that a crash leaves nothing unnamed.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn create(&self, new: &NewJob) -> Result<()> {
        let now = self.db.now().await?;
        let insert = sqlx::query(
            "INSERT INTO jobs (id, user_id, state, options, progress, attempts, video_id, source_name, source_bytes, source_container, created_at, updated_at, changed_at, look_at) \
             VALUES (?, ?, 'uploading', '{}', 0, 0, ?, '', 0, '', ?, ?, ?, ?)",
        )
        .bind(new.id.to_string())
        .bind(new.user_id.to_string())
        .bind(new.video_id.to_string())
        .bind(now.millis())
        .bind(now.millis())
        .bind(now.millis())
        .bind(now.after(UPLOAD_DIES_AFTER).millis());
        self.db.make(insert, new.id, Stage::Begun, now).await
    }

    /// The heartbeat of an upload. False if the job is gone: nobody waits for the video any more.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn touch_upload(&self, id: JobId) -> Result<bool> {
        let now = self.db.now().await?;
        let touch =
            sqlx::query("UPDATE jobs SET updated_at = ?, look_at = ? WHERE id = ? AND state = 'uploading'")
                .bind(now.millis())
                .bind(now.after(UPLOAD_DIES_AFTER).millis())
                .bind(id.to_string());
        Ok(self.db.execute(touch).await? == 1)
    }

    /// `uploading -> queued`: the video is stored, the job is accepted. `None` if the job is gone.
    ///
    /// # Errors
    /// As the database fails. Whether the job was accepted is then not known: [`Jobs::abandon_upload`] finds out.
    pub async fn queue(
        &self,
        id: JobId,
        source: &Source,
        options: &Options,
    ) -> Result<Option<Recorded<VideoUploaded>>> {
        let mut options = options.clone();
        options.notify = Some(self.db.notified_by(id, options.notify).await?);
        let folder = options.folder.as_deref().map(hex_key);
        let options = serde_json::to_string(&options).map_err(|error| Error::Corrupt(error.to_string()))?;
        let event = EventId::generate();
        self.db
            .settle(RETRY_TIME, || self.try_to_queue(id, source, (&options, folder.as_deref()), event))
            .await
    }

    async fn try_to_queue(
        &self,
        id: JobId,
        source: &Source,
        (options, folder): (&str, Option<&str>),
        event: EventId,
    ) -> Result<Option<Recorded<VideoUploaded>>> {
        let now = self.db.now().await?;
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(
            "UPDATE jobs SET state = 'queued', options = ?, source_name = ?, source_bytes = ?, source_container = ?, source_digest = ?, folder_key = ?, updated_at = ?, changed_at = CASE WHEN changed_at < ? THEN ? ELSE changed_at + 1 END, look_at = NULL, trace = ? \
             WHERE id = ? AND state = 'uploading'",
        )
        .bind(options)
        .bind(cut(&source.name, 255))
        .bind(stored(source.bytes))
        .bind(cut(&source.container, 64))
        .bind(&source.digest)
        .bind(folder)
        .bind(now.millis())
        .bind(now.millis())
        .bind(now.millis())
        .bind(stored_trace(tx.trace()))
        .bind(id.to_string())
        .execute(&mut *tx)
        .await?;
        let ticket = VideoUploaded { job_id: id };
        if done.rows_affected() == 0 {
            // An earlier try went through and its answer was lost, or the job is gone: nobody else queues it.
            let queued = sqlx::query("SELECT 1 AS one FROM jobs WHERE id = ?")
                .bind(id.to_string())
                .fetch_optional(&mut *tx)
                .await?;
            return queued.map(|_| outbox::recorded(&tx, ticket, event, now)).transpose();
        }
        queue::enter(&mut tx, id, now).await?;
        request_keys::done(&mut tx, self.db.request.as_deref(), id, now).await?;
        let recorded = outbox::record(&mut tx, ticket, event, now).await?;
        tx.commit().await?;
        Ok(Some(recorded))
    }

    /// Forgets an upload that was not accepted, and names its video as garbage. False if there is no such upload: it is
    /// gone already, or was accepted after all.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn abandon_upload(&self, id: JobId) -> Result<bool> {
        self.db.settle(Duration::ZERO, || self.try_to_abandon(id)).await
    }

    async fn try_to_abandon(&self, id: JobId) -> Result<bool> {
        let now = self.db.now().await?;
        let mut tx = self.db.begin().await?;
        let Some(job) = super::read::by_id(&mut tx, id).await? else { return Ok(false) };
        let gone = sqlx::query("DELETE FROM jobs WHERE id = ? AND state = 'uploading'")
            .bind(id.to_string())
            .execute(&mut *tx)
            .await?;
        if gone.rows_affected() == 1 {
            changes::note_deleted(&mut tx, &job, now).await?;
            labels::forget_all(&mut tx, &job).await?;
            garbage::name(&mut tx, Garbage::Video(job.video_id), now).await?;
        }
        tx.commit().await?;
        Ok(gone.rows_affected() == 1)
    }
}
