//! What the world sees of a job.

use contracts::{AudioId, Cost, FailureCode, JobId, Options, Stage, State, Timestamp};
use db::Job;
use serde::Serialize;
use utoipa::ToSchema;

/// A job.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobView {
    id: JobId,
    state: State,
    /// 0 to 1.
    progress: f64,
    /// What is being done; null once it has ended.
    stage: Option<Stage>,
    /// How often a converter has begun.
    attempts: u32,
    options: Options,
    source: SourceView,
    /// What its owner calls it: also the name of the downloaded file, and in feeds. Null if as its title or its file says.
    name: Option<String>,
    tags: Vec<String>,
    /// Null until the job is done.
    audio: Option<AudioView>,
    /// What is odd about the audio.
    warning: Option<String>,
    /// Why there is no audio.
    error: Option<ErrorView>,
    /// What its attempts have taken; null until one has ended.
    cost: Option<Cost>,
    created_at: Timestamp,
    updated_at: Timestamp,
    finished_at: Option<Timestamp>,
    /// When the audio will be removed.
    expires_at: Option<Timestamp>,
    links: Links,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SourceView {
    /// The name that the client gave.
    name: String,
    bytes: u64,
    container: String,
    codec: Option<String>,
    /// Seconds.
    duration: Option<f64>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct AudioView {
    /// The `fid` of `GET /download`.
    id: AudioId,
    bytes: u64,
    /// Seconds.
    duration: f64,
    codec: String,
    /// Average bit/s.
    bitrate: u32,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorView {
    code: FailureCode,
    /// What went wrong and what to do.
    detail: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Links {
    #[serde(rename = "self")]
    job: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio: Option<String>,
    /// The waveform, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    peaks: Option<String>,
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        let done = job.state == State::Done;
        Self {
            id: job.id,
            state: job.state,
            progress: job.progress,
            stage: job.stage,
            attempts: job.attempts,
            options: job.options,
            source: SourceView {
                name: job.source.name,
                bytes: job.source.bytes,
                container: job.source.container,
                codec: job.source.codec,
                duration: job.source.duration.map(|duration| duration.as_secs_f64()),
            },
            name: job.name,
            tags: job.tags,
            audio: job.audio.filter(|_| done).map(|audio| AudioView {
                id: audio.id,
                bytes: audio.bytes,
                duration: audio.duration.as_secs_f64(),
                codec: audio.codec,
                bitrate: audio.bitrate,
            }),
            warning: job.warning,
            error: job.error.map(|(code, detail)| ErrorView { code, detail: explained(code, &detail) }),
            cost: job.cost,
            created_at: job.created_at,
            updated_at: job.updated_at,
            finished_at: job.finished_at,
            expires_at: job.expires_at,
            links: Links {
                job: format!("/jobs/{}", job.id),
                audio: done.then(|| format!("/jobs/{}/audio", job.id)),
                peaks: job.peaks.filter(|_| done).map(|_| format!("/jobs/{}/peaks", job.id)),
            },
        }
    }
}

fn explained(code: FailureCode, detail: &str) -> String {
    if detail.is_empty() { code.sentence().into() } else { format!("{} ({detail})", code.sentence()) }
}
