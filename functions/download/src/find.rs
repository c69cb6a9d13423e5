//! Whose job it is, and whether its audio is there.

use axum::http::StatusCode;
use contracts::{AudioId, JobId, State, UserId};
use db::{Audio, Db, Job};
use runtime::Problem;

/// A job whose audio can be downloaded now.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) job: Job,
    pub(crate) audio: Audio,
}

/// The job that `fid` names, by its audio's id or its own, if it is the caller's.
pub(crate) async fn by_any_id(db: &Db, fid: &str, owner: UserId) -> Result<Ready, Problem> {
    let audio_id: AudioId = fid.parse().map_err(|_| no_such_audio())?;
    match db.jobs().by_audio(audio_id).await.map_err(Problem::of)? {
        Some(job) => ready(db, owned(job, owner)?).await,
        None => by_job(db, fid.parse().map_err(|_| no_such_audio())?, owner).await,
    }
}

/// The job with this id, if it is the caller's.
pub(crate) async fn by_job(db: &Db, id: JobId, owner: UserId) -> Result<Ready, Problem> {
    let job = db.jobs().get(id).await.map_err(Problem::of)?.ok_or_else(no_such_audio)?;
    ready(db, owned(job, owner)?).await
}

/// The job of this audio, for somebody whose link has been checked.
pub(crate) async fn by_audio(db: &Db, id: AudioId) -> Result<Ready, Problem> {
    ready(db, db.jobs().by_audio(id).await.map_err(Problem::of)?.ok_or_else(no_such_audio)?).await
}

/// Somebody else's job does not exist for the caller.
fn owned(job: Job, owner: UserId) -> Result<Job, Problem> {
    if job.user_id == owner { Ok(job) } else { Err(no_such_audio()) }
}

/// The sweep may come late: what is past its time is gone.
async fn ready(db: &Db, mut job: Job) -> Result<Ready, Problem> {
    let now = db.now().await.map_err(Problem::of)?;
    let past = job.expires_at.is_some_and(|end| end <= now);
    match (job.state, job.audio.take()) {
        (State::Done, Some(audio)) if !past => Ok(Ready { job, audio }),
        (State::Done | State::Expired, _) => Err(expired()),
        (state, _) => Err(not_ready(&job, state)),
    }
}

fn not_ready(job: &Job, state: State) -> Problem {
    let detail = match state {
        State::Failed => job.error.as_ref().map_or("The conversion failed.", |(code, _)| code.sentence()),
        State::Canceled => "The job was canceled. Retry it with POST /jobs/{id}/retry.",
        State::Uploading | State::Queued | State::Converting | State::Done | State::Expired => {
            "The audio is not ready yet. Wait for the job with GET /jobs/{id}?wait=30."
        }
    };
    Problem::conflict(detail).member("state", state.as_str())
}

fn no_such_audio() -> Problem {
    Problem::not_found("There is no such audio. Your jobs are at GET /jobs.")
}

fn expired() -> Problem {
    let detail = "The audio is past the time that it is kept and has been removed. Upload the video again.";
    Problem::new(StatusCode::GONE, "expired", detail).member("state", State::Expired.as_str())
}
