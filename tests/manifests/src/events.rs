//! Every event has who hears it or a reason why nobody does, and every Trigger is whole.

use contracts::{ALL_EVENT_TYPES, SUBSCRIBED_EVENT_TYPES, data_schema, short_name};
use serde_json::Value;

use crate::{
    Code, Resource,
    read::{list, text},
};

/// A Trigger's `delivery` replaces the broker's whole, and nothing has a default that one would want.
const DELIVERY: [&str; 5] = ["retry", "backoffPolicy", "backoffDelay", "timeout", "deadLetterSink"];
/// Without them a dispatcher may take 4 CPU and 600 Mi.
const LIMITS: [&str; 4] = ["cpu-request", "cpu-limit", "memory-request", "memory-limit"];

pub(crate) fn check(resources: &[Resource], code: &Code, problems: &mut Vec<String>) {
    for resource in resources {
        match resource.kind() {
            "Trigger" => trigger(resource, code, problems),
            "Broker" => {
                whole_delivery(resource, problems);
                limited(resource, problems);
            }
            "PingSource" => tick(resource, code, problems),
            "EventType" => event_type(resource, code, problems),
            "SinkBinding" => by_label(resource, problems),
            _ => {}
        }
    }
    for kind in code.event_types() {
        if !ALL_EVENT_TYPES.contains(&kind) {
            problems.push(format!("contracts: ALL_EVENT_TYPES lacks {kind}"));
        }
    }
    for kind in ALL_EVENT_TYPES {
        let mut triggers = resources.iter().filter(|one| one.kind() == "Trigger");
        let subscribed = triggers.any(|one| carried(one).as_deref() == Some(kind));
        if subscribed != SUBSCRIBED_EVENT_TYPES.contains(&kind) {
            problems
                .push(format!("contracts: SUBSCRIBED_EVENT_TYPES and the Triggers disagree about {kind}"));
        }
        let hearers: Vec<_> = resources.iter().filter(|one| carried(one).as_deref() == Some(kind)).collect();
        match hearers.as_slice() {
            [] if reason(resources, kind).is_some() => {}
            [one] if one.kind() == "PingSource" => {}
            [_] if described(resources, kind).is_none() => {
                problems.push(format!("eventing: {kind} has no EventType"));
            }
            [_] if reason(resources, kind).is_none() => {}
            [one] => problems.push(one.say("its EventType gives a reason why there is no Trigger")),
            none_or_many => problems.push(format!(
                "eventing: {kind} has {} Triggers and PingSources, not 1, and no reason why",
                none_or_many.len()
            )),
        }
    }
}

/// How the description of an EventType begins to say why nobody of ours hears it.
const REASON: &str = "No Trigger: ";

fn described<'a>(resources: &'a [Resource], kind: &str) -> Option<&'a str> {
    let mut types = resources.iter().filter(|one| one.kind() == "EventType");
    Some(types.find(|one| one.text("/spec/type") == kind)?.text("/spec/description"))
}

/// Why an event has no Trigger.
fn reason<'a>(resources: &'a [Resource], kind: &str) -> Option<&'a str> {
    let (_, reason) = described(resources, kind)?.split_once(REASON)?;
    Some(reason.trim()).filter(|reason| !reason.is_empty())
}

/// What the catalogue says of an event is what the code says.
fn event_type(resource: &Resource, code: &Code, problems: &mut Vec<String>) {
    let kind = resource.text("/spec/type");
    match code.source_of(kind) {
        None => problems.push(resource.say(format!("its type {kind:?} is no event of contracts"))),
        Some(source) if source != resource.text("/spec/source") => {
            problems.push(resource.say(format!("its source is not {source}")));
        }
        Some(_) => {}
    }
    if data_schema(kind).is_some_and(|schema| schema != resource.text("/spec/schema")) {
        problems.push(resource.say(format!("its schema is not that of {kind}")));
    }
    named_after(resource, kind, problems);
}

fn named_after(resource: &Resource, kind: &str, problems: &mut Vec<String>) {
    let short = short_name(kind);
    if resource.name() != short {
        problems.push(resource.say(format!("is not named after its event, {short}")));
    }
}

/// The event type that a Trigger filters or a PingSource sends.
fn carried(resource: &Resource) -> Option<String> {
    match resource.kind() {
        "Trigger" => Some(resource.text("/spec/filter/attributes/type").to_owned()),
        "PingSource" => Some(text(&sent(resource).ok()?, "/type").to_owned()),
        _ => None,
    }
}

fn trigger(trigger: &Resource, code: &Code, problems: &mut Vec<String>) {
    let kind = trigger.text("/spec/filter/attributes/type");
    if !ALL_EVENT_TYPES.contains(&kind) {
        problems.push(trigger.say(format!("its type {kind:?} is no event of contracts")));
    }
    if trigger.value.pointer("/spec/filters").is_some() {
        problems.push(trigger.say("`filters` is ignored on RabbitMQ: everything would match"));
    }
    named_after(trigger, kind, problems);
    if !code.hears(trigger.text("/spec/subscriber/ref/name"), kind) {
        let function = trigger.text("/spec/subscriber/ref/name");
        problems.push(trigger.say(format!("the function {function:?} has no handler for {kind}")));
    }
    whole_delivery(trigger, problems);
    limited(trigger, problems);
}

fn whole_delivery(resource: &Resource, problems: &mut Vec<String>) {
    for field in DELIVERY {
        if resource.value.pointer(&format!("/spec/delivery/{field}")).is_none() {
            problems.push(resource.say(format!("its delivery lacks {field}")));
        }
    }
}

fn limited(resource: &Resource, problems: &mut Vec<String>) {
    for limit in LIMITS {
        let name = format!("/metadata/annotations/rabbitmq.eventing.knative.dev~1{limit}");
        if resource.text(&name).is_empty() {
            problems.push(resource.say(format!("has no annotation for {limit}")));
        }
    }
}

/// A PingSource's own type can't be chosen, so the event stands in its data, in structured mode.
fn tick(source: &Resource, code: &Code, problems: &mut Vec<String>) {
    if source.text("/spec/contentType") != "application/cloudevents+json" {
        problems.push(source.say("its data must be a whole event: application/cloudevents+json"));
    }
    match sent(source) {
        Err(error) => problems.push(source.say(format!("its data: {error}"))),
        Ok(event) => {
            let kind = text(&event, "/type");
            for attribute in ["specversion", "id", "source", "type"] {
                if text(&event, &format!("/{attribute}")).is_empty() {
                    problems.push(source.say(format!("its event has no {attribute}")));
                }
            }
            if !ALL_EVENT_TYPES.contains(&kind) || !code.hears(source.text("/spec/sink/ref/name"), kind) {
                problems.push(source.say(format!("its type {kind:?} is no event that its sink hears")));
            } else if code.source_of(kind) != Some(text(&event, "/source")) {
                problems.push(source.say(format!("the source of {kind} is another")));
            }
        }
    }
}

fn sent(source: &Resource) -> Result<Value, serde_json::Error> {
    serde_json::from_str(source.text("/spec/data"))
}

fn by_label(binding: &Resource, problems: &mut Vec<String>) {
    let subject = &binding.value["spec"]["subject"];
    if text(subject, "/selector/matchLabels/tapedeck.dev~1publishes") != "true" {
        problems.push(binding.say("selects nobody by the label tapedeck.dev/publishes"));
    }
    if binding.text("/spec/sink/ref/kind") != "Broker"
        || !list(subject, "/selector/matchExpressions").is_empty()
    {
        problems.push(binding.say("does not lead to the Broker"));
    }
}
