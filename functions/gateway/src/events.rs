//! `/asyncapi.json`: AsyncAPI 3.0, made of the contracts: what Tapedeck says to whoever listens.

use contracts::{Described, described, short_name};
use serde_json::{Map, Value, json};

use crate::asset::Asset;

const DESCRIPTION: &str = "The events of Tapedeck: CloudEvents 1.0 with JSON data.\n\n\
    An event carries ids only; a subscriber reads the rest from the API. It may come twice, under the same id, and \
    in another order than it happened.\n\n\
    The headers are the attributes of CloudEvents in binary mode: over HTTP (a Knative Trigger's subscriber) they have \
    the prefix `ce-`, on RabbitMQ none. On Knative, subscribe with a Trigger on the broker `tapedeck` that filters by \
    `type`; on RabbitMQ alone, bind a queue to the exchange `tapedeck.events`.";

/// The description of all events.
pub(crate) fn asset() -> (&'static str, Asset) {
    ("/asyncapi.json", Asset::new("application/json", page().to_string()))
}

fn page() -> Value {
    let events = described();
    let each = |part: fn(&Described) -> (String, Value)| Value::Object(events.iter().map(part).collect());
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tapedeck",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": { "name": "MIT" },
        },
        "defaultContentType": "application/json",
        "channels": each(channel),
        "operations": each(operation),
        "components": { "messages": each(message) },
    })
}

/// Where it goes is the installation's: the channel has no address.
fn channel(event: &Described) -> (String, Value) {
    let mut messages = Map::new();
    messages.insert(event.name.clone(), json!({ "$ref": format!("#/components/messages/{}", event.name) }));
    let channel = json!({ "address": null, "title": event.kind, "messages": messages });
    (short_name(event.kind), channel)
}

fn operation(event: &Described) -> (String, Value) {
    let channel = format!("#/channels/{}", short_name(event.kind));
    let operation = json!({
        "action": "send",
        "channel": { "$ref": channel },
        "summary": event.schema["description"],
        "messages": [{ "$ref": format!("{channel}/messages/{}", event.name) }],
    });
    (format!("send{}", event.name), operation)
}

fn message(event: &Described) -> (String, Value) {
    let message = json!({
        "name": event.kind,
        "title": event.name,
        "summary": event.schema["description"],
        "contentType": "application/json",
        "headers": headers(event),
        "payload": event.schema,
        "examples": [{ "name": event.name, "headers": example(event), "payload": event.example }],
    });
    (event.name.clone(), message)
}

/// The attributes of CloudEvents.
fn headers(event: &Described) -> Value {
    let text = |say: &str| json!({ "type": "string", "description": say });
    json!({
        "type": "object",
        "required": ["specversion", "id", "type", "source", "time"],
        "properties": {
            "specversion": { "const": "1.0" },
            "id": text("The same for every delivery of this occurrence"),
            "type": { "const": event.kind },
            "source": { "const": event.source },
            "subject": text("The id of the thing that it happened to"),
            "time": { "type": "string", "format": "date-time" },
            "datacontenttype": { "const": "application/json" },
            "dataschema": { "const": event.schema["$id"] },
            "traceparent": text("W3C Trace Context: the trace of the request or the event that caused it"),
            "tracestate": text("The rest of the trace"),
        },
    })
}

fn example(event: &Described) -> Value {
    json!({
        "specversion": "1.0",
        "id": "01hf7yat3v0000000000000000",
        "type": event.kind,
        "source": event.source,
        "subject": event.subject,
        "time": "2023-11-14T22:13:20.123Z",
        "dataschema": event.schema["$id"],
    })
}
