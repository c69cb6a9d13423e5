//! An upload begins.

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use contracts::{JobId, UserId, VideoId};
use db::{NewJob, NewUpload, PartialUpload};
use identity::{not_made, used_up};
use runtime::{Problem, drain};

use super::{
    KEEP, end, gone,
    header::{self as tus, DEFER_LENGTH, LENGTH, METADATA, Part},
    metadata, part,
};
use crate::{Upload, refusal::Refusal};

/// What a request asks for.
pub(super) enum Asked {
    New(Box<(Upload, Wanted)>),
    /// What it has begun when it was sent before.
    Again(Box<PartialUpload>),
}

/// What is to begin.
pub(super) struct Wanted {
    new: NewUpload,
    /// The first bytes, if the body holds them.
    first: Option<Part>,
}

/// What the head of a request asks for, if it may be had.
pub(super) fn wanted(deps: &Upload, user_id: UserId, headers: &HeaderMap) -> Result<Wanted, Problem> {
    let length = length(headers)?;
    match length {
        Some(0) => return Err(Refusal::Empty.into()),
        Some(length) if length > deps.config.max_bytes => {
            return Err(Refusal::TooLarge(deps.config.max_bytes).into());
        }
        _ => {}
    }
    let said = tus::text(headers, &METADATA);
    if said.is_none() && headers.contains_key(&METADATA) {
        return Err(Problem::bad_request("Upload-Metadata can't be read: it is no plain text."));
    }
    let metadata = said.unwrap_or_default().to_owned();
    let (name, _) = metadata::read(&metadata)?;
    let job = NewJob { id: JobId::generate(), user_id, video_id: VideoId::generate() };
    let first = tus::is_part(headers).then(|| Part::first(headers)).transpose()?;
    Ok(Wanted { new: NewUpload { job, name, length, metadata }, first })
}

/// Bytes of the whole; `None` if it is to follow.
fn length(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let (length, deferred) = (tus::number(headers, &LENGTH)?, tus::number(headers, &DEFER_LENGTH)?);
    match (length, deferred) {
        (Some(length), None) => Ok(Some(length)),
        (None, Some(1)) => Ok(None),
        _ => Err(Problem::bad_request(
            "Say how long the video is: Upload-Length, or Upload-Defer-Length: 1 if that is not known yet.",
        )),
    }
}

/// Makes the upload, and takes the first bytes if they came with the request.
pub(super) async fn create(deps: &Upload, wanted: Wanted, body: Body) -> Result<Response, Problem> {
    let Wanted { new, first } = wanted;
    let id = new.job.id;
    let begun = match begin(deps, &new).await {
        Ok(begun) => begun,
        Err(problem) => {
            drain(body.into_data_stream()).await;
            return Err(problem);
        }
    };
    let upload = match first {
        Some(first) => part::accept(deps, begun, first, body).await,
        None => Ok(begun),
    };
    let upload = match upload {
        Ok(upload) => upload,
        Err(problem) => {
            // The client does not know where the upload is, so it can't go on with it.
            end::abandon(deps, id).await.ok();
            deps.db.release_request_key(id).await.ok();
            return Err(problem);
        }
    };
    Ok(created(&upload))
}

pub(super) fn created(upload: &PartialUpload) -> Response {
    let mut response = tus::state(upload, StatusCode::CREATED);
    if let Some(location) = tus::location(upload.id) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// What tells a request from others with its key.
pub(super) fn said(headers: &HeaderMap) -> [&str; 2] {
    [&LENGTH, &METADATA].map(|name| tus::text(headers, name).unwrap_or_default())
}

/// The upload that the request has begun before, as far as it is by now.
pub(super) async fn again(deps: &Upload, id: JobId) -> Result<Asked, Problem> {
    match deps.db.uploads().get(id).await.map_err(Problem::of)? {
        Some(upload) => Ok(Asked::Again(Box::new(upload))),
        None => Err(used_up("The upload that was begun with this Idempotency-Key is gone. Send a new key.")),
    }
}

async fn begin(deps: &Upload, new: &NewUpload) -> Result<PartialUpload, Problem> {
    deps.db.uploads().create(new, KEEP).await.map_err(not_made)?;
    deps.db.uploads().get(new.job.id).await.map_err(Problem::of)?.ok_or_else(gone)
}
