//! `GET` and `HEAD` of the audio.

use std::ops::Range;

use axum::{
    body::Body,
    extract::{FromRequestParts as _, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use blobs::{Blob, Reader};
use contracts::{AudioId, JobId};
use identity::{Caller, LinkError, Scope};
use runtime::{Path, Problem, Query};
use serde::Deserialize;

use crate::{
    Download,
    conditions::Validators,
    find::{self, Ready},
    name,
    range::{RequestedRange, asked},
};

/// Which audio, and perhaps by which right.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// The audio's id, as the mail names it; the job's id works too.
    fid: String,
    /// The token of a signed link, instead of a Bearer.
    token: Option<String>,
}

/// The audio of a finished job
///
/// For its owner, or for anybody with a signed link. Ranges and conditional requests work, and `HEAD` too.
#[utoipa::path(
    get,
    path = "/download",
    tag = "download",
    params(Wanted),
    responses(
        (status = 200, description = "The audio, of the type that the job's `format` says; with `chapters=split` a zip", content((Vec<u8> = "audio/*"), (Vec<u8> = "application/zip"))),
        (status = 206, description = "The part that `Range` asks for", content((Vec<u8> = "audio/*"), (Vec<u8> = "application/zip"))),
        (status = 304, description = "The client has it already"),
        (status = 401, description = "No credentials, or the link is damaged"),
        (status = 404, description = "No such audio, or somebody else's"),
        (status = 409, description = "Not ready; the member `state` says where the job is"),
        (status = 410, description = "The audio or the link has expired"),
        (status = 416, description = "The range is not in the audio"),
    ),
    security((), ("bearer" = []))
)]
pub(crate) async fn download(
    State(deps): State<Download>,
    Query(wanted): Query<Wanted>,
    mut parts: Parts,
) -> Result<Response, Problem> {
    let ready = match &wanted.token {
        Some(token) => find::by_audio(&deps.db, linked(&deps, token, &wanted.fid)?).await?,
        None => {
            let caller = Caller::from_request_parts(&mut parts, &deps).await?;
            caller.require(Scope::Read)?;
            find::by_any_id(&deps.db, &wanted.fid, caller.user_id).await?
        }
    };
    answer(&deps, &ready, &parts.method, &parts.headers).await
}

/// The audio of a job, by the job's id
#[utoipa::path(
    get,
    path = "/jobs/{id}/audio",
    tag = "download",
    params(("id" = JobId, Path, description = "The job")),
    responses(
        (status = 200, description = "The audio; see `GET /download`", content((Vec<u8> = "audio/*"), (Vec<u8> = "application/zip"))),
        (status = 206, description = "The part that `Range` asks for", content((Vec<u8> = "audio/*"), (Vec<u8> = "application/zip"))),
        (status = 304, description = "The client has it already"),
        (status = 401, description = "No credentials"),
        (status = 404, description = "No such job, or somebody else's"),
        (status = 409, description = "Not ready; the member `state` says where the job is"),
        (status = 410, description = "The audio has expired"),
        (status = 416, description = "The range is not in the audio"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn job_audio(
    State(deps): State<Download>,
    caller: Caller,
    Path(id): Path<JobId>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(Scope::Read)?;
    let ready = find::by_job(&deps.db, id, caller.user_id).await?;
    answer(&deps, &ready, &method, &headers).await
}

/// The audio that a link opens. A link is checked before anything is looked up, so that it tells nothing.
fn linked(deps: &Download, token: &str, fid: &str) -> Result<AudioId, Problem> {
    let damaged = || {
        Problem::unauthorized(
            "The link is damaged. Copy it whole from the mail, or log in and download again.",
        )
    };
    let id = fid.parse().map_err(|_| damaged())?;
    match deps.links.verify(token, id) {
        Ok(()) => Ok(id),
        Err(LinkError::Invalid) => Err(damaged()),
        Err(LinkError::Expired) => {
            let detail = "The link has expired. Log in and make a new one with POST /jobs/{id}/link.";
            Err(Problem::new(StatusCode::GONE, "link-expired", detail))
        }
    }
}

/// The audio, or as much of it as is asked for.
pub(crate) async fn answer(
    deps: &Download,
    ready: &Ready,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let validators = Validators::of(ready);
    let common = [(header::CACHE_CONTROL, "private".to_owned()), (header::ACCEPT_RANGES, "bytes".to_owned())];
    if validators.is_known(headers) {
        return Ok((StatusCode::NOT_MODIFIED, validators.headers(), common).into_response());
    }
    let audio = open(deps, Blob::Audio(ready.audio.id)).await?;
    // `Range` is for GET alone.
    let range =
        headers.get(header::RANGE).filter(|_| method == Method::GET && validators.allow_range(headers));
    let range = range
        .and_then(|range| range.to_str().ok())
        .map_or(RequestedRange::Whole, |range| asked(range, audio.size()));
    let described = [
        (header::CONTENT_TYPE, ready.job.options.media_type().to_owned()),
        (header::CONTENT_DISPOSITION, name::disposition(&ready.job)),
    ];
    let content = match range {
        RequestedRange::Whole => whole(&audio),
        RequestedRange::Part(range) => part(&audio, range),
        RequestedRange::Nothing => return Err(not_there(audio.size())),
    };
    Ok((validators.headers(), common, described, content).into_response())
}

/// A job that is done has what its row names; if not, something of ours has lost it.
pub(crate) async fn open(deps: &Download, blob: Blob) -> Result<Reader, Problem> {
    let found = deps.blobs.open_blob(blob).await.map_err(|error| match &error {
        blobs::Error::Unavailable(_) | blobs::Error::Full => Problem::unavailable(&error),
        blobs::Error::Damaged(_) | blobs::Error::Url => Problem::internal(error.to_string()),
    })?;
    found.ok_or_else(|| Problem::internal(format!("{blob} is not in the blob store")))
}

pub(crate) fn whole(audio: &Reader) -> Response {
    let length = [(header::CONTENT_LENGTH, audio.size().to_string())];
    (length, Body::from_stream(audio.stream(0..audio.size()))).into_response()
}

fn part(audio: &Reader, range: Range<u64>) -> Response {
    let described = [
        (header::CONTENT_LENGTH, (range.end - range.start).to_string()),
        (header::CONTENT_RANGE, format!("bytes {}-{}/{}", range.start, range.end - 1, audio.size())),
    ];
    (StatusCode::PARTIAL_CONTENT, described, Body::from_stream(audio.stream(range))).into_response()
}

fn not_there(size: u64) -> Problem {
    let detail = format!("The audio has {size} bytes; ask for a range within them.");
    let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "range-not-satisfiable", detail);
    match HeaderValue::try_from(format!("bytes */{size}")) {
        Ok(range) => problem.header(header::CONTENT_RANGE, range),
        Err(_) => problem,
    }
}
