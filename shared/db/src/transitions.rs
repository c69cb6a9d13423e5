//! The state machine of a job. Each transition is one compare-and-set (`... WHERE id = ? AND state = ...`), with
//! its outbox row in the same transaction. A transition that comes too late changes nothing and says so.

use std::time::Duration;

use contracts::{
    AudioId, AudioReady, ConversionFailed, EventId, FailureCode, JobId, Options, Recorded, State, Timestamp,
    UserId, VideoId, VideoUploaded,
};

use crate::{
    Audio, Db, Error, Job, Result, Source, outbox,
    pool::Tx,
    row::{cut, stored},
};

/// How often a converter may begin with a job before it counts as failed.
pub const MAX_ATTEMPTS: u32 = 3;

/// How many deadlocks in a row a claim survives.
const DEADLOCKS: u32 = 5;

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

/// A converter's right to a job, until it expires. All that a converter writes is bound to it.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The job.
    pub job_id: JobId,
    /// Unique to this attempt.
    pub owner: EventId,
    /// Where this attempt's audio goes.
    pub audio_id: AudioId,
}

/// A job that the caller may convert now.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The job, as of now.
    pub job: Job,
    /// The right to it.
    pub lease: Lease,
}

/// A conversion that went well.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The result, already stored.
    pub audio: Audio,
    /// What the source turned out to be.
    pub source_codec: Option<String>,
    /// How long the source turned out to be.
    pub source_duration: Option<Duration>,
    /// What is odd about the result.
    pub warning: Option<String>,
    /// How long the result is kept.
    pub keep: Duration,
}

impl Db {
    /// `-> uploading`: reserves the ids before the first byte is stored, so that a crash leaves nothing unnamed.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn create_job(&self, new: &NewJob) -> Result<()> {
        let now = Timestamp::now().millis();
        sqlx::query(
            "INSERT INTO jobs (id, user_id, state, options, progress, attempts, video_id, source_name, source_bytes, source_container, created_at, updated_at) \
             VALUES (?, ?, 'uploading', '{}', 0, 0, ?, '', 0, '', ?, ?)",
        )
        .bind(new.id.to_string())
        .bind(new.user_id.to_string())
        .bind(new.video_id.to_string())
        .bind(now)
        .bind(now)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// `uploading -> queued`: the video is stored, the job is accepted. `None` if the job is gone.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn queue_job(
        &self,
        id: JobId,
        source: &Source,
        options: &Options,
    ) -> Result<Option<Recorded<VideoUploaded>>> {
        let options = serde_json::to_string(options).map_err(|error| Error::Corrupt(error.to_string()))?;
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE jobs SET state = 'queued', options = ?, source_name = ?, source_bytes = ?, source_container = ?, source_digest = ?, updated_at = ? \
             WHERE id = ? AND state = 'uploading'",
        )
        .bind(options)
        .bind(cut(&source.name, 255))
        .bind(stored(source.bytes))
        .bind(cut(&source.container, 64))
        .bind(&source.digest)
        .bind(Timestamp::now().millis())
        .bind(id.to_string())
        .execute(&mut *tx)
        .await?;
        recorded_if(tx, done.rows_affected(), VideoUploaded { job_id: id }).await
    }

    /// `queued -> converting`: takes the job for the time of `lease`. `None` if it is not there to be taken
    /// (another converter has it, it is finished, canceled or deleted).
    ///
    /// # Errors
    /// As the database fails.
    pub async fn claim_job(&self, id: JobId, lease: Duration) -> Result<Option<Claimed>> {
        // Many may want the same row at the same moment, and MySQL then ends some of them as a deadlock.
        for _ in 0..DEADLOCKS {
            match self.try_to_claim_job(id, lease).await {
                Err(error) if error.is_deadlock() => {}
                ended => return ended,
            }
        }
        self.try_to_claim_job(id, lease).await
    }

    async fn try_to_claim_job(&self, id: JobId, lease: Duration) -> Result<Option<Claimed>> {
        let right = Lease { job_id: id, owner: EventId::generate(), audio_id: AudioId::generate() };
        let now = Timestamp::now();
        let done = sqlx::query(
            "UPDATE jobs SET state = 'converting', attempts = attempts + 1, lease_owner = ?, lease_until = ?, audio_id = ?, progress = 0, updated_at = ? \
             WHERE id = ? AND state = 'queued'",
        )
        .bind(right.owner.to_string())
        .bind(now.after(lease).millis())
        .bind(right.audio_id.to_string())
        .bind(now.millis())
        .bind(id.to_string())
        .execute(&self.pool)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(None);
        }
        Ok(self.job(id).await?.map(|job| Claimed { job, lease: right }))
    }

    /// The heartbeat of a converter: extends its lease and notes its progress (0 to 1). False if the lease is
    /// lost: somebody canceled or deleted the job, or another converter has it.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn extend_lease(&self, right: &Lease, lease: Duration, progress: f64) -> Result<bool> {
        let now = Timestamp::now();
        let done = sqlx::query(
            "UPDATE jobs SET lease_until = ?, progress = ?, updated_at = ? WHERE id = ? AND state = 'converting' AND lease_owner = ?",
        )
        .bind(now.after(lease).millis())
        .bind(progress.clamp(0.0, 1.0))
        .bind(now.millis())
        .bind(right.job_id.to_string())
        .bind(right.owner.to_string())
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// `converting -> done`. `engine` names what made the audio, so that a better one does not take it for its own.
    /// `None` if the lease is lost: the caller removes its audio.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn finish_job(
        &self,
        right: &Lease,
        finished: &Finished,
        engine: &str,
    ) -> Result<Option<Recorded<AudioReady>>> {
        let now = Timestamp::now();
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE jobs SET state = 'done', progress = 1, audio_bytes = ?, audio_codec = ?, audio_bitrate = ?, audio_duration_ms = ?, audio_engine = ?, \
             source_codec = ?, source_duration_ms = ?, warning = ?, finished_at = ?, expires_at = ?, updated_at = ?, lease_owner = NULL, lease_until = NULL \
             WHERE id = ? AND state = 'converting' AND lease_owner = ?",
        )
        .bind(stored(finished.audio.bytes))
        .bind(&finished.audio.codec)
        .bind(i64::from(finished.audio.bitrate))
        .bind(millis(finished.audio.duration))
        .bind(engine)
        .bind(finished.source_codec.as_deref().map(|codec| cut(codec, 64)))
        .bind(finished.source_duration.map(millis))
        .bind(finished.warning.as_deref().map(|text| cut(text, 500)))
        .bind(now.millis())
        .bind(now.after(finished.keep).millis())
        .bind(now.millis())
        .bind(right.job_id.to_string())
        .bind(right.owner.to_string())
        .execute(&mut *tx)
        .await?;
        let event = AudioReady { job_id: right.job_id, audio_id: right.audio_id };
        recorded_if(tx, done.rows_affected(), event).await
    }

    /// `converting -> failed`, for good. `None` if the lease is lost.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn fail_job(
        &self,
        right: &Lease,
        code: FailureCode,
        detail: &str,
    ) -> Result<Option<Recorded<ConversionFailed>>> {
        let mut tx = self.begin().await?;
        let failed = set_failed(&mut tx, right.job_id, &right.owner.to_string(), code, detail).await?;
        recorded_if(tx, failed, ConversionFailed { job_id: right.job_id, code }).await
    }

    /// `converting -> queued`: gives the job back, for the next delivery of its event. `counts` says whether the
    /// attempt is held against the job.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn release_job(&self, right: &Lease, counts: bool) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE jobs SET state = 'queued', attempts = attempts - ?, progress = 0, lease_owner = NULL, lease_until = NULL, updated_at = ? \
             WHERE id = ? AND state = 'converting' AND lease_owner = ?",
        )
        .bind(i32::from(!counts))
        .bind(Timestamp::now().millis())
        .bind(right.job_id.to_string())
        .bind(right.owner.to_string())
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// `queued | converting -> canceled`. False if the job is in neither state. A running converter loses its
    /// lease and stops at its next heartbeat.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn cancel_job(&self, id: JobId) -> Result<bool> {
        let now = Timestamp::now().millis();
        let done = sqlx::query(
            "UPDATE jobs SET state = 'canceled', lease_owner = NULL, lease_until = NULL, finished_at = ?, updated_at = ? \
             WHERE id = ? AND state IN ('queued', 'converting')",
        )
        .bind(now)
        .bind(now)
        .bind(id.to_string())
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// `failed | canceled -> queued`, with a fresh count of attempts. `None` if the job is in neither state, or
    /// its video was removed.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn retry_job(&self, id: JobId) -> Result<Option<Recorded<VideoUploaded>>> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE jobs SET state = 'queued', attempts = 0, progress = 0, error_code = NULL, error_detail = NULL, finished_at = NULL, updated_at = ? \
             WHERE id = ? AND state IN ('failed', 'canceled') AND video_removed_at IS NULL",
        )
        .bind(Timestamp::now().millis())
        .bind(id.to_string())
        .execute(&mut *tx)
        .await?;
        recorded_if(tx, done.rows_affected(), VideoUploaded { job_id: id }).await
    }
}

/// Commits with the event if the compare-and-set has hit, else rolls back.
async fn recorded_if<E: contracts::Event>(mut tx: Tx, rows: u64, event: E) -> Result<Option<Recorded<E>>> {
    if rows == 0 {
        return Ok(None);
    }
    let recorded = outbox::record(&mut tx, event).await?;
    tx.commit().await?;
    Ok(Some(recorded))
}

pub(crate) async fn set_failed(
    tx: &mut Tx,
    id: JobId,
    owner: &str,
    code: FailureCode,
    detail: &str,
) -> Result<u64> {
    let now = Timestamp::now().millis();
    let done = sqlx::query(
        "UPDATE jobs SET state = ?, error_code = ?, error_detail = ?, finished_at = ?, updated_at = ?, lease_owner = NULL, lease_until = NULL \
         WHERE id = ? AND state = 'converting' AND lease_owner = ?",
    )
    .bind(State::Failed.as_str())
    .bind(code.as_str())
    .bind(cut(detail, 500))
    .bind(now)
    .bind(now)
    .bind(id.to_string())
    .bind(owner)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
