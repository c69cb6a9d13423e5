//! What the events look like to whoever does not read Rust: their JSON Schemas, made of the types.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

use crate::{
    ALL_EVENT_TYPES, AudioId, AudioReady, ConversionFailed, DeliveryDue, DeliveryId, Event, FailureCode,
    JobId, SweepBlobs, SweepDue, Timestamp, UserId, UserRegistered, VideoUploaded,
};

/// What the schema's name begins with; the event's type follows.
const SCHEMA: &str = "urn:tapedeck:event:";
/// How the schemas of other types are named by utoipa.
const REFERENCE: &str = "#/components/schemas/";

/// An event as its documentation shows it.
#[derive(Clone, Debug)]
pub struct Described {
    /// [`Event::TYPE`].
    pub kind: &'static str,
    /// [`Event::SOURCE`].
    pub source: &'static str,
    /// The name of its Rust type, as `VideoUploaded`.
    pub name: String,
    /// JSON Schema (2020-12) of the data; it refers to no other.
    pub schema: Value,
    /// Data of one occurrence.
    pub example: Value,
    /// The subject of the same.
    pub subject: String,
}

impl Described {
    /// Where its schema stands in `eventing/schemas`: `video-uploaded.json`.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.json", short_name(self.kind))
    }
}

/// What an event is called where its whole type is too long: `dev.tapedeck.video.uploaded.v1` is `video-uploaded`.
#[must_use]
pub fn short_name(kind: &str) -> String {
    let short = kind.strip_prefix("dev.tapedeck.").unwrap_or(kind);
    short.rsplit_once(".v").map_or(short, |(name, _)| name).replace('.', "-")
}

/// The CloudEvents `dataschema` of a type of ours: a name, which the schema bears as its `$id`. `None` for any other
/// type.
#[must_use]
pub fn data_schema(kind: &str) -> Option<String> {
    ALL_EVENT_TYPES.contains(&kind).then(|| format!("{SCHEMA}{kind}"))
}

/// Every event, in the order of [`ALL_EVENT_TYPES`].
#[must_use]
pub fn described() -> Vec<Described> {
    // The examples are the same in every run.
    let then = Timestamp::from_millis(1_700_000_000_123);
    let job_id = JobId::first_of(then);
    vec![
        describe(&UserRegistered { user_id: UserId::first_of(then) }),
        describe(&VideoUploaded { job_id }),
        describe(&AudioReady { job_id, audio_id: AudioId::first_of(then) }),
        describe(&ConversionFailed { job_id, code: FailureCode::NoAudio }),
        describe(&DeliveryDue { delivery_id: DeliveryId::first_of(then) }),
        describe(&SweepDue {}),
        describe(&SweepBlobs {}),
    ]
}

fn describe<E: Event + ToSchema>(event: &E) -> Described {
    let mut others = Vec::new();
    E::schemas(&mut others);
    let others: BTreeMap<String, Value> =
        others.into_iter().map(|(name, schema)| (name, json(&schema))).collect();
    let name = E::name().into_owned();
    let mut schema = Map::new();
    schema.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("$id".into(), json!(format!("{SCHEMA}{}", E::TYPE)));
    schema.insert("title".into(), json!(name));
    if let Value::Object(rest) = inlined(json(&E::schema()), &others) {
        schema.extend(rest);
    }
    Described {
        kind: E::TYPE,
        source: E::SOURCE,
        name,
        schema: Value::Object(schema),
        example: serde_json::to_value(event).unwrap_or_default(),
        subject: event.subject(),
    }
}

fn json(schema: &RefOr<Schema>) -> Value {
    serde_json::to_value(schema).unwrap_or_default()
}

/// The schema with those that it refers to written in their places; what stands beside a reference wins.
fn inlined(schema: Value, others: &BTreeMap<String, Value>) -> Value {
    match schema {
        Value::Object(mut members) => {
            let named = members.remove("$ref");
            let named = named.as_ref().and_then(|name| others.get(name.as_str()?.strip_prefix(REFERENCE)?));
            let mut all = match named.map(|other| inlined(other.clone(), others)) {
                Some(Value::Object(other)) => other,
                _ => Map::new(),
            };
            all.extend(members.into_iter().map(|(name, value)| (name, inlined(value, others))));
            Value::Object(all)
        }
        Value::Array(values) => values.into_iter().map(|value| inlined(value, others)).collect(),
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether `value` is what `schema` says, for the words that our schemas use. Any other word is a failure.
    fn fits(schema: &Value, value: &Value) -> bool {
        schema.as_object().unwrap().iter().all(|(word, said)| match word.as_str() {
            "$schema" | "$id" | "title" | "description" => true,
            "type" => match said.as_str().unwrap() {
                "object" => value.is_object(),
                "string" => value.is_string(),
                other => panic!("{other}"),
            },
            "required" => {
                said.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some())
            }
            "properties" => {
                let properties = said.as_object().unwrap().iter();
                properties
                    .into_iter()
                    .all(|(name, schema)| value.get(name).is_none_or(|value| fits(schema, value)))
            }
            "enum" => said.as_array().unwrap().contains(value),
            "pattern" => {
                assert_eq!(said, "^[0-7][0-9a-hjkmnp-tv-z]{25}$", "the pattern of ids, the only one");
                let text = value.as_str().unwrap_or_default();
                let letter = |byte: u8| {
                    byte.is_ascii_digit() || (byte.is_ascii_lowercase() && !b"ilou".contains(&byte))
                };
                text.len() == 26 && (b'0'..=b'7').contains(&text.as_bytes()[0]) && text.bytes().all(letter)
            }
            other => panic!("{other:?} is not known here"),
        })
    }

    #[test]
    fn every_event_is_described_once_in_the_order_of_the_list() {
        let all = described();
        assert_eq!(all.iter().map(|one| one.kind).collect::<Vec<_>>(), ALL_EVENT_TYPES);
        for one in all {
            assert_eq!(one.schema["$id"], data_schema(one.kind).unwrap());
            assert_eq!(one.schema["title"], one.name);
            assert!(!one.schema["description"].as_str().unwrap().is_empty(), "{}", one.kind);
            assert!(!one.schema.to_string().contains("$ref"), "{}", one.schema);
        }
        assert_eq!(data_schema("dev.knative.sources.ping"), None);
        assert_eq!(described()[1].file_name(), "video-uploaded.json");
    }

    #[test]
    fn real_events_fit_their_schemas_and_damaged_ones_do_not() {
        for one in described() {
            assert!(fits(&one.schema, &one.example), "{}: {}", one.schema, one.example);
            assert!(!fits(&one.schema, &json!("text")), "{}", one.schema);
            for name in one.example.as_object().unwrap().keys() {
                let mut without = one.example.clone();
                without.as_object_mut().unwrap().remove(name);
                assert!(!fits(&one.schema, &without), "{} without {name}", one.kind);
                for wrong in [json!(7), json!(null), json!("x"), json!("01ARZ3NDEKTSV4RRFFQ69G5FAV")] {
                    let mut changed = one.example.clone();
                    changed[name] = wrong;
                    assert!(!fits(&one.schema, &changed), "{}: {changed}", one.kind);
                }
            }
        }
        let schema = &described()[3].schema;
        let job_id = JobId::generate();
        for code in FailureCode::ALL {
            let event = serde_json::to_value(ConversionFailed { job_id, code }).unwrap();
            assert!(fits(schema, &event), "{event}");
        }
    }
}
