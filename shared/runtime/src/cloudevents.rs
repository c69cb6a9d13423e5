//! CloudEvents 1.0 over HTTP: `POST /` in binary or structured mode, as a Knative Trigger delivers.
//!
//! | answer | means to the broker |
//! |---|---|
//! | 200 with an event | taken; publish the reply |
//! | 202 | taken |
//! | 400 | not a CloudEvent; dead letter |
//! | 408 | did not arrive in time; deliver again |
//! | 413 | larger than 64 KiB; dead letter |
//! | 422 | rejected for good; dead letter |
//! | 503 | deliver again |

use ::cloudevents::{AttributesReader as _, Data, Event as CloudEvent, EventBuilder as _, EventBuilderV10};
use axum::{
    Router,
    extract::{FromRequest as _, Request},
    http::StatusCode,
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
    let Ok(read) = tokio::time::timeout(BODY_TIME, CloudEvent::from_request(request, &())).await else {
        return late_body().into_response();
    };
    let event = match read {
        Ok(event) => event,
        Err(refusal) if refusal.status() == StatusCode::INTERNAL_SERVER_ERROR => {
            let detail = format!("An event may have at most {BODY_LIMIT} bytes.");
            return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail).into_response();
        }
        Err(_) => {
            return Problem::bad_request("This is no CloudEvent 1.0 in binary or structured mode.")
                .into_response();
        }
    };
    match to_envelope(event) {
        Ok(envelope) => answer(deliver(envelope).await),
        Err(problem) => Problem::bad_request(problem).into_response(),
    }
}

fn answer(outcome: Result<Vec<Envelope>, Failure>) -> Response {
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
