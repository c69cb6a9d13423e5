//! `POST /upload/url`: a video from a link.
//!
//! - `url/fetch.rs`: the way to the video, with each redirect held against the rules again.
//! - `url/flow.rs`: its bytes, with an end.
//! - `url/slots.rs`: how many at once.
//!
//! The video is fetched within the request, as if the client had sent it itself: the same code stores it, whoever asked
//! hears what went wrong, and nothing is left to retry. A job of its own state would need a worker, would keep addresses
//! that may hold secrets, and on Knative a function without a request in hand may be put to sleep in the middle.
//! A client that hangs up ends it.
//!
//! Which hosts are called is for `shared/outbound` to say: `https`, public addresses, the configured ports.

mod fetch;
mod flow;
mod slots;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use contracts::Options;
use identity::{Caller, IdempotencyKey, Idempotent, Scope, Verifier};
use outbound::{Outbound, Rules, Trust, Untrusted};
use runtime::{CancellationToken, Cause, Json, OpenApiRouter, Problem, routes};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;
use utoipa::ToSchema;

use self::slots::FetchSlots;
use crate::{
    Upload, UploadConfig,
    allowance::narrowed,
    create::{Accepted, queue, run_to_completion},
    pace::Broken,
    receive::{ReceivedVideo, Receiver, Stored},
    refusal::Refusal,
};

/// Longest link, in bytes.
pub(crate) const LONGEST: usize = 2000;

/// Fetches videos.
pub(crate) struct Links {
    outbound: Outbound,
    turns: FetchSlots,
}

impl Links {
    pub(crate) fn new(config: &UploadConfig) -> Result<Self, Untrusted> {
        let rules = Rules { anywhere: false, ports: config.ports(), trusted: config.trusted() };
        let outbound = Outbound::new(rules, Trust::public().and_of_the_system())?;
        Ok(Self { outbound, turns: FetchSlots::new(config.url_at_once) })
    }
}

#[derive(Clone)]
struct FromLinks {
    deps: Upload,
    /// `None` if it is switched off.
    links: Option<Arc<Links>>,
}

impl axum::extract::FromRef<FromLinks> for Verifier {
    fn from_ref(state: &FromLinks) -> Self {
        state.deps.verifier.clone()
    }
}

/// The route. With `links` none it only says that it is switched off.
pub(crate) fn routes(deps: Upload, links: Option<Links>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(create_from_url, offer))
        .with_state(FromLinks { deps, links: links.map(Arc::new) })
}

/// A video to fetch, and the options of its conversion.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Link {
    /// Where it is: `https`, at a public address. Redirects are followed.
    #[schema(example = "https://example.org/talk.mp4", max_length = 2000)]
    url: String,
    /// What it is called; if nothing is said, as its server says or as the link ends.
    filename: Option<String>,
    /// The options of an upload, as `"format": "opus"`.
    #[serde(flatten)]
    #[schema(value_type = BTreeMap<String, Value>)]
    options: BTreeMap<String, Value>,
}

/// Whether videos are fetched from links.
#[derive(Serialize, ToSchema)]
pub(crate) struct LinkOffer {
    /// If not, `POST /upload/url` is 403.
    on: bool,
}

/// Whether videos are fetched from links here.
#[utoipa::path(get, path = "/upload/url", tag = "upload",
    responses((status = 200, body = LinkOffer)))]
async fn offer(State(FromLinks { links, .. }): State<FromLinks>) -> Json<LinkOffer> {
    Json(LinkOffer { on: links.is_some() })
}

/// Upload a video from a link.
///
/// The service fetches the video itself and answers when it has all of it. It must be switched on (`UPLOAD_URL`).
#[utoipa::path(
    post,
    path = "/upload/url",
    tag = "upload",
    security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, pattern = r#"^[\x21\x23-\x5b\x5d-\x7e]{1,255}$"#, description = "Yours for this request: sent again within 24 hours, it gets the first one's answer")),
    request_body = Link,
    responses(
        (status = 202, body = Accepted, description = "Accepted; `Location` names the job", headers(("Location" = String))),
        (status = 400, description = "The body is no JSON"),
        (status = 401, description = "No valid credentials"),
        (status = 403, description = "Links are switched off here, or the API key lacks the scope `upload`"),
        (status = 409, description = "The job was removed while its video was fetched, you have too many jobs at once, or the first request with this `Idempotency-Key` is running"),
        (status = 413, description = "Larger than allowed"),
        (status = 415, description = "Not JSON; or the link leads to no video or audio file"),
        (status = 422, description = "An option is unknown or wrong, the link is not fetched or does not work, or the `Idempotency-Key` was sent with another request"),
        (status = 429, description = "You have too many open links, too many uploads in an hour, or no minutes left for today"),
        (status = 503, description = "The service has too many open links, or storage is away; try again"),
    )
)]
async fn create_from_url(
    State(FromLinks { deps, links }): State<FromLinks>,
    caller: Caller,
    once: IdempotencyKey,
    Cause(trace): Cause,
    Json(link): Json<Link>,
) -> Result<Response, Problem> {
    caller.require(Scope::Upload)?;
    let links = links.ok_or_else(switched_off)?;
    let (options, wanted) = (options(&link.options)?, fetch::checked(&link.url)?);
    let said = [link.url.as_str(), link.filename.as_deref().unwrap_or_default(), &json!(options).to_string()];
    let db = match once.begin(&deps.db, caller.user_id, &said).await? {
        Idempotent::First(db) => db,
        Idempotent::Again(id) => return Ok(Accepted::new(id).into_response()),
    };
    let turn = links.turns.take(caller.user_id)?;
    let deps = narrowed(Upload { db, ..deps }.caused_by(&trace), caller.user_id).await?;
    let hung_up = CancellationToken::new();
    let _guard = hung_up.clone().drop_guard();
    let work = async move {
        let _turn = turn;
        let receiver = Receiver::new(deps.clone(), caller.user_id);
        let stored = store(&receiver, &links.outbound, (wanted, link.filename), hung_up).await?;
        queue(&deps, ReceivedVideo { stored, options }).await.map_err(Problem::from)
    };
    run_to_completion(work).await.map(IntoResponse::into_response)
}

/// Fetches the video into the blob store.
async fn store(
    receiver: &Receiver,
    outbound: &Outbound,
    (wanted, name): (::url::Url, Option<String>),
    hung_up: CancellationToken,
) -> Result<Stored, Problem> {
    let config = &receiver.deps.config;
    let limit = Duration::from_secs(config.url_seconds);
    let deadline = Instant::now() + limit;
    let found = tokio::select! {
        found = fetch::find(outbound, wanted, config.max_bytes) => found?,
        () = tokio::time::sleep_until(deadline) => return Err(too_slow(limit)),
        () = hung_up.cancelled() => return Err(broken_off()),
    };
    let name = name.unwrap_or(found.name);
    let body = flow::bounded(found.content, config.pace(), deadline, hung_up);
    receiver.store(name, Box::pin(body)).await.map_err(|refusal| match refusal {
        Refusal::Body(Broken::Stalled) => too_slow(limit),
        Refusal::Body(Broken::CutOff) => broken_off(),
        refusal => refusal.into(),
    })
}

/// The options as an upload has them: texts, numbers and truth values.
fn options(given: &BTreeMap<String, Value>) -> Result<Options, Refusal> {
    let fields: Vec<(&str, String)> = given
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| match value {
            Value::String(text) => (name.as_str(), text.clone()),
            other => (name.as_str(), other.to_string()),
        })
        .collect();
    Ok(Options::from_fields(fields.iter().map(|(name, value)| (*name, value.as_str())))?)
}

fn switched_off() -> Problem {
    let detail = "Videos from links are switched off here. Download the video and send it with POST /upload.";
    Problem::new(StatusCode::FORBIDDEN, "links-off", detail)
}

fn too_slow(limit: Duration) -> Problem {
    failed(format!("The video came too slowly: all of it must be here within {} s.", limit.as_secs()))
}

fn broken_off() -> Problem {
    failed("The server of the link hung up before the end of the video. Try again.")
}

/// The link is allowed, but what it names can't be had.
fn failed(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "link-failed", detail)
}

/// The link is not fetched, whatever is there.
fn refused(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "link-refused", detail)
}

/// Later: there are too many in hand.
fn busy(status: StatusCode, detail: &str) -> Problem {
    Problem::new(status, "links-busy", detail).header(header::RETRY_AFTER, HeaderValue::from_static("30"))
}
