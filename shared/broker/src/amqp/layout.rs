//! An event as a message: CloudEvents in binary mode, the attributes as headers with bare names, as Knative's
//! RabbitMQ broker writes and binds them. So a queue bound to that broker's exchange reads like one of ours.

use std::collections::BTreeMap;

use contracts::{Envelope, Timestamp, data_schema};
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
    if let Some(schema) = data_schema(&envelope.kind) {
        headers.insert("dataschema".into(), text(&schema));
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

/// The event of a message: in binary mode as above or with the prefix of CloudEvents' own AMQP binding, or in structured
/// mode, which the content type says.
///
/// # Errors
/// What is wrong with it; delivering it again will not help.
pub(crate) fn envelope(properties: &BasicProperties, body: &[u8]) -> Result<Envelope, String> {
    runtime::event(attributes(properties), body).map_err(|refusal| refusal.to_string())
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

/// What the attributes of an event may begin with: as the AMQP binding has them (3.1.3.1), or, as here and on Knative,
/// with nothing.
const PREFIXES: [&str; 3] = ["cloudEvents:", "cloudEvents_", ""];

/// Headers that RabbitMQ adds, or that senders add for themselves, are no attributes: those have no such names. Of an
/// attribute that an event does not have, Knative's broker writes an empty header.
fn attributes(properties: &BasicProperties) -> BTreeMap<String, String> {
    let headers = properties.headers().as_ref().map(FieldTable::inner);
    let has = |prefix: &&str| headers.is_some_and(|all| all.contains_key(&*format!("{prefix}specversion")));
    let prefix = PREFIXES.into_iter().find(has).unwrap_or_default();
    let named = |name: &str| {
        let name = name.strip_prefix(prefix)?;
        runtime::is_attribute_name(name).then(|| name.to_owned())
    };
    let mut attributes: BTreeMap<String, String> = headers
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((named(name.as_str())?, written(value)?)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let kind = properties.content_type().as_ref().map(|kind| kind.as_str().to_owned());
    let kind = kind.or_else(|| headers.and_then(|all| written(all.get("content-type")?)));
    attributes.extend(kind.filter(|kind| !kind.is_empty()).map(|kind| ("datacontenttype".into(), kind)));
    attributes
}

/// A value as CloudEvents writes it. One that is no text at all names nothing.
fn written(value: &AMQPValue) -> Option<String> {
    Some(match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok()?.to_owned(),
        AMQPValue::ShortString(text) => text.as_str().to_owned(),
        AMQPValue::Boolean(yes) => yes.to_string(),
        AMQPValue::ShortShortInt(number) => number.to_string(),
        AMQPValue::ShortShortUInt(number) => number.to_string(),
        AMQPValue::ShortInt(number) => number.to_string(),
        AMQPValue::ShortUInt(number) => number.to_string(),
        AMQPValue::LongInt(number) => number.to_string(),
        AMQPValue::LongUInt(number) => number.to_string(),
        AMQPValue::LongLongInt(number) => number.to_string(),
        AMQPValue::Timestamp(seconds) => {
            let millis = i64::try_from(*seconds).unwrap_or(i64::MAX).saturating_mul(1000);
            Timestamp::from_millis(millis).to_string()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event() -> Envelope {
        Envelope {
            id: "1".into(),
            kind: "dev.tapedeck.audio.ready.v1".into(),
            source: "/x".into(),
            subject: String::new(),
            time: Timestamp::from_millis(0),
            extensions: BTreeMap::new(),
            data: json!({}),
        }
    }

    fn with(headers: &[(&str, AMQPValue)]) -> BasicProperties {
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert((*name).into(), value.clone());
        }
        BasicProperties::default().with_headers(table)
    }

    #[test]
    fn a_message_whose_id_type_or_source_is_empty_is_no_event() {
        let mut event = event();
        assert_eq!(envelope(&properties(&event), b"").unwrap(), event);
        for attribute in ["id", "type", "source"] {
            let mut headers = properties(&event).headers().clone().unwrap_or_default();
            headers.insert(attribute.into(), text(""));
            let why = envelope(&BasicProperties::default().with_headers(headers), b"").unwrap_err();
            assert!(why.contains(attribute), "{why}");
        }
        event.subject = "s".into();
        assert_eq!(envelope(&properties(&event), b"").unwrap().subject, "s");
    }

    #[test]
    fn what_we_write_names_its_schema_and_is_read_as_it_was() {
        let mut event = event();
        event.extensions.insert("tracestate".into(), "a=1,b=2".into());
        let properties = properties(&event);
        let headers = properties.headers().clone().unwrap();
        let schema = text("urn:tapedeck:event:dev.tapedeck.audio.ready.v1");
        assert_eq!(headers.inner().get("dataschema"), Some(&schema));
        assert_eq!(envelope(&properties, b"{}").unwrap(), event);
        event.kind = "org.example.other".into();
        assert!(!super::properties(&event).headers().clone().unwrap().contains_key("dataschema"));
    }

    /// The example of the AMQP binding, with each of the two prefixes.
    #[test]
    fn a_message_of_the_amqp_binding_is_read_by_its_prefix() {
        for prefix in ["cloudEvents:", "cloudEvents_"] {
            let named = |name: &str| format!("{prefix}{name}");
            let attributes = [
                (named("specversion"), text("1.0")),
                (named("type"), text("com.example.someevent")),
                (named("time"), AMQPValue::Timestamp(1_522_900_584)),
                (named("id"), AMQPValue::ShortString("1234-1234-1234".into())),
                (named("source"), text("/mycontext/subcontext")),
                (named("flag"), AMQPValue::Boolean(true)),
                (named("count"), AMQPValue::LongInt(-3)),
                ("id".to_owned(), text("not this one")),
                ("x-delivery-count".to_owned(), AMQPValue::LongLongInt(2)),
            ];
            let attributes: Vec<_> =
                attributes.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
            let properties = with(&attributes).with_content_type("application/json; charset=utf-8".into());
            let event = envelope(&properties, b"{\"a\":1}").unwrap();
            assert_eq!((event.id.as_str(), event.kind.as_str()), ("1234-1234-1234", "com.example.someevent"));
            assert_eq!(
                (event.time.to_string().as_str(), event.data),
                ("2018-04-05T03:56:24.000Z", json!({"a": 1}))
            );
            let extensions = [("count", "-3"), ("flag", "true")];
            assert_eq!(event.extensions, extensions.map(|(name, value)| (name.into(), value.into())).into());
        }
    }

    #[test]
    fn a_whole_event_in_the_body_is_read_by_its_content_type_and_a_batch_is_refused() {
        let body = json!({"specversion": "1.0", "id": "7", "type": "t", "source": "/x", "data": {"a": 1}});
        let structured = |kind: &str| BasicProperties::default().with_content_type(kind.into());
        let event =
            envelope(&structured("application/cloudevents+json; charset=utf-8"), body.to_string().as_bytes());
        assert_eq!(event.unwrap().data, json!({"a": 1}));
        let batch = structured("application/cloudevents-batch+json");
        let why = envelope(&batch, format!("[{body}]").as_bytes()).unwrap_err();
        assert!(why.starts_with("Batches are not taken"), "{why}");
    }

    #[test]
    fn what_breaks_the_rules_over_http_breaks_them_here() {
        let good = [("specversion", "1.0"), ("id", "1"), ("type", "t"), ("source", "/x")];
        for (name, value, taken) in [
            ("subject", "s", true),
            ("subject", "", true),
            ("dataschema", "", true),
            ("time", "2018-04-05T03:56:24Z", true),
            ("time", "yesterday", false),
            ("source", "a b", false),
            ("dataschema", "/relative", false),
            ("specversion", "0.3", false),
            ("content-type", "text/plain", false),
            ("x-death", "no attribute", true),
            ("aratherlongnameofmorethantwentycharacters", "kept", true),
        ] {
            let mut headers = good.map(|(name, value)| (name, text(value))).to_vec();
            headers.push((name, text(value)));
            assert_eq!(envelope(&with(&headers), b"{}").is_ok(), taken, "{name}: {value}");
        }
        assert!(envelope(&with(&[]), b"{}").is_err());
        let good = good.map(|(name, value)| (name, text(value)));
        assert!(envelope(&with(&good), b"not json").is_err());
    }
}
