//! A job, and how it is found.

use std::{fmt::Display, str::FromStr, time::Duration};

use contracts::{
    AudioId, Cost, EventId, FailureCode, JobId, Options, Stage, State, Timestamp, Trace, UserId, VideoId,
};
use sqlx::{
    Any, Row as _,
    any::{AnyArguments, AnyRow},
    query::Query,
};

use super::Jobs;
use crate::{
    Error, Result,
    pool::Tx,
    row::{count_or_null, parsed, parsed_or_null, time, time_or_null, trace},
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
    /// Whether this version understands all that was asked for. If not, a newer one must convert it.
    pub understood: bool,
    /// 0 to 1.
    pub progress: f64,
    /// What is being done; none once it has ended.
    pub stage: Option<Stage>,
    /// How often a converter has begun.
    pub attempts: u32,
    /// How often in a row a store was away while it was converted.
    pub outages: u32,
    /// How often it has come to an end.
    pub end_no: u32,
    /// The video's blob.
    pub video_id: VideoId,
    /// What was uploaded.
    pub source: Source,
    /// What its owner calls it; none if as its title or its file says.
    pub name: Option<String>,
    /// By which its owner finds it again.
    pub tags: Vec<String>,
    /// The result, when done.
    pub audio: Option<Audio>,
    /// How large the waveform of the result is in bytes, if there is one. Its blob has the audio's id.
    pub peaks: Option<u64>,
    /// What is odd about the result, for its owner.
    pub warning: Option<String>,
    /// Why there is no result, and the detail for its owner.
    pub error: Option<(FailureCode, String)>,
    /// What its attempts have taken; `None` until one has ended.
    pub cost: Option<Cost>,
    /// The trace of the request that queued it.
    pub trace: Trace,
    /// When the upload began.
    pub created_at: Timestamp,
    /// When anything last changed.
    pub updated_at: Timestamp,
    /// When the state last changed: later with each change, be it by a millisecond.
    pub changed_at: Timestamp,
    /// When it came to an end.
    pub finished_at: Option<Timestamp>,
    /// When the audio will be removed.
    pub expires_at: Option<Timestamp>,
    /// When the video was removed.
    pub video_removed_at: Option<Timestamp>,
    /// Who converts it, or who ended it.
    pub(crate) lease_owner: Option<EventId>,
    pub(crate) lease_until: Option<Timestamp>,
    /// Its place in the queue, while it waits.
    pub(crate) queue_rank: Option<i64>,
    /// Where the audio of the latest attempt is or was to be.
    pub(crate) attempt_audio: Option<AudioId>,
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

impl Jobs<'_> {
    /// The job with this id.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn get(&self, id: JobId) -> Result<Option<Job>> {
        let by_id = sqlx::query("SELECT * FROM jobs WHERE id = ?").bind(id.to_string());
        self.db.fetch_optional(by_id).await?.as_ref().map(read).transpose()
    }

    /// The job whose finished audio has this id.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn by_audio(&self, id: AudioId) -> Result<Option<Job>> {
        let by_audio = sqlx::query("SELECT * FROM jobs WHERE audio_id = ?").bind(id.to_string());
        self.db.fetch_optional(by_audio).await?.as_ref().map(read).transpose()
    }

    /// Its owner's other jobs that made audio of the same video with `engine`, whose audio is still kept; newest
    /// first, at most 50.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn done_with_same_video(&self, job: &Job, engine: &str) -> Result<Vec<Job>> {
        // A digest of NULL equals none.
        let same = sqlx::query(
            "SELECT * FROM jobs WHERE user_id = ? AND source_digest = ? AND state = 'done' AND audio_engine = ? AND expires_at > ? \
             ORDER BY id DESC LIMIT ?",
        )
        .bind(job.user_id.to_string())
        .bind(&job.source.digest)
        .bind(engine)
        .bind(self.db.now().await?.millis())
        .bind(SAME_VIDEO);
        Ok(readable(&self.db.fetch_all(same).await?))
    }

    /// How many jobs were accepted and have not ended. Reads the whole table: for tests and tools.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn count_unfinished(&self) -> Result<u64> {
        let count = sqlx::query("SELECT COUNT(*) AS n FROM jobs WHERE state IN ('queued', 'converting')");
        Ok(count_or_null(&self.db.fetch_one(count).await?, "n")?.unwrap_or(0))
    }

    /// Which of these videos a job names as one that should exist, or waits as garbage.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn known_videos(&self, ids: &[VideoId]) -> Result<Vec<VideoId>> {
        let jobs = "SELECT video_id AS id FROM jobs WHERE video_removed_at IS NULL AND video_id";
        let garbage = "SELECT blob_id AS id FROM garbage WHERE bucket = 'videos' AND blob_id";
        let mut known = self.known(jobs, ids).await?;
        known.extend(self.known(garbage, ids).await?);
        Ok(known)
    }

    /// Which of these audios a job names as one that exists or is being made, or waits as garbage.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn known_audios(&self, ids: &[AudioId]) -> Result<Vec<AudioId>> {
        let jobs = "SELECT audio_id AS id FROM jobs WHERE state IN ('converting', 'done') AND audio_id";
        let garbage = "SELECT blob_id AS id FROM garbage WHERE bucket = 'audios' AND blob_id";
        let mut known = self.known(jobs, ids).await?;
        known.extend(self.known(garbage, ids).await?);
        Ok(known)
    }

    async fn known<K: FromStr<Err: Display> + Display>(&self, named: &str, ids: &[K]) -> Result<Vec<K>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!("{named} IN ({})", placeholders(ids.len()));
        let rows = self.db.fetch_all(bound(sqlx::AssertSqlSafe(sql), ids)).await?;
        rows.iter().map(|row| parsed(row, "id")).collect()
    }
}

pub(super) fn placeholders(count: usize) -> String {
    vec!["?"; count].join(", ")
}

pub(super) fn bound<K: Display>(
    sql: sqlx::AssertSqlSafe<String>,
    ids: &[K],
) -> Query<'static, Any, AnyArguments> {
    ids.iter().fold(sqlx::query(sql), |query, id| query.bind(id.to_string()))
}

/// The job with this id, as a transaction sees it.
pub(crate) async fn by_id(tx: &mut Tx, id: JobId) -> Result<Option<Job>> {
    let row =
        sqlx::query("SELECT * FROM jobs WHERE id = ?").bind(id.to_string()).fetch_optional(&mut **tx).await?;
    row.as_ref().map(read).transpose()
}

/// The same, and it changes no more until the transaction ends. The first call of its transaction: what is read is what
/// the one before has left (MySQL's snapshot is taken by the first read).
pub(crate) async fn locked(tx: &mut Tx, id: JobId) -> Result<Option<Job>> {
    sqlx::query("UPDATE jobs SET updated_at = updated_at WHERE id = ?")
        .bind(id.to_string())
        .execute(&mut **tx)
        .await?;
    by_id(tx, id).await
}

/// [`locked`] for many: their rows, which may be such as can't be read.
pub(super) async fn all_locked(tx: &mut Tx, ids: &[String]) -> Result<Vec<AnyRow>> {
    let of_these = format!("id IN ({})", placeholders(ids.len()));
    let lock = format!("UPDATE jobs SET updated_at = updated_at WHERE {of_these}");
    bound(sqlx::AssertSqlSafe(lock), ids).execute(&mut **tx).await?;
    let select = format!("SELECT * FROM jobs WHERE {of_these}");
    Ok(bound(sqlx::AssertSqlSafe(select), ids).fetch_all(&mut **tx).await?)
}

/// A row that a newer version has written must not hide the others.
pub(super) fn readable(rows: &[AnyRow]) -> Vec<Job> {
    let log = |error: &Error| tracing::error!(%error, "a job that can't be read is left out of a list");
    rows.iter().filter_map(|row| read(row).inspect_err(log).ok()).collect()
}

pub(crate) fn read(row: &AnyRow) -> Result<Job> {
    let (options, understood) = Options::from_stored(&row.try_get::<String, _>("options")?);
    let state = parsed(row, "state")?;
    let count = |column| Ok::<_, Error>(u32::try_from(row.try_get::<i32, _>(column)?).unwrap_or(0));
    Ok(Job {
        id: parsed(row, "id")?,
        user_id: parsed(row, "user_id")?,
        state,
        options,
        understood,
        progress: row.try_get("progress")?,
        stage: stage(row, state)?,
        attempts: count("attempts")?,
        outages: count("outages")?,
        end_no: count("end_no")?,
        video_id: parsed(row, "video_id")?,
        source: read_source(row)?,
        name: row.try_get("name")?,
        tags: read_tags(row)?,
        audio: read_audio(row)?,
        peaks: count_or_null(row, "peaks_bytes")?,
        warning: row.try_get("warning")?,
        error: read_error(row)?,
        cost: read_cost(row)?,
        trace: trace(row)?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        changed_at: time(row, "changed_at")?,
        finished_at: time_or_null(row, "finished_at")?,
        expires_at: time_or_null(row, "expires_at")?,
        video_removed_at: time_or_null(row, "video_removed_at")?,
        lease_owner: parsed_or_null(row, "lease_owner")?,
        lease_until: time_or_null(row, "lease_until")?,
        queue_rank: row.try_get("queue_rank")?,
        attempt_audio: parsed_or_null(row, "audio_id")?,
    })
}

/// One that a newer version has written is none that we know.
pub(super) fn stage(row: &AnyRow, state: State) -> Result<Option<Stage>> {
    let said = row.try_get::<Option<String>, _>("stage")?.and_then(|stage| stage.parse().ok());
    Ok(Stage::of(state, said))
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

/// Nobody waits for those that can't be read.
fn read_tags(row: &AnyRow) -> Result<Vec<String>> {
    let json = row.try_get::<Option<String>, _>("tags")?;
    Ok(json.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default())
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

/// One that can't be read is none: a job must not be lost for it.
fn read_cost(row: &AnyRow) -> Result<Option<Cost>> {
    let cost: Option<String> = row.try_get("cost")?;
    Ok(cost.and_then(|cost| serde_json::from_str(&cost).ok()))
}

fn read_error(row: &AnyRow) -> Result<Option<(FailureCode, String)>> {
    let Some(code) = parsed_or_null(row, "error_code")? else { return Ok(None) };
    Ok(Some((code, row.try_get::<Option<String>, _>("error_detail")?.unwrap_or_default())))
}
