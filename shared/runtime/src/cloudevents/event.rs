//! What makes an event: one way for all doors, whatever its attributes came in by. The SDK reads it, and here stands
//! what CloudEvents 1.0 demands besides.

use std::collections::BTreeMap;

use ::cloudevents::{AttributesReader as _, Data, Event as CloudEvent};
use contracts::{Envelope, Timestamp};
use serde_json::{Map, Value};

/// Why something is no event that we take. The text is for the sender.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoEvent {
    /// It breaks the rules of CloudEvents 1.0.
    #[error("{0}")]
    Malformed(String),
    /// It follows them, but only one event at a time is taken, as JSON.
    #[error("{0}")]
    Unsupported(String),
}

const BATCH: &str =
    "Batches are not taken: send one event at a time, in binary mode or as application/cloudevents+json.";

/// The event of a message: `attributes` are what stands in its head, under their names in CloudEvents; the media type is
/// `datacontenttype`. With that of a whole event it is in structured mode, and the body alone counts.
///
/// # Errors
/// [`NoEvent`]: sending it again will not help.
pub fn event(attributes: BTreeMap<String, String>, body: &[u8]) -> Result<Envelope, NoEvent> {
    let kind = attributes.get("datacontenttype").map(|kind| essence(kind)).unwrap_or_default();
    if kind == "application/cloudevents+json" {
        return match serde_json::from_slice(body) {
            Ok(Value::Object(event)) => checked(event),
            _ => Err(malformed("The body is no CloudEvent in JSON format.")),
        };
    }
    if kind.starts_with("application/cloudevents-batch") {
        return Err(NoEvent::Unsupported(BATCH.into()));
    }
    if kind.starts_with("application/cloudevents") {
        return Err(NoEvent::Unsupported("Of the formats for events, only JSON is taken.".into()));
    }
    if !attributes.contains_key("specversion") {
        return Err(malformed("This is no CloudEvent 1.0 in binary or structured mode."));
    }
    // The body is the data, whatever else is called so.
    if attributes.keys().any(|name| is_data(name)) {
        return Err(malformed("No attribute may be called data."));
    }
    let mut event: Map<String, Value> =
        attributes.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    json_only(&event)?;
    if !body.is_empty() {
        let data = serde_json::from_slice(body).map_err(|_| malformed("The event's data is not JSON."))?;
        event.insert("data".into(), data);
    }
    checked(event)
}

/// An event in JSON format, its data included.
fn checked(mut event: Map<String, Value>) -> Result<Envelope, NoEvent> {
    // An attribute of null is one that is not there.
    event.retain(|name, value| !value.is_null() || is_data(name));
    if event.get("specversion").and_then(Value::as_str) != Some("1.0") {
        return Err(malformed("Only CloudEvents 1.0 are taken."));
    }
    for (name, value) in event.iter().filter(|(name, _)| !is_data(name)) {
        attribute(name, value)?;
    }
    for name in ["id", "source", "type"] {
        if !event.contains_key(name) {
            return Err(NoEvent::Malformed(format!("The attribute {name} is missing.")));
        }
    }
    if event.contains_key("data") && event.contains_key("data_base64") {
        return Err(malformed("An event has data or data_base64, not both."));
    }
    json_only(&event)?;
    // Said in the one way that the SDK knows.
    event.remove("datacontenttype");
    serde_json::from_value(Value::Object(event))
        .map_err(|error| NoEvent::Malformed(format!("This is no CloudEvent 1.0: {error}.")))
        .and_then(envelope)
}

fn is_data(name: &str) -> bool {
    ["data", "data_base64"].contains(&name)
}

/// Whether an attribute may bear this name: lower-case letters and digits (CloudEvents 1.0, naming conventions).
#[must_use]
pub fn is_attribute_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// The rules of each attribute's name and value.
fn attribute(name: &str, value: &Value) -> Result<(), NoEvent> {
    if !is_attribute_name(name) {
        return Err(malformed("The name of an attribute has lower-case letters and digits only."));
    }
    let fits = match (name, value) {
        ("source", Value::String(text)) => is_uri_reference(text),
        ("dataschema", Value::String(text)) => is_uri_reference(text) && scheme(text).is_some(),
        ("id" | "type" | "subject" | "datacontenttype" | "time", Value::String(text)) => {
            !text.is_empty() && is_text(text)
        }
        // What is left are extensions.
        ("id" | "source" | "type" | "subject" | "time" | "dataschema" | "datacontenttype", _) => false,
        (_, Value::String(text)) => is_text(text),
        (_, Value::Bool(_)) => true,
        (_, Value::Number(number)) => number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        (_, _) => false,
    };
    let wrong = || NoEvent::Malformed(format!("The value of the attribute {name} is not of its type."));
    fits.then_some(()).ok_or_else(wrong)
}

fn json_only(event: &Map<String, Value>) -> Result<(), NoEvent> {
    match event.get("datacontenttype").and_then(Value::as_str) {
        Some(kind) if !is_json(&essence(kind)) => {
            Err(NoEvent::Unsupported("The data of an event must be JSON.".into()))
        }
        _ => Ok(()),
    }
}

/// A media type without its parameters.
fn essence(kind: &str) -> String {
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// `*/json` or `*/*+json` (CloudEvents' JSON format, 3.1).
fn is_json(kind: &str) -> bool {
    let token = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    };
    let Some((top, sub)) = kind.split_once('/') else { return false };
    let json = sub == "json" || sub.strip_suffix("+json").is_some_and(|rest| !rest.is_empty());
    token(top) && token(sub) && json
}

/// CloudEvents' type String: no control characters, nothing that is no character.
fn is_text(text: &str) -> bool {
    let no_character = |code: u32| code & 0xfffe == 0xfffe || (0xfdd0..=0xfdef).contains(&code);
    text.chars().all(|letter| !letter.is_control() && !no_character(u32::from(letter)))
}

/// CloudEvents' type URI-reference (RFC 3986, 4.1), and not empty: its characters, its escapes, its scheme.
fn is_uri_reference(text: &str) -> bool {
    let bytes = text.as_bytes();
    let escaped =
        |at: usize| bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    let known = bytes.iter().enumerate().all(|(at, byte)| match byte {
        b'%' => escaped(at),
        byte => byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(byte),
    });
    let one_fragment = bytes.iter().filter(|byte| **byte == b'#').count() <= 1;
    // Without a scheme, the first part of a path has no colon.
    let first = text.split(['/', '?', '#']).next().unwrap_or_default();
    !text.is_empty() && known && one_fragment && (!first.contains(':') || scheme(text).is_some())
}

/// What stands before the first colon, if it can be a scheme.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let first = scheme.bytes().next()?;
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    (first.is_ascii_alphabetic() && scheme.bytes().all(rest)).then_some(scheme)
}

fn envelope(mut event: CloudEvent) -> Result<Envelope, NoEvent> {
    let (_, _, data) = event.take_data();
    let not_json = |_| malformed("The event's data is not JSON.");
    let data = match data {
        Some(Data::Json(value)) => value,
        Some(Data::Binary(bytes)) => serde_json::from_slice(&bytes).map_err(not_json)?,
        Some(Data::String(text)) => serde_json::from_str(&text).map_err(not_json)?,
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
        // One that does not say when it happened is of now.
        time: event
            .time()
            .map_or_else(Timestamp::now, |time| Timestamp::from_millis(time.timestamp_millis())),
        data,
    })
}

fn malformed(text: &str) -> NoEvent {
    NoEvent::Malformed(text.into())
}
