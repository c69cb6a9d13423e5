//! An event as a message: CloudEvents in binary mode, the attributes as headers with bare names, as Knative's
//! RabbitMQ broker writes and binds them. So a queue bound to that broker's exchange reads like one of ours.

use std::collections::BTreeMap;

use contracts::{Envelope, Timestamp};
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};

/// Survives a restart of the broker.
const PERSISTENT: u8 = 2;
const JSON: &str = "application/json";

/// The headers and properties of an event's message. Its body is the data as JSON.
pub(crate) fn properties(envelope: &Envelope) -> BasicProperties {
    let mut headers = FieldTable::default();
    let time = envelope.time.to_string();
    for (name, value) in [
        ("specversion", "1.0"),
        ("id", &envelope.id),
        ("type", &envelope.kind),
        ("source", &envelope.source),
        ("subject", &envelope.subject),
        ("time", &time),
        ("content-type", JSON),
    ] {
        if !value.is_empty() {
            headers.insert(name.into(), text(value));
        }
    }
    for (name, value) in &envelope.extensions {
        headers.insert(name.as_str().into(), text(value));
    }
    BasicProperties::default()
        .with_headers(headers)
        .with_content_type(JSON.into())
        .with_message_id(envelope.id.as_str().into())
        .with_delivery_mode(PERSISTENT)
}

/// The event of a message.
///
/// # Errors
/// What is wrong with it; delivering it again will not help.
pub(crate) fn envelope(properties: &BasicProperties, body: &[u8]) -> Result<Envelope, String> {
    let attribute = |name: &str| header(properties, name);
    let required = |name: &str| {
        let given = attribute(name).filter(|value| !value.is_empty());
        given.ok_or(format!("the message has no header {name:?}"))
    };
    if required("specversion")? != "1.0" {
        return Err("not CloudEvents 1.0".into());
    }
    let data = match body {
        [] => serde_json::json!({}),
        body => serde_json::from_slice(body).map_err(|_| "the data is not JSON")?,
    };
    Ok(Envelope {
        id: required("id")?,
        kind: required("type")?,
        source: required("source")?,
        subject: attribute("subject").unwrap_or_default(),
        time: attribute("time").and_then(time).unwrap_or_else(Timestamp::now),
        extensions: extensions(properties),
        data,
    })
}

/// How often the message was delivered before, as a quorum queue counts it.
pub(crate) fn earlier_deliveries(properties: &BasicProperties) -> u32 {
    let count = properties.headers().as_ref().and_then(|headers| headers.inner().get("x-delivery-count"));
    match count {
        Some(AMQPValue::LongLongInt(count)) => u32::try_from(*count).unwrap_or(0),
        Some(AMQPValue::LongInt(count)) => u32::try_from(*count).unwrap_or(0),
        Some(AMQPValue::ShortShortUInt(count)) => u32::from(*count),
        _ => 0,
    }
}

pub(crate) fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// All headers that are no attribute of CloudEvents 1.0: by its rules of names, lower-case letters and digits.
fn extensions(properties: &BasicProperties) -> BTreeMap<String, String> {
    let known = ["specversion", "id", "type", "source", "subject", "time", "datacontenttype", "dataschema"];
    let name_fits = |name: &str| {
        !known.contains(&name)
            && (1..=20).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let names = properties.headers().iter().flat_map(|headers| headers.inner().keys());
    names
        .filter(|name| name_fits(name.as_str()))
        .filter_map(|name| Some((name.as_str().to_owned(), header(properties, name.as_str())?)))
        .collect()
}

fn header(properties: &BasicProperties, name: &str) -> Option<String> {
    match properties.headers().as_ref()?.inner().get(name)? {
        AMQPValue::LongString(text) => String::from_utf8(text.as_bytes().to_vec()).ok(),
        AMQPValue::ShortString(text) => Some(text.as_str().to_owned()),
        _ => None,
    }
}

fn time(text: String) -> Option<Timestamp> {
    serde_json::from_value(serde_json::Value::String(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_whose_id_type_or_source_is_empty_is_no_event() {
        let mut event = Envelope {
            id: "1".into(),
            kind: "dev.tapedeck.audio.ready.v1".into(),
            source: "/x".into(),
            subject: String::new(),
            time: Timestamp::from_millis(0),
            extensions: BTreeMap::new(),
            data: serde_json::json!({}),
        };
        assert_eq!(envelope(&properties(&event), b"").unwrap(), event);
        for attribute in ["id", "type", "source"] {
            let mut headers = properties(&event).headers().clone().unwrap_or_default();
            headers.insert(attribute.into(), text(""));
            let properties = BasicProperties::default().with_headers(headers);
            let why = envelope(&properties, b"").unwrap_err();
            assert_eq!(why, format!("the message has no header {attribute:?}"));
        }
        event.subject = "s".into();
        assert_eq!(envelope(&properties(&event), b"").unwrap().subject, "s");
    }
}
