//! The cases of the CloudEvents conformance tests, in our words: the examples of the specification, of its JSON format
//! and of its HTTP binding. Each has what is sent, and the event that must come of it.

use std::collections::BTreeMap;

use axum::{body::Body, http::Request};
use contracts::Envelope;
use serde_json::{Value, json};

use super::{NoEvent, event, read};

const STRUCTURED: &str = "application/cloudevents+json";

fn in_json(event_json: &Value) -> Result<Envelope, NoEvent> {
    let attributes = [("datacontenttype".to_owned(), STRUCTURED.to_owned())].into();
    event(attributes, event_json.to_string().as_bytes())
}

fn in_binary(attributes: &[(&str, &str)], body: &str) -> Result<Envelope, NoEvent> {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    event(attributes.collect(), body.as_bytes())
}

async fn in_http(headers: &[(&str, &str)], body: &str) -> Envelope {
    let request =
        headers.iter().fold(Request::post("/"), |request, (name, value)| request.header(*name, *value));
    read(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap()
}

/// The least that an event has, with `changes` laid over it.
fn least(changes: &Value) -> Value {
    let mut event = json!({"specversion": "1.0", "id": "A234-1234-1234", "type": "com.example.someevent",
        "source": "/mycontext"});
    event.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    event
}

#[tokio::test]
async fn an_event_is_the_same_in_binary_and_in_structured_mode() {
    let in_head = in_http(
        &[
            ("Ce-SpecVersion", "1.0"),
            ("CE-Type", "com.example.someevent"),
            ("ce-source", "/mycontext/subcontext"),
            ("ce-id", "1234-1234-1234"),
            ("ce-time", "2018-04-05T03:56:24Z"),
            ("ce-subject", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
            ("ce-comexampleextension1", "value"),
            ("ce-comexampleothervalue", "5"),
            ("Content-Type", "application/json; charset=utf-8"),
        ],
        r#"{"message": "Hello World!"}"#,
    )
    .await;
    let whole = json!({
        "specversion": "1.0",
        "type": "com.example.someevent",
        "source": "/mycontext/subcontext",
        "id": "1234-1234-1234",
        "time": "2018-04-05T03:56:24Z",
        "subject": "Euro \u{20ac} \u{1f600}",
        "comexampleextension1": "value",
        "comexampleothervalue": 5,
        "unsetextension": null,
        "datacontenttype": "application/json",
        "data": {"message": "Hello World!"},
    });
    let kind = ("Content-Type", "application/cloudevents+json; charset=UTF-8");
    assert_eq!(in_head, in_http(&[kind], &whole.to_string()).await);
    assert_eq!(in_head.time.to_string(), "2018-04-05T03:56:24.000Z");
    assert_eq!(in_head.extensions["comexampleothervalue"], "5");
    assert_eq!(in_head.extensions.len(), 2);
    assert_eq!(in_head.data, json!({"message": "Hello World!"}));
}

#[tokio::test]
async fn what_stands_in_headers_beside_a_whole_event_counts_for_nothing() {
    let headers = [("Content-Type", STRUCTURED), ("ce-id", "other"), ("ce-specversion", "0.3")];
    let taken = in_http(&headers, &least(&json!({})).to_string()).await;
    assert_eq!(taken.id, "A234-1234-1234");
}

#[test]
fn data_is_any_json_in_any_of_its_forms() {
    for (changes, data) in [
        (json!({"data": {"much": "wow"}}), json!({"much": "wow"})),
        (json!({"data": "wow"}), json!("wow")),
        (json!({"data": 7.5}), json!(7.5)),
        (json!({"data": [true, null]}), json!([true, null])),
        (json!({"data": null}), json!(null)),
        (json!({"data_base64": "eyJtdWNoIjoid293In0="}), json!({"much": "wow"})),
        (json!({"datacontenttype": "application/json", "data_base64": "InRleHQi"}), json!("text")),
        (json!({"datacontenttype": "text/json", "data": {"a": 1}}), json!({"a": 1})),
        (json!({}), json!({})),
    ] {
        assert_eq!(in_json(&least(&changes)).unwrap().data, data, "{changes}");
    }
}

#[test]
fn an_attribute_has_the_value_of_its_type() {
    let sources = [
        "https://github.com/cloudevents",
        "mailto:cncf-wg-serverless@lists.cncf.io",
        "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
        "cloudevents/spec/pull/123",
        "/cloudevents/spec/pull/123",
        "1-555-123-4567",
        "/a%20b?c=d:e#f",
        "//host:80/x",
        "?",
        "#",
    ];
    for source in sources {
        assert_eq!(in_json(&least(&json!({"source": source}))).unwrap().source, source);
    }
    for source in [
        "", " ", "/a b", "/a%2", "/a%zz", "1:2", "a_b:c", "/<x>", "/a\\b", "#a#b", "/\u{e4}", "\"/x\"",
        "/{x}",
    ] {
        assert!(in_json(&least(&json!({"source": source}))).is_err(), "{source:?}");
    }
    for (changes, good) in [
        (json!({"dataschema": "https://example.com/registry/schema.json"}), true),
        (json!({"dataschema": "urn:tapedeck:event:x"}), true),
        (json!({"dataschema": "/relative"}), false),
        (json!({"dataschema": ""}), false),
        (json!({"dataschema": "http://a b"}), false),
        (json!({"subject": ""}), false),
        (json!({"subject": "mynewfile.jpg"}), true),
        (json!({"id": "a\u{0}b"}), false),
        (json!({"type": "a\u{9f}"}), false),
        (json!({"type": "a\u{ffff}"}), false),
        (json!({"type": true}), false),
        (json!({"time": "1985-04-12T23:20:50.52Z"}), true),
        (json!({"time": "1996-12-19T16:39:57-08:00"}), true),
        (json!({"time": "1996-12-19"}), false),
        (json!({"time": "1996-12-19T16:39:57"}), false),
        (json!({"time": 7}), false),
        (json!({"count": 2_147_483_647_i64}), true),
        (json!({"count": -2_147_483_648_i64}), true),
        (json!({"count": 2_147_483_648_i64}), false),
        (json!({"count": 1.5}), false),
        (json!({"flag": false}), true),
        (json!({"list": []}), false),
        (json!({"word": "line\nbreak"}), false),
        (json!({"aratherlongnameofmorethantwentycharacters": "x"}), true),
        (json!({"data": 1, "data_base64": "MQ=="}), false),
        (json!({"data_base64": 7}), false),
        (json!({"specversion": 1.0}), false),
    ] {
        assert_eq!(in_json(&least(&changes)).is_ok(), good, "{changes}");
    }
}

#[test]
fn an_extension_is_written_as_the_text_of_its_value() {
    let taken = in_json(&least(&json!({"flag": true, "count": -3, "word": "", "time2": "x"}))).unwrap();
    let expected = [("count", "-3"), ("flag", "true"), ("time2", "x"), ("word", "")];
    let expected: BTreeMap<_, _> = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(taken.extensions, expected);
}

#[test]
fn one_event_at_a_time_and_as_json() {
    let batch = "application/cloudevents-batch+json; charset=UTF-8";
    let refused = in_binary(&[("datacontenttype", batch)], "[]").unwrap_err();
    assert!(
        matches!(&refused, NoEvent::Unsupported(text) if text.starts_with("Batches are not taken")),
        "{refused}"
    );
    let known = [("specversion", "1.0"), ("id", "1"), ("type", "t"), ("source", "/x")];
    for (kind, taken) in [
        ("application/json", true),
        ("APPLICATION/JSON ; charset=utf-8", true),
        ("application/vnd.example+json", true),
        ("text/json", true),
        ("json", false),
        ("application/", false),
        ("application/+json", false),
        ("a b/json", false),
        ("application/jsonx", false),
        ("application/octet-stream", false),
        ("application/cloudevents+xml", false),
        ("application/avro", false),
    ] {
        let attributes = [&known[..], &[("datacontenttype", kind)]].concat();
        match in_binary(&attributes, "{}") {
            Ok(_) => assert!(taken, "{kind}"),
            Err(refused) => {
                assert!(!taken && matches!(refused, NoEvent::Unsupported(_)), "{kind}: {refused}")
            }
        }
    }
    for name in ["data", "data_base64", "Big", "with-dash", "with.dot"] {
        let attributes = [&known[..], &[(name, "x")]].concat();
        assert!(matches!(in_binary(&attributes, "{}"), Err(NoEvent::Malformed(_))), "{name}");
    }
    assert!(matches!(in_binary(&known, "not json"), Err(NoEvent::Malformed(_))));
    assert_eq!(in_binary(&known, "").unwrap().data, json!({}));
}
