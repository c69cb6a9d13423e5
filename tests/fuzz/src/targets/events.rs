//! What events say, over HTTP and AMQP, and the words in them.

use axum::http::{HeaderMap, StatusCode};
use broker::fuzz::Value;
use contracts::{Envelope, JobId, Timestamp};

use super::http::headers;
use crate::input::{Input, text};

/// An event that is taken is one by CloudEvents 1.0, and reads the same when it is passed on.
pub(super) fn event(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let head = headers(&mut input);
    let Some(event) = taken(head, input.rest().to_vec()) else { return };
    assert!(!event.id.is_empty() && !event.kind.is_empty() && !event.source.is_empty(), "{event:?}");
    assert!(event.extensions.keys().all(|name| is_plain(name)), "{event:?}");
    let (status, head, body) = runtime::fuzz::reply(event.clone()).unwrap();
    if status == StatusCode::OK {
        assert_eq!(taken(head, body).as_ref(), Some(&event));
    } else {
        // What a head can't hold.
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{event:?}");
    }
}

fn taken(head: HeaderMap, body: Vec<u8>) -> Option<Envelope> {
    match runtime::fuzz::event(head, body) {
        Ok(event) => Some(event),
        Err(status) => {
            assert!([400, 413, 415].contains(&status.as_u16()), "{status}");
            None
        }
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

pub(super) fn event_seeds() -> Vec<Vec<u8>> {
    [
        &b"ce-specversion: 1.0\nce-id: 1\nce-type: dev.tapedeck.video.uploaded.v1\nce-source: /x\nce-subject: s\nce-time: 2026-11-21T10:00:00.123Z\nce-traceparent: 00-1-2-01\ncontent-type: application/json\n\n{\"job_id\":\"01arz3ndektsv4rrffq69g5fav\"}"[..],
        b"content-type: application/cloudevents+json; charset=utf-8\n\n{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"t\",\"source\":\"/x\",\"subject\":\"s\",\"time\":\"2026-11-21T10:00:00.123456789+01:00\",\"sampled1\":true,\"count\":3,\"datacontenttype\":\"application/json\",\"data\":{\"a\":[1,null]}}",
        b"content-type: application/cloudevents+json\n\n{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"t\",\"source\":\"https://a.example/x?y\",\"data_base64\":\"e30=\"}",
    ]
    .map(<[u8]>::to_vec)
    .to_vec()
}

/// The same of a message.
pub(super) fn message(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let headers = input.head().into_iter().filter_map(value).collect();
    if let Ok((event, _)) = broker::fuzz::event(headers, input.rest()) {
        assert!(!event.id.is_empty() && !event.kind.is_empty() && !event.source.is_empty(), "{event:?}");
        assert!(event.extensions.keys().all(|name| is_plain(name)), "{event:?}");
        assert_eq!(broker::fuzz::there_and_back(&event), Ok(event));
    }
}

/// `name:kind:value`.
fn value(line: &[u8]) -> Option<(String, Value)> {
    let mut parts = line.splitn(3, |byte| *byte == b':');
    let (name, kind, value) = (text(parts.next()?), parts.next()?, parts.next()?);
    let value = match kind {
        b"s" => Value::Short(text(value).chars().take(60).collect()),
        b"n" => Value::Number(text(value).parse().ok()?),
        b"b" => Value::Byte(*value.first()?),
        b"v" => Value::Nothing,
        _ => Value::Long(value.to_vec()),
    };
    (name.len() <= 255).then_some((name, value))
}

pub(super) fn message_seeds() -> Vec<Vec<u8>> {
    [
        &b"specversion:l:1.0\nid:l:1\ntype:l:dev.tapedeck.video.uploaded.v1\nsource:l:/x\nsubject:l:s\ntime:l:2026-11-21T10:00:00.123Z\ntraceparent:l:00-1-2-01\nx-delivery-count:n:3\n\n{\"job_id\":\"01arz3ndektsv4rrffq69g5fav\"}"[..],
        b"specversion:s:1.0\nid:s:1\ntype:s:t\nsource:s:/x\nknativearrivaltime:v:\nx-delivery-count:b:\x02\n\n",
    ]
    .map(<[u8]>::to_vec)
    .to_vec()
}

/// There is one way to write an id in small letters, and a time that is read can be written.
pub(super) fn ids(bytes: &[u8]) {
    let words = text(bytes);
    if let Ok(id) = words.parse::<JobId>() {
        assert_eq!(id.to_string(), words.to_ascii_lowercase());
    }
    if let Ok(time) = serde_json::from_value::<Timestamp>(words.into()) {
        let written = serde_json::to_value(time).unwrap();
        assert_eq!(serde_json::from_value::<Timestamp>(written).unwrap(), time);
    }
}

pub(super) fn ids_seeds() -> Vec<Vec<u8>> {
    [
        "01arz3ndektsv4rrffq69g5fav",
        "7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
        "2023-11-14T22:13:20.123Z",
        "0000-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59.999999999-00:00",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
