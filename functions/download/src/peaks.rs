//! `GET` and `HEAD` of the waveform.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use blobs::Blob;
use contracts::JobId;
use identity::{Caller, Scope};
use runtime::{Path, Problem};

use crate::{Download, conditions::Validators, find, get};

/// The waveform of a finished job
///
/// If it was asked for with the option `peaks`: the lowest and the highest sample of each pixel, at most 4096 of them, all
/// channels together, in the JSON of the program `audiowaveform`, which players for the web read: `{version: 2, channels: 1,
/// sample_rate, samples_per_pixel, bits: 8, length, data}`. Conditional requests work, and `HEAD` too.
#[utoipa::path(
    get,
    path = "/jobs/{id}/peaks",
    tag = "download",
    params(("id" = JobId, Path, description = "The job")),
    responses(
        (status = 200, description = "The waveform", content_type = "application/json"),
        (status = 304, description = "The client has it already"),
        (status = 401, description = "No credentials"),
        (status = 404, description = "No such job, somebody else's, or one without a waveform"),
        (status = 409, description = "Not ready; the member `state` says where the job is"),
        (status = 410, description = "It has expired, with its audio"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn job_peaks(
    State(deps): State<Download>,
    caller: Caller,
    Path(id): Path<JobId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(Scope::Read)?;
    let ready = find::by_job(&deps.db, id, caller.user_id).await?;
    if ready.job.peaks.is_none() {
        return Err(no_waveform());
    }
    let validators = Validators::of(&ready);
    let private = [(header::CACHE_CONTROL, "private")];
    if validators.is_known(&headers) {
        return Ok((StatusCode::NOT_MODIFIED, validators.headers(), private).into_response());
    }
    let peaks = get::open(&deps, Blob::Peaks(ready.audio.id)).await?;
    let json = [(header::CONTENT_TYPE, "application/json")];
    Ok((validators.headers(), private, json, get::whole(&peaks)).into_response())
}

fn no_waveform() -> Problem {
    Problem::not_found("The job has no waveform. Upload the video with the option peaks=true to get one.")
}
