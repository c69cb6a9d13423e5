//! `POST /upload`.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use contracts::{JobId, State as JobState, UserId};
use db::Source;
use identity::{Caller, IdempotencyKey, Idempotent, Scope};
use runtime::{Cause, Json, Problem, drain};
use serde::Serialize;
use tracing::Instrument as _;
use utoipa::ToSchema;

use crate::{
    Upload,
    allowance::narrowed,
    form,
    form::schema::UploadForm,
    raw,
    receive::{ReceivedVideo, Receiver, Stored},
    refusal::Refusal,
};

/// The answer to an accepted upload.
#[derive(Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// The new job.
    id: JobId,
    /// `queued`.
    state: JobState,
    links: AcceptedLinks,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct AcceptedLinks {
    /// The job.
    #[serde(rename = "self")]
    job: String,
    /// Where the audio will be.
    audio: String,
}

/// Upload a video and have it converted.
///
/// Either `multipart/form-data` with exactly one file part of any name and the options as further fields, or the
/// video itself as the body, with `filename` and the options in the query, by the names that the form's fields have.
#[utoipa::path(
    post,
    path = "/upload",
    tag = "upload",
    security(("bearer" = [])),
    params(
        ("Idempotency-Key" = Option<String>, Header, pattern = r#"^[\x21\x23-\x5b\x5d-\x7e]{1,255}$"#, description = "Yours for this request: sent again within 24 hours, it gets the first one's answer"),
        ("filename" = Option<String>, Query, description = "Raw body: the name of the file; options follow as further parameters"),
    ),
    request_body(content((UploadForm = "multipart/form-data"), ("application/octet-stream"))),
    responses(
        (status = 202, body = Accepted, description = "Accepted; `Location` names the job", headers(("Location" = String))),
        (status = 400, description = "No file, an empty one, several, or a broken form"),
        (status = 401, description = "No valid credentials"),
        (status = 408, description = "Too little came for too long"),
        (status = 409, description = "You have too many jobs at once, the job was removed during its upload, or the first request with this `Idempotency-Key` is running"),
        (status = 413, description = "Larger than allowed, to everybody or to your class"),
        (status = 415, description = "Not a video or audio container"),
        (status = 422, description = "An option is unknown or wrong, or the `Idempotency-Key` was sent with another request"),
        (status = 429, description = "Too many uploads in an hour, or no minutes left for today; `Retry-After` says when to come again"),
        (status = 503, description = "Storage is away; try again"),
    )
)]
pub(crate) async fn create(
    State(deps): State<Upload>,
    caller: Result<Caller, Problem>,
    once: Result<IdempotencyKey, Problem>,
    Cause(trace): Cause,
    request: Request,
) -> Response {
    let deps = deps.caused_by(&trace);
    match allowed(deps, caller, once, announced(&request)).await {
        Ok(Allowed::First(deps, user_id)) => {
            run_to_completion(accept(*deps, user_id, request)).await.into_response()
        }
        Ok(Allowed::Again(id)) => answer_unread(Accepted::new(id), request.into_body()).await,
        Err(problem) => answer_unread(problem, request.into_body()).await,
    }
}

/// How an upload goes on.
enum Allowed {
    /// By whom, with the limits of the account.
    First(Box<Upload>, UserId),
    /// It was sent before, and became this job.
    Again(JobId),
}

/// Works in a task of its own: when the client hangs up the handler is dropped, and what has come must still be noted or
/// removed.
pub(crate) async fn run_to_completion<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::spawn(work.in_current_span()).await {
        Ok(outcome) => outcome,
        Err(panic) => Err(Problem::internal(panic.to_string())),
    }
}

/// Whether the upload may begin.
async fn allowed(
    deps: Upload,
    caller: Result<Caller, Problem>,
    once: Result<IdempotencyKey, Problem>,
    announced: Option<u64>,
) -> Result<Allowed, Problem> {
    let caller = caller?;
    caller.require(Scope::Upload)?;
    let db = match once?.begin(&deps.db, caller.user_id, &[]).await? {
        Idempotent::First(db) => db,
        Idempotent::Again(id) => return Ok(Allowed::Again(id)),
    };
    let deps = narrowed(Upload { db, ..deps }, caller.user_id).await?;
    match announced.and_then(|announced| too_long(announced, &deps)) {
        None => Ok(Allowed::First(Box::new(deps), caller.user_id)),
        Some(refusal) => Err(refusal.into()),
    }
}

/// How long the body will be, if the client says so.
fn announced(request: &Request) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether more will come than may.
fn too_long(announced: u64, deps: &Upload) -> Option<Refusal> {
    // A form's frame and its options come on top of the video.
    let most = deps.config.max_bytes.saturating_add(form::MAX_FRAME);
    (announced > most).then_some(Refusal::TooLarge(deps.config.max_bytes))
}

/// Answers before the body was read. A client behind an HTTP/1 proxy would see a reset connection otherwise.
pub(crate) async fn answer_unread(answer: impl IntoResponse, body: Body) -> Response {
    drain(body.into_data_stream()).await;
    answer.into_response()
}

async fn accept(deps: Upload, user_id: UserId, request: Request) -> Result<Accepted, Problem> {
    let receiver = Receiver::new(deps.clone(), user_id);
    let arrival = if form::is_form(request.headers()) {
        form::receive(receiver, request).await
    } else {
        raw::receive(receiver, request).await
    }?;
    queue(&deps, arrival).await.map_err(Problem::from)
}

/// The moment of acceptance: job and event in one transaction.
pub(crate) async fn queue(deps: &Upload, arrival: ReceivedVideo) -> Result<Accepted, Refusal> {
    let ReceivedVideo { stored, options } = arrival;
    let source = Source {
        name: stored.name.clone(),
        bytes: stored.bytes,
        container: stored.container.into(),
        digest: Some(stored.digest.clone()),
        ..Source::default()
    };
    let recorded = match deps.db.jobs().queue(stored.job_id, &source, &options).await {
        Ok(Some(recorded)) => recorded,
        Ok(None) => {
            stored.abandon(deps).await;
            return Err(Refusal::Gone);
        }
        Err(error) => return after_failed_commit(deps, stored, error).await,
    };
    deps.broker.publish(&recorded.envelope).await;
    tracing::info!(job = %stored.job_id, bytes = stored.bytes, container = stored.container, "accepted");
    Ok(Accepted::new(stored.job_id))
}

/// The transaction failed, perhaps after its commit: then the job is queued, and its event in the outbox.
async fn after_failed_commit(deps: &Upload, stored: Stored, error: db::Error) -> Result<Accepted, Refusal> {
    let id = stored.job_id;
    stored.abandon(deps).await;
    match deps.db.jobs().get(id).await {
        Ok(Some(job)) if job.state != JobState::Uploading => Ok(Accepted::new(id)),
        _ => Err(error.into()),
    }
}

impl Accepted {
    pub(crate) fn new(id: JobId) -> Self {
        let links = AcceptedLinks { job: format!("/jobs/{id}"), audio: format!("/jobs/{id}/audio") };
        Self { id, state: JobState::Queued, links }
    }
}

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        let location = HeaderValue::from_str(&self.links.job);
        let mut response = (StatusCode::ACCEPTED, Json(self)).into_response();
        if let Ok(location) = location {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

#[cfg(test)]
mod tests;
