//! How events are delivered and to whom: what Knative takes for granted, or takes without a word and then does nothing.

use std::time::Duration;

use serde_json::Value;

use crate::{Resource, sinks::address_of};

/// Fewer would not bridge a cold start on a busy node; more would only keep an event in a dispatcher's hand.
const RETRIES: std::ops::RangeInclusive<u64> = 3..=10;
/// Rows that are due wait for this tick, and cron knows none that comes more often.
const DUE: (&str, &str) = ("sweep-due", "* * * * *");

pub(crate) fn check(resources: &[Resource], problems: &mut Vec<String>) {
    for resource in resources {
        match resource.kind() {
            "Trigger" => {
                there(resource, "/spec/subscriber", resources, problems);
                there(resource, "/spec/delivery/deadLetterSink", resources, problems);
                delivery(resource, resources, problems);
                let filter = resource.value.pointer("/spec/filter/attributes").and_then(Value::as_object);
                if filter.is_some_and(|filter| filter.keys().any(|name| name != "type")) {
                    problems.push(resource.say("filters by more than the type"));
                }
            }
            "Broker" => {
                there(resource, "/spec/delivery/deadLetterSink", resources, problems);
                delivery(resource, resources, problems);
            }
            "PingSource" => {
                there(resource, "/spec/sink", resources, problems);
                schedule(resource, problems);
            }
            "SinkBinding" => there(resource, "/spec/sink", resources, problems),
            _ => {}
        }
    }
}

/// By group, kind and name: a plain Service of a function's name is another one.
fn there(resource: &Resource, pointer: &str, resources: &[Resource], problems: &mut Vec<String>) {
    let Some(destination) = resource.value.pointer(pointer) else { return };
    if address_of(destination, resources).is_none() {
        problems.push(resource.say(format!("{pointer} names nothing that is there")));
    }
}

fn delivery(resource: &Resource, resources: &[Resource], problems: &mut Vec<String>) {
    let delivery = &resource.value["spec"]["delivery"];
    if delivery["retry"].as_u64().is_some_and(|retry| !RETRIES.contains(&retry)) {
        problems.push(resource.say(format!(
            "retry is not between {} and {}",
            RETRIES.start(),
            RETRIES.end()
        )));
    }
    if delivery["backoffPolicy"].as_str().is_some_and(|policy| policy != "exponential") {
        problems.push(resource.say("backoffPolicy is not exponential"));
    }
    let mut span = |field: &str| {
        let said = delivery.get(field)?;
        let Some(text) = said.as_str() else {
            problems.push(resource.say(format!("{field} is no text")));
            return None;
        };
        let span = seconds(text);
        if span.is_none() {
            problems.push(resource.say(format!("{field}: {text:?} is no time in ISO 8601")));
        }
        span
    };
    span("backoffDelay");
    let timeout = span("timeout");
    let subscriber = resource.text("/spec/subscriber/ref/name");
    let function = resources.iter().find(|one| one.is_function() && one.name() == subscriber);
    let works = function.and_then(|one| one.value.pointer("/spec/template/spec/timeoutSeconds")?.as_u64());
    if let (Some(timeout), Some(works)) = (timeout, works)
        && timeout < Duration::from_secs(works)
    {
        problems.push(resource.say(format!("gives up before its function does, which has {works} s")));
    }
}

/// `PT30S`.
fn seconds(text: &str) -> Option<Duration> {
    let number = text.strip_prefix("PT")?.strip_suffix('S')?;
    number.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

fn schedule(source: &Resource, problems: &mut Vec<String>) {
    let schedule = source.text("/spec/schedule");
    if schedule.split(' ').count() != 5 {
        problems.push(source.say(format!("its schedule {schedule:?} has not five fields")));
    }
    if source.name() == DUE.0 && schedule != DUE.1 {
        problems.push(source.say("does not tick every minute"));
    }
}
