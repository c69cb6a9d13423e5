//! The door as a broker sees it.

use axum::{body::Body, http::header};
use contracts::{AudioReady, Event as _, JobId, Recorded, Timestamp, VideoUploaded};
use serde_json::json;
use tower::ServiceExt as _;

use super::*;
use crate::{Call, Context, Function};

const STRUCTURED: &str = "application/cloudevents+json";

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
