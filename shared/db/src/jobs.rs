//! Jobs as they are read. How they change: `transitions.rs`.

use std::time::Duration;

use contracts::{AudioId, FailureCode, JobId, Options, State, Timestamp, UserId, VideoId};
use sqlx::{Row as _, any::AnyRow};

use crate::{
    Db, Error, Result,
    pool::Tx,
    row::{count_or_null, parsed, parsed_or_null, time, time_or_null},
};

/// One video on its way to becoming audio.
#[derive(Clone, Debug)]
pub struct Job {
    /// Names the job.
    pub id: JobId,
    /// Whose it is.
    pub user_id: UserId,
    /// Where it is on its way.
    pub state: State,
    /// What the audio shall be like.
    pub options: Options,
    /// 0 to 1.
    pub progress: f64,
    /// How often a converter has begun.
    pub attempts: u32,
    /// The video's blob.
    pub video_id: VideoId,
    /// What was uploaded.
    pub source: Source,
    /// The result, when done.
    pub audio: Option<Audio>,
    /// What is odd about the result, for its owner.
    pub warning: Option<String>,
    /// Why there is no result, and the detail for its owner.
    pub error: Option<(FailureCode, String)>,
    /// When the upload began.
    pub created_at: Timestamp,
    /// When anything last changed.
    pub updated_at: Timestamp,
    /// When it came to an end.
    pub finished_at: Option<Timestamp>,
    /// When the audio will be removed.
    pub expires_at: Option<Timestamp>,
}

/// What was uploaded.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The client's name for the file; empty if it gave none. Never used as a path.
    pub name: String,
    /// Size of the file.
    pub bytes: u64,
    /// The container as sniffed from the first bytes.
    pub container: String,
    /// SHA-256 of the file, in hex; jobs from before it was taken have none.
    pub digest: Option<String>,
    /// Codec of the audio track, once probed.
    pub codec: Option<String>,
    /// Duration, once probed.
    pub duration: Option<Duration>,
}

/// The result of a job.
#[derive(Clone, Debug)]
pub struct Audio {
    /// The audio's blob; the `fid` of the mail.
    pub id: AudioId,
    /// Size of the file.
    pub bytes: u64,
    /// Duration.
    pub duration: Duration,
    /// Codec, as `mp3`.
    pub codec: String,
    /// Average bit/s.
    pub bitrate: u32,
}

/// How many earlier jobs of the same video are looked at; they differ in their options.
const SAME_VIDEO: i64 = 50;

impl Db {
    /// The job with this id.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn job(&self, id: JobId) -> Result<Option<Job>> {
        let row = sqlx::query("SELECT * FROM jobs WHERE id = ?")
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The job whose finished audio has this id.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn job_by_audio(&self, id: AudioId) -> Result<Option<Job>> {
        let row = sqlx::query("SELECT * FROM jobs WHERE audio_id = ?")
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// A user's jobs, newest first, at most `limit`, older than `before` if given.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn jobs(&self, user_id: UserId, limit: u32, before: Option<JobId>) -> Result<Vec<Job>> {
        // 'z' sorts after every id.
        let before = before.map_or_else(|| "z".to_owned(), |id| id.to_string());
        let rows = sqlx::query("SELECT * FROM jobs WHERE user_id = ? AND id < ? ORDER BY id DESC LIMIT ?")
            .bind(user_id.to_string())
            .bind(before)
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Its owner's other jobs that made audio of the same video with `engine`, whose audio is still kept; newest
    /// first, at most 50.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn done_with_same_video(&self, job: &Job, engine: &str) -> Result<Vec<Job>> {
        // A digest of NULL equals none.
        let rows = sqlx::query(
            "SELECT * FROM jobs WHERE user_id = ? AND source_digest = ? AND state = 'done' AND audio_engine = ? AND expires_at > ? \
             ORDER BY id DESC LIMIT ?",
        )
        .bind(job.user_id.to_string())
        .bind(&job.source.digest)
        .bind(engine)
        .bind(Timestamp::now().millis())
        .bind(SAME_VIDEO)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// Removes a job's rows and tells what it was, so that its blobs can be removed. `None` if there is none.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn delete_job(&self, id: JobId) -> Result<Option<(VideoId, Option<AudioId>)>> {
        let mut tx = self.begin().await?;
        let blobs = blobs_of(&mut tx, id).await?;
        for statement in ["DELETE FROM notifications WHERE subject = ?", "DELETE FROM jobs WHERE id = ?"] {
            sqlx::query(statement).bind(id.to_string()).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(blobs)
    }
}

async fn blobs_of(tx: &mut Tx, id: JobId) -> Result<Option<(VideoId, Option<AudioId>)>> {
    let row = sqlx::query("SELECT video_id, audio_id FROM jobs WHERE id = ?")
        .bind(id.to_string())
        .fetch_optional(&mut **tx)
        .await?;
    row.map(|row| Ok((parsed(&row, "video_id")?, parsed_or_null(&row, "audio_id")?))).transpose()
}

pub(crate) fn read(row: &AnyRow) -> Result<Job> {
    let options: String = row.try_get("options")?;
    let attempts: i32 = row.try_get("attempts")?;
    Ok(Job {
        id: parsed(row, "id")?,
        user_id: parsed(row, "user_id")?,
        state: parsed(row, "state")?,
        options: serde_json::from_str(&options)
            .map_err(|error| Error::Corrupt(format!("options: {error}")))?,
        progress: row.try_get("progress")?,
        attempts: u32::try_from(attempts).unwrap_or(0),
        video_id: parsed(row, "video_id")?,
        source: read_source(row)?,
        audio: read_audio(row)?,
        warning: row.try_get("warning")?,
        error: read_error(row)?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        finished_at: time_or_null(row, "finished_at")?,
        expires_at: time_or_null(row, "expires_at")?,
    })
}

fn read_source(row: &AnyRow) -> Result<Source> {
    Ok(Source {
        name: row.try_get("source_name")?,
        bytes: count_or_null(row, "source_bytes")?.unwrap_or(0),
        container: row.try_get("source_container")?,
        digest: row.try_get("source_digest")?,
        codec: row.try_get("source_codec")?,
        duration: count_or_null(row, "source_duration_ms")?.map(Duration::from_millis),
    })
}

/// A converter notes the audio's id before it begins; the audio exists once its size is noted too.
fn read_audio(row: &AnyRow) -> Result<Option<Audio>> {
    let (Some(id), Some(bytes)) = (parsed_or_null(row, "audio_id")?, count_or_null(row, "audio_bytes")?)
    else {
        return Ok(None);
    };
    Ok(Some(Audio {
        id,
        bytes,
        duration: Duration::from_millis(count_or_null(row, "audio_duration_ms")?.unwrap_or(0)),
        codec: row.try_get::<Option<String>, _>("audio_codec")?.unwrap_or_default(),
        bitrate: u32::try_from(count_or_null(row, "audio_bitrate")?.unwrap_or(0)).unwrap_or(u32::MAX),
    }))
}

fn read_error(row: &AnyRow) -> Result<Option<(FailureCode, String)>> {
    let Some(code) = parsed_or_null(row, "error_code")? else { return Ok(None) };
    Ok(Some((code, row.try_get::<Option<String>, _>("error_detail")?.unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NewJob;

    #[tokio::test]
    async fn a_row_that_can_not_be_read_is_no_outage() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite:{}", folder.path().join("db").display()), 1).unwrap();
        db.migrate().await.unwrap();
        let new =
            NewJob { id: JobId::generate(), user_id: UserId::generate(), video_id: VideoId::generate() };
        db.create_job(&new).await.unwrap();
        let from_tomorrow = "UPDATE jobs SET options = '{\"smell\":\"roses\"}'";
        sqlx::query(from_tomorrow).execute(&db.pool).await.unwrap();
        assert!(matches!(db.jobs(new.user_id, 10, None).await, Err(Error::Corrupt(_))));
        assert!(matches!(db.job(new.id).await, Err(Error::Corrupt(_))));
    }
}
