//! `/uploads`: uploads that survive, by tus 1.0.0 (<https://tus.io/protocols/resumable-upload>), with its extensions
//! creation, creation-with-upload, creation-defer-length, checksum, termination and expiration.
//!
//! 1. `tus/header.rs`, `tus/metadata.rs`: what requests and answers say.
//! 2. `tus/create.rs`: an upload begins: its options and its size are judged before a byte is sent.
//! 3. `tus/part.rs`: a part arrives. `tus/write_lock.rs`: one at a time. `tus/part_writer.rs`: its bytes go to the end of the blob.
//! 4. `tus/end.rs`: all has come: the blob becomes whole and the job is queued, as by `POST /upload`.
//!
//! How far an upload is stands in its row (`db::Uploads`), and nothing of it in a process: each part may reach another
//! one, and one that dies has noted what it had five seconds before. The digest of the whole goes on from part to part
//! (`tus/digest.rs`), so that no byte is read again.

mod checksum;
mod create;
mod digest;
mod end;
mod header;
mod metadata;
mod part;
mod part_writer;
mod write_lock;

use std::time::Duration;

use axum::{
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderValue, Method, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use contracts::{JobId, UserId};
use db::PartialUpload;
use identity::{Caller, IdempotencyKey, Idempotent, Scope};
use runtime::{Cause, OpenApiRouter, Path, Problem, routes};

use self::{
    create::Asked,
    header::{
        CHECKSUM_ALGORITHM, EXTENSION, EXTENSIONS, MAX_SIZE, METHOD_OVERRIDE, RESUMABLE, VERSION, VERSIONS,
    },
};
use crate::{
    Upload,
    allowance::{bounded, narrowed},
    create::{answer_unread, run_to_completion},
};

/// How long an upload is kept that nobody goes on with.
const KEEP: Duration = Duration::from_hours(24);

pub(crate) fn routes(deps: Upload) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(about, create))
        .routes(routes!(look, patch, terminate, instead))
        // `part_writer.rs` counts.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn(versioned))
        .with_state(deps)
}

/// Every request but OPTIONS says which version of the protocol it speaks, and every answer does.
async fn versioned(request: Request, next: Next) -> Response {
    let said = request.headers().get(&RESUMABLE).map(HeaderValue::as_bytes);
    let mut response = if request.method() == Method::OPTIONS || said == Some(VERSIONS.as_bytes()) {
        next.run(request).await
    } else {
        answer_unread(wrong_version(), request.into_body()).await
    };
    response.headers_mut().insert(RESUMABLE, HeaderValue::from_static(VERSIONS));
    response
}

fn wrong_version() -> Problem {
    let detail = "Say which version of the tus protocol you speak: `Tus-Resumable: 1.0.0`.";
    Problem::new(StatusCode::PRECONDITION_FAILED, "tus-version", detail)
        .header(VERSION, HeaderValue::from_static(VERSIONS))
}

/// What this server can do of tus.
#[utoipa::path(
    method(options),
    path = "/uploads",
    tag = "upload",
    responses((
        status = 204,
        description = "Versions, extensions and limits of resumable uploads",
        headers(("Tus-Version" = String), ("Tus-Extension" = String), ("Tus-Max-Size" = u64), ("Tus-Checksum-Algorithm" = String))
    ))
)]
async fn about(State(deps): State<Upload>) -> Response {
    let headers = [
        (VERSION, HeaderValue::from_static(VERSIONS)),
        (EXTENSION, HeaderValue::from_static(EXTENSIONS)),
        (MAX_SIZE, HeaderValue::from(deps.config.max_bytes)),
        (CHECKSUM_ALGORITHM, HeaderValue::from_static(checksum::ALGORITHMS)),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Begin a resumable upload.
///
/// Options are keys of `Upload-Metadata` beside `filename`, with the names that the form's fields have. The body may be
/// the first bytes of the video (`Content-Type: application/offset+octet-stream`). What has not come after a day without
/// a byte is removed.
#[utoipa::path(
    post,
    path = "/uploads",
    tag = "upload",
    security(("bearer" = [])),
    params(
        ("Tus-Resumable" = String, Header, pattern = r"^1\.0\.0$", description = "`1.0.0`"),
        ("Idempotency-Key" = Option<String>, Header, pattern = r#"^[\x21\x23-\x5b\x5d-\x7e]{1,255}$"#, description = "Yours for this request: sent again within 24 hours, it gets the upload that the first one has begun"),
        ("Upload-Length" = Option<u64>, Header, description = "Bytes of the whole video"),
        ("Upload-Defer-Length" = Option<u8>, Header, description = "`1`: the length follows with a part"),
        ("Upload-Metadata" = Option<String>, Header, description = "Pairs of a key and its value in Base64, with commas between: `filename`, and the options"),
    ),
    responses(
        (status = 201, description = "Begun; `Location` is where the parts go", headers(("Location" = String), ("Upload-Offset" = u64), ("Upload-Expires" = String), ("Job-Location" = String))),
        (status = 400, description = "A header can't be read, or the length is 0"),
        (status = 401, description = "No valid credentials"),
        (status = 408, description = "Too little came for too long"),
        (status = 409, description = "The job was removed during its upload, or a request with this `Idempotency-Key` is running"),
        (status = 412, description = "Not this version of tus"),
        (status = 413, description = "Larger than allowed"),
        (status = 415, description = "Not a video or audio container"),
        (status = 422, description = "An option is unknown or wrong, or the `Idempotency-Key` was sent with another request"),
        (status = 460, description = "The bytes have not the checksum that they were said to have"),
        (status = 503, description = "Storage is away; try again"),
    )
)]
async fn create(
    State(deps): State<Upload>,
    caller: Result<Caller, Problem>,
    once: Result<IdempotencyKey, Problem>,
    Cause(trace): Cause,
    request: Request,
) -> Response {
    let deps = deps.caused_by(&trace);
    let (head, body) = request.into_parts();
    let asked = async {
        let user_id = allowed(caller?)?;
        let db = match once?.begin(&deps.db, user_id, &create::said(&head.headers)).await? {
            Idempotent::First(db) => db,
            Idempotent::Again(id) => return create::again(&deps, id).await,
        };
        let deps = narrowed(Upload { db, ..deps }, user_id).await?;
        let wanted = create::wanted(&deps, user_id, &head.headers)?;
        Ok(Asked::New(Box::new((deps, wanted))))
    };
    match asked.await {
        Ok(Asked::New(new)) => {
            let (deps, wanted) = *new;
            run_to_completion(async move { create::create(&deps, wanted, body).await }).await.into_response()
        }
        Ok(Asked::Again(upload)) => answer_unread(create::created(&upload), body).await,
        Err(problem) => answer_unread(problem, body).await,
    }
}

/// How far a resumable upload is.
///
/// Once all has come, `Job-Location` is its job.
#[utoipa::path(
    head,
    path = "/uploads/{id}",
    tag = "upload",
    security(("bearer" = [])),
    params(("id" = JobId, Path), ("Tus-Resumable" = String, Header, pattern = r"^1\.0\.0$", description = "`1.0.0`")),
    responses(
        (status = 200, description = "`Upload-Offset`: go on with this byte", headers(("Upload-Offset" = u64), ("Upload-Length" = u64), ("Upload-Defer-Length" = u8), ("Upload-Metadata" = String), ("Upload-Expires" = String), ("Job-Location" = String))),
        (status = 401, description = "No valid credentials"),
        (status = 404, description = "There is no such upload of yours, or it has expired"),
        (status = 412, description = "Not this version of tus"),
        (status = 415, description = "All has come, and it is not a video or audio container"),
        (status = 503, description = "Storage is away; try again"),
    )
)]
async fn look(
    State(deps): State<Upload>,
    caller: Result<Caller, Problem>,
    Cause(trace): Cause,
    Path(id): Path<JobId>,
) -> Response {
    let deps = deps.caused_by(&trace);
    run_to_completion(async move {
        let upload = own(&deps, allowed(caller?)?, id).await?;
        let mut upload = write_lock::settled(&deps, upload).await?;
        if upload.part.is_none() {
            upload = end::if_complete(&deps, upload).await?;
        }
        Ok(header::state(&upload, StatusCode::OK))
    })
    .await
    .into_response()
}

/// Send the next bytes of a resumable upload.
///
/// A part may be of any size, and what has come of one that is cut off stays. With the last one the job is queued, and
/// `Job-Location` names it.
#[utoipa::path(
    patch,
    path = "/uploads/{id}",
    tag = "upload",
    security(("bearer" = [])),
    params(
        ("id" = JobId, Path),
        ("Tus-Resumable" = String, Header, pattern = r"^1\.0\.0$", description = "`1.0.0`"),
        ("Upload-Offset" = u64, Header, description = "The number of the first byte: as many as have come"),
        ("Upload-Length" = Option<u64>, Header, description = "Bytes of the whole video, if that was deferred"),
        ("Upload-Checksum" = Option<String>, Header, description = "`sha1` or `sha256` and the digest of this part in Base64: of a part that is cut off or has another one, nothing stays"),
    ),
    request_body(content(("application/offset+octet-stream"))),
    responses(
        (status = 204, description = "Stored", headers(("Upload-Offset" = u64), ("Upload-Expires" = String), ("Job-Location" = String))),
        (status = 400, description = "A header can't be read, or the part was cut off"),
        (status = 401, description = "No valid credentials"),
        (status = 404, description = "There is no such upload of yours, or it has expired"),
        (status = 408, description = "Too little came for too long"),
        (status = 409, description = "Not the next byte: ask with HEAD; or the job was removed"),
        (status = 412, description = "Not this version of tus"),
        (status = 413, description = "More than the length, or than allowed"),
        (status = 415, description = "Not `application/offset+octet-stream`, or not a video or audio container"),
        (status = 423, description = "Another request sends bytes of this upload"),
        (status = 460, description = "The bytes have not the checksum that they were said to have"),
        (status = 503, description = "Storage is away; try again"),
    )
)]
async fn patch(
    State(deps): State<Upload>,
    caller: Result<Caller, Problem>,
    Cause(trace): Cause,
    id: Result<Path<JobId>, Problem>,
    request: Request,
) -> Response {
    let deps = deps.caused_by(&trace);
    let (head, body) = request.into_parts();
    let known = async {
        let upload = own(&deps, allowed(caller?)?, id?.0).await?;
        let deps = bounded(deps, upload.user_id).await?;
        Ok::<_, Problem>((deps, upload, header::Part::of(&head.headers)?))
    };
    match known.await {
        Ok((deps, upload, part)) => {
            run_to_completion(async move { part::receive(&deps, upload, part, body).await })
                .await
                .into_response()
        }
        Err(problem) => answer_unread(problem, body).await,
    }
}

/// Cancel a resumable upload.
///
/// What has come is removed. The job of one that has ended stays.
#[utoipa::path(
    delete,
    path = "/uploads/{id}",
    tag = "upload",
    security(("bearer" = [])),
    params(("id" = JobId, Path), ("Tus-Resumable" = String, Header, pattern = r"^1\.0\.0$", description = "`1.0.0`")),
    responses(
        (status = 204, description = "Removed"),
        (status = 401, description = "No valid credentials"),
        (status = 404, description = "There is no such upload of yours, or it has expired"),
        (status = 412, description = "Not this version of tus"),
        (status = 503, description = "Storage is away; try again"),
    )
)]
async fn terminate(
    State(deps): State<Upload>,
    caller: Result<Caller, Problem>,
    Path(id): Path<JobId>,
) -> Result<StatusCode, Problem> {
    let upload = own(&deps, allowed(caller?)?, id).await?;
    end::abandon(&deps, upload.id).await.map_err(Problem::of)?;
    Ok(StatusCode::NO_CONTENT)
}

/// PATCH or DELETE for clients that can only POST.
///
/// `X-HTTP-Method-Override` says which one.
#[utoipa::path(
    post,
    path = "/uploads/{id}",
    tag = "upload",
    security(("bearer" = [])),
    params(
        ("id" = JobId, Path),
        ("X-HTTP-Method-Override" = String, Header, description = "`PATCH` or `DELETE`"),
        ("Tus-Resumable" = String, Header, pattern = r"^1\.0\.0$", description = "`1.0.0`"),
    ),
    responses(
        (status = 204, description = "As of that method, like all the rest", headers(("Upload-Offset" = u64), ("Job-Location" = String))),
        (status = 400, description = "No such method"),
        (status = 401, description = "No valid credentials"),
        (status = 404, description = "There is no such upload of yours, or it has expired"),
        (status = 412, description = "Not this version of tus"),
    )
)]
async fn instead(
    state: State<Upload>,
    caller: Result<Caller, Problem>,
    cause: Cause,
    id: Result<Path<JobId>, Problem>,
    request: Request,
) -> Response {
    match header::text(request.headers(), &METHOD_OVERRIDE) {
        Some("PATCH") => patch(state, caller, cause, id, request).await,
        Some("DELETE") => match id {
            Ok(id) => terminate(state, caller, id).await.into_response(),
            Err(problem) => problem.into_response(),
        },
        _ => {
            let problem = Problem::bad_request("Send X-HTTP-Method-Override: PATCH or DELETE.");
            answer_unread(problem, request.into_body()).await
        }
    }
}

fn allowed(caller: Caller) -> Result<UserId, Problem> {
    caller.require(Scope::Upload).map(|()| caller.user_id)
}

/// The upload, if it is the caller's.
async fn own(deps: &Upload, user_id: UserId, id: JobId) -> Result<PartialUpload, Problem> {
    let upload = deps.db.uploads().get(id).await.map_err(Problem::of)?;
    upload.filter(|upload| upload.user_id == user_id).ok_or_else(gone)
}

fn gone() -> Problem {
    Problem::not_found("You have no such upload, or it has expired. Begin again with POST /uploads.")
}
