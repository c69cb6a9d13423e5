//! CloudEvents 1.0 over HTTP: `POST /` in binary or structured mode, as a Knative Trigger delivers.
//!
//! | answer | means to the broker |
//! |---|---|
//! | 200 with an event | taken; publish the reply |
//! | 202 | taken |
//! | 400 | not a CloudEvent; dead letter |
//! | 408 | did not arrive in time; deliver again |
//! | 413 | larger than 64 KiB; dead letter |
//! | 415 | a batch, or data that is not JSON; dead letter |
//! | 422 | rejected for good; dead letter |
//! | 503 | deliver again |

use ::cloudevents::{
    AttributesReader as _, Data, Event as CloudEvent, EventBuilder as _, EventBuilderV10, event::SpecVersion,
};
use axum::{
    Router,
    extract::{FromRequest as _, Request},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use contracts::{Envelope, Timestamp};
use tower_http::limit::RequestBodyLimitLayer;

use crate::{
    Failure, Problem,
    extract::{BODY_TIME, late_body},
};

/// Largest event that is taken. Ours carry ids only. The SDK's extractor has no limit of its own and ignores
/// axum's.
const BODY_LIMIT: usize = 64 * 1024;

/// The event route of a function that is served on its own; `deliver` is what becomes of an event, and the first
/// event that it returns is the reply.
pub fn event_routes<F, Fut>(deliver: F) -> Router
where
    F: Fn(Envelope) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Vec<Envelope>, Failure>> + Send + 'static,
{
    let take = move |request| take(deliver.clone(), request);
    Router::new().route("/", post(take)).layer(RequestBodyLimitLayer::new(BODY_LIMIT))
}

async fn take<F, Fut>(deliver: F, request: Request) -> Response
where
    F: Fn(Envelope) -> Fut,
    Fut: Future<Output = Result<Vec<Envelope>, Failure>>,
{
    match read(request).await {
        Ok(envelope) => answer(deliver(envelope).await),
        Err(problem) => problem.into_response(),
    }
}

pub(crate) async fn read(mut request: Request) -> Result<Envelope, Problem> {
    mode(&mut request)?;
    let reading = tokio::time::timeout(BODY_TIME, CloudEvent::from_request(request, &()));
    let event = reading.await.map_err(|_| late_body())?.map_err(|refusal| {
        if refusal.status() == StatusCode::INTERNAL_SERVER_ERROR {
            let detail = format!("An event may have at most {BODY_LIMIT} bytes.");
            return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail);
        }
        Problem::bad_request("This is no CloudEvent 1.0 in binary or structured mode.")
    })?;
    to_envelope(checked(event)?).map_err(Problem::bad_request)
}

const STRUCTURED: &str = "application/cloudevents+json";

/// The SDK knows the structured mode by what the content type begins with, letter by letter.
fn mode(request: &mut Request) -> Result<(), Problem> {
    let Some(given) = request.headers().get(header::CONTENT_TYPE) else { return Ok(()) };
    let kind = essence(given.to_str().unwrap_or_default());
    if kind == STRUCTURED {
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(STRUCTURED));
    } else if kind.starts_with("application/cloudevents") {
        return Err(unsupported("Send one event, in binary mode or as application/cloudevents+json."));
    }
    Ok(())
}

/// What CloudEvents 1.0 demands and the SDK lets pass.
fn checked(event: CloudEvent) -> Result<CloudEvent, Problem> {
    if event.specversion() != SpecVersion::V10 {
        return Err(Problem::bad_request("Only CloudEvents 1.0 are taken."));
    }
    if event.id().is_empty() || event.ty().is_empty() || event.source().is_empty() {
        return Err(Problem::bad_request("id, type and source must not be empty."));
    }
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if event.iter_extensions().any(|(name, _)| name.is_empty() || !name.bytes().all(plain)) {
        return Err(Problem::bad_request("The name of an attribute has lower-case letters and digits only."));
    }
    let json = |kind: &str| kind == "application/json" || kind.ends_with("+json");
    if event.datacontenttype().is_some_and(|kind| !json(&essence(kind))) {
        return Err(unsupported("The data of an event must be JSON."));
    }
    Ok(event)
}

/// A media type without its parameters.
fn essence(kind: &str) -> String {
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn unsupported(detail: &str) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)
}

pub(crate) fn answer(outcome: Result<Vec<Envelope>, Failure>) -> Response {
    match outcome {
        Ok(replies) => match replies.first().map(from_envelope) {
            None => StatusCode::ACCEPTED.into_response(),
            Some(Ok(reply)) => reply.into_response(),
            Some(Err(error)) => Problem::internal(error.to_string()).into_response(),
        },
        Err(Failure::Retry(cause)) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "retry", "Deliver this event again later.")
                .cause(cause)
                .into_response()
        }
        Err(Failure::Reject(cause)) => {
            tracing::warn!(cause, "event rejected");
            Problem::unprocessable("This event can't be handled; delivering it again will not help.")
                .into_response()
        }
    }
}

/// From the wire.
fn to_envelope(mut event: CloudEvent) -> Result<Envelope, String> {
    let (_, _, data) = event.take_data();
    let data = match data {
        Some(Data::Json(value)) => value,
        Some(Data::Binary(bytes)) => {
            serde_json::from_slice(&bytes).map_err(|_| "The event's data is not JSON.")?
        }
        Some(Data::String(text)) => {
            serde_json::from_str(&text).map_err(|_| "The event's data is not JSON.")?
        }
        None => serde_json::json!({}),
    };
    let extensions =
        event.iter_extensions().map(|(name, value)| (name.to_owned(), value.to_string())).collect();
    Ok(Envelope {
        extensions,
        id: event.id().to_owned(),
        kind: event.ty().to_owned(),
        source: event.source().to_string(),
        subject: event.subject().unwrap_or_default().to_owned(),
        time: event
            .time()
            .map_or_else(Timestamp::now, |time| Timestamp::from_millis(time.timestamp_millis())),
        data,
    })
}

/// To the wire.
fn from_envelope(envelope: &Envelope) -> Result<CloudEvent, ::cloudevents::event::EventBuilderError> {
    let named = envelope.extensions.iter();
    named
        .fold(EventBuilderV10::new(), |event, (name, value)| event.extension(name, value.as_str()))
        .id(&envelope.id)
        .ty(&envelope.kind)
        .source(&envelope.source)
        .subject(&envelope.subject)
        .time(envelope.time.to_string())
        .data("application/json", envelope.data.clone())
        .build()
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::header};
    use contracts::{AudioReady, Event as _, JobId, Recorded, VideoUploaded};
    use serde_json::json;
    use tower::ServiceExt as _;

    use super::*;
    use crate::{Call, Context, Function};

    async fn convert(
        cx: Context<&'static str>,
        event: VideoUploaded,
    ) -> Result<Option<Recorded<AudioReady>>, Failure> {
        match *cx {
            "retry" => return Err(Failure::Retry("later".into())),
            "quiet" => return Ok(None),
            _ => {}
        }
        let event = AudioReady { job_id: event.job_id, audio_id: contracts::AudioId::generate() };
        let envelope = Envelope::of(&event, Timestamp::now()).unwrap();
        Ok(Some(Recorded { event, envelope }))
    }

    fn binary(kind: &str, data: &str) -> Request {
        Request::post("/")
            .header("ce-specversion", "1.0")
            .header("ce-id", "b1f2c3d4-0000-4000-8000-000000000000")
            .header("ce-type", kind)
            .header("ce-source", "/somewhere")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(data.to_owned()))
            .unwrap()
    }

    async fn post_event(deps: &'static str, request: Request) -> Response {
        let function = Function::new().on(deps, convert);
        let deliver = move |envelope| {
            let function = function.clone();
            async move { function.deliver(envelope, Call::default()).await }
        };
        event_routes(deliver).oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn a_binary_event_is_taken_and_the_reply_is_an_event() {
        let job = JobId::generate();
        let response = post_event("", binary(VideoUploaded::TYPE, &json!({"job_id": job}).to_string())).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["ce-type"], AudioReady::TYPE);
        assert_eq!(response.headers()["ce-subject"], job.to_string().as_str());
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let event: AudioReady = serde_json::from_slice(&body).unwrap();
        assert_eq!(event.job_id, job);
    }

    #[tokio::test]
    async fn a_structured_event_is_taken_too() {
        let body = json!({"specversion": "1.0", "id": "1", "type": VideoUploaded::TYPE, "source": "/x",
            "datacontenttype": "application/json", "data": {"job_id": JobId::generate()}});
        let request = Request::post("/")
            .header(header::CONTENT_TYPE, "application/cloudevents+json")
            .body(Body::from(body.to_string()))
            .unwrap();
        assert_eq!(post_event("quiet", request).await.status(), StatusCode::ACCEPTED);
    }

    /// An event in structured mode: `changes` are laid over a good one, null removes.
    fn structured(kind: &str, changes: serde_json::Value) -> Request {
        let mut event = json!({"specversion": "1.0", "id": "1", "type": VideoUploaded::TYPE, "source": "/x",
            "data": {"job_id": JobId::generate()}});
        for (name, value) in changes.as_object().unwrap() {
            event[name] = value.clone();
        }
        event.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let request = Request::post("/").header(header::CONTENT_TYPE, kind);
        request.body(Body::from(event.to_string())).unwrap()
    }

    #[tokio::test]
    async fn the_structured_mode_is_known_by_its_media_type_whatever_its_parameters() {
        for (kind, status) in [
            ("application/cloudevents+json", 202),
            ("application/cloudevents+json; charset=utf-8", 202),
            ("application/cloudevents+json;charset=UTF-8", 202),
            ("Application/CloudEvents+JSON", 202),
            ("application/cloudevents-batch+json", 415),
            ("application/cloudevents-batch+json; charset=utf-8", 415),
            ("application/cloudevents+xml", 415),
            ("application/cloudevents+jsonx", 415),
            ("application/json", 400),
        ] {
            let answer = post_event("quiet", structured(kind, json!({}))).await;
            assert_eq!(answer.status(), status, "{kind}");
        }
    }

    #[tokio::test]
    async fn what_cloudevents_1_0_forbids_is_refused_in_structured_mode() {
        for (changes, status) in [
            (json!({}), 202),
            (json!({"id": ""}), 400),
            (json!({"id": null}), 400),
            (json!({"id": 7}), 400),
            (json!({"type": ""}), 400),
            (json!({"type": null}), 400),
            (json!({"source": ""}), 400),
            (json!({"source": null}), 400),
            (json!({"specversion": ""}), 400),
            (json!({"specversion": null}), 400),
            (json!({"specversion": "2.0"}), 400),
            (json!({"specversion": "0.3"}), 400),
            (json!({"time": "yesterday"}), 400),
            (json!({"time": "2026-11-21T10:00:00.123456789+01:00"}), 202),
            (json!({"traceparent": "00-1-2-01"}), 202),
            (json!({"sampled1": true, "count": 3}), 202),
            (json!({"traceParent": "x"}), 400),
            (json!({"trace-parent": "x"}), 400),
            (json!({"trace_parent": "x"}), 400),
            (json!({"spur\u{e4}": "x"}), 400),
            (json!({"": "x"}), 400),
            (json!({"nested": {"a": 1}}), 400),
            (json!({"datacontenttype": "application/json"}), 202),
            (json!({"datacontenttype": "application/json; charset=utf-8"}), 202),
            (json!({"datacontenttype": "application/vnd.tapedeck+json"}), 202),
            (json!({"datacontenttype": "text/plain", "data": "{}"}), 415),
            (json!({"datacontenttype": "application/xml", "data": "<a/>"}), 415),
            (json!({"data": null, "data_base64": "!"}), 400),
            (json!({"data": null}), 422),
            (json!({"data": "text"}), 422),
        ] {
            let answer = post_event("quiet", structured(STRUCTURED, changes.clone())).await;
            assert_eq!(answer.status(), status, "{changes}");
        }
        let broken = Request::post("/").header(header::CONTENT_TYPE, STRUCTURED);
        let answer = post_event("quiet", broken.body(Body::from("{\"specversion\"")).unwrap()).await;
        assert_eq!(answer.status(), 400);
    }

    #[tokio::test]
    async fn what_cloudevents_1_0_forbids_is_refused_in_binary_mode() {
        for (name, value, status) in [
            ("ce-id", "", 400),
            ("ce-type", "", 400),
            ("ce-source", "", 400),
            ("ce-specversion", "2.0", 400),
            ("ce-specversion", "0.3", 400),
            ("ce-time", "yesterday", 400),
            ("ce-trace-parent", "x", 400),
            ("ce-trace_parent", "x", 400),
            ("ce-", "x", 400),
            ("ce-traceparent", "00-1-2-01", 202),
            ("ce-knativearrivaltime", "2026-11-21T10:00:00Z", 202),
            ("content-type", "application/json; charset=utf-8", 202),
            ("content-type", "Application/JSON", 202),
            ("content-type", "text/plain", 415),
        ] {
            let data = json!({"job_id": JobId::generate()}).to_string();
            let mut request = binary(VideoUploaded::TYPE, &data);
            request.headers_mut().insert(name, value.parse().unwrap());
            assert_eq!(post_event("quiet", request).await.status(), status, "{name}: {value}");
        }
        let mut request = binary(VideoUploaded::TYPE, "{\"job_id\": 7}");
        request.headers_mut().remove(header::CONTENT_TYPE);
        assert_eq!(post_event("quiet", request).await.status(), 422, "data without a type is read as JSON");
    }

    #[tokio::test]
    async fn extensions_travel_both_ways() {
        let deliver = |envelope: Envelope| async move { Ok(vec![envelope]) };
        let mut request = binary(VideoUploaded::TYPE, "{}");
        request.headers_mut().insert("ce-traceparent", "00-1-2-01".parse().unwrap());
        let answer = event_routes(deliver).oneshot(request).await.unwrap();
        assert_eq!(answer.headers()["ce-traceparent"], "00-1-2-01");
    }

    #[tokio::test]
    async fn each_refusal_has_the_status_that_tells_the_broker_what_to_do() {
        let good = json!({"job_id": JobId::generate()}).to_string();
        let status = |deps, request| async move { post_event(deps, request).await.status().as_u16() };
        assert_eq!(status("retry", binary(VideoUploaded::TYPE, &good)).await, 503);
        assert_eq!(status("", binary("dev.unknown.v1", &good)).await, 422);
        assert_eq!(status("", binary(VideoUploaded::TYPE, "{\"job_id\": 7}")).await, 422);
        assert_eq!(status("", binary(VideoUploaded::TYPE, "not json")).await, 400);
        assert_eq!(status("", Request::post("/").body(Body::from("hello")).unwrap()).await, 400);
        assert_eq!(status("", binary(VideoUploaded::TYPE, &"x".repeat(BODY_LIMIT + 1))).await, 413);
    }
}
