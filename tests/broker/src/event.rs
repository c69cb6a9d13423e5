//! An event on its way through the broker: nothing of it is understood but its attributes.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use bytes::Bytes;
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use serde_json::Value;

const STRUCTURED: &str = "application/cloudevents+json";
const CONTENT_TYPE: &str = "content-type";
/// Survives a restart of RabbitMQ.
const PERSISTENT: u8 = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// By their bare names, as `type`; `content-type` is one of them, as on RabbitMQ.
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) data: Bytes,
}

impl Event {
    pub(crate) fn kind(&self) -> &str {
        self.attributes.get("type").map_or("", String::as_str)
    }

    pub(crate) fn id(&self) -> &str {
        self.attributes.get("id").map_or("", String::as_str)
    }

    /// Of a request or an answer; `None` if there is none in it.
    ///
    /// # Errors
    /// What is wrong with one that is none.
    pub(crate) fn read(headers: &HeaderMap, body: Bytes) -> Result<Option<Self>, String> {
        let content_type = text(headers.get(header::CONTENT_TYPE));
        let event = if content_type.starts_with(STRUCTURED) {
            structured(&body)?
        } else if headers.contains_key("ce-specversion") {
            let attribute = |(name, value): (&HeaderName, &HeaderValue)| {
                Some((name.as_str().strip_prefix("ce-")?.to_owned(), text(Some(value))))
            };
            let mut attributes: BTreeMap<_, _> = headers.iter().filter_map(attribute).collect();
            if !content_type.is_empty() {
                attributes.insert(CONTENT_TYPE.into(), content_type);
            }
            Self { attributes, data: body }
        } else {
            return Ok(None);
        };
        for name in ["id", "type", "source", "specversion"] {
            if event.attributes.get(name).is_none_or(String::is_empty) {
                return Err(format!("an event without {name}"));
            }
        }
        Ok(Some(event))
    }

    /// As headers of a request, in binary mode.
    pub(crate) fn headers(&self) -> HeaderMap {
        let header = |(name, value): (&String, &String)| {
            let name = if name == CONTENT_TYPE { name.clone() } else { format!("ce-{name}") };
            Some((HeaderName::try_from(name).ok()?, HeaderValue::from_str(value).ok()?))
        };
        self.attributes.iter().filter_map(header).collect()
    }

    /// As a message, with bare header names.
    pub(crate) fn properties(&self) -> BasicProperties {
        let mut headers = FieldTable::default();
        for (name, value) in &self.attributes {
            headers.insert(name.as_str().into(), AMQPValue::LongString(value.as_str().into()));
        }
        BasicProperties::default().with_headers(headers).with_delivery_mode(PERSISTENT)
    }

    /// Of a message.
    pub(crate) fn of_message(properties: &BasicProperties, data: &[u8]) -> Self {
        let mut attributes = BTreeMap::new();
        for (name, value) in properties.headers().iter().flat_map(|headers| headers.inner()) {
            if let AMQPValue::LongString(text) = value {
                let text = String::from_utf8_lossy(text.as_bytes()).into_owned();
                attributes.insert(name.as_str().to_owned(), text);
            }
        }
        Self { attributes, data: Bytes::copy_from_slice(data) }
    }
}

fn text(value: Option<&HeaderValue>) -> String {
    value.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn structured(body: &[u8]) -> Result<Event, String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let fields = value.as_object().ok_or("a structured event is an object")?;
    let mut attributes = BTreeMap::new();
    let mut data = Bytes::new();
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("data", value) => data = value.to_string().into(),
            ("datacontenttype", Value::String(text)) => {
                attributes.insert(CONTENT_TYPE.to_owned(), text.clone());
            }
            (name, Value::String(text)) => {
                attributes.insert(name.to_owned(), text.clone());
            }
            (name, value) => {
                attributes.insert(name.to_owned(), value.to_string());
            }
        }
    }
    Ok(Event { attributes, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(pairs: &[(&str, &str)]) -> HeaderMap {
        let header = |(name, value): &(&str, &str)| {
            (HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(header).collect()
    }

    #[test]
    fn an_event_is_the_same_after_its_way_through_rabbitmq_and_in_both_modes() {
        let headers = binary(&[
            ("ce-specversion", "1.0"),
            ("ce-id", "1"),
            ("ce-type", "a.b"),
            ("ce-source", "/x"),
            ("ce-traceparent", "00-1-2-01"),
            ("content-type", "application/json"),
        ]);
        let event = Event::read(&headers, Bytes::from("{}")).unwrap().unwrap();
        assert_eq!(event.headers(), headers);
        assert_eq!(Event::of_message(&event.properties(), b"{}"), event);
        let json = r#"{"specversion":"1.0","id":"1","type":"a.b","source":"/x","traceparent":"00-1-2-01",
            "datacontenttype":"application/json","data":{}}"#;
        let structured = binary(&[("content-type", "application/cloudevents+json; charset=utf-8")]);
        assert_eq!(Event::read(&structured, Bytes::from(json)).unwrap().unwrap(), event);
    }

    #[test]
    fn what_is_no_event_is_told_from_a_broken_one() {
        assert_eq!(Event::read(&binary(&[("content-type", "application/json")]), Bytes::new()), Ok(None));
        let broken =
            binary(&[("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-type", ""), ("ce-source", "/")]);
        assert_eq!(Event::read(&broken, Bytes::new()).unwrap_err(), "an event without type");
    }
}
