//! What the manifests say about events: who hears what, how often it is tried, what ticks.
//!
//! Read as the real broker reads them, not as they are meant: a field that it does not know says nothing, a Trigger whose
//! parts are not there is never bound, and one without a filter hears everything.

use std::{collections::BTreeMap, time::Duration};

use manifests::{Resource, address_of};
use serde_json::Value;

/// How an event is delivered. Without one it is tried once and dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// Tries after the first.
    pub(crate) retry: u32,
    pub(crate) exponential: bool,
    pub(crate) delay: Duration,
    /// Of one try; without one it may hang for ever.
    pub(crate) timeout: Option<Duration>,
    /// Where it goes in the end, as the manifests write addresses.
    pub(crate) dead_letter: Option<String>,
}

impl Delivery {
    /// The pause after try number `tried`, as Knative's own sender reckons it.
    pub(crate) fn pause(&self, tried: u32) -> Duration {
        if self.exponential { self.delay * 2_u32.saturating_pow(tried - 1) } else { self.delay * tried }
    }

    /// # Errors
    /// What admission would refuse, and a dead-letter sink that is not there.
    fn read(spec: &Value, resources: &[Resource]) -> Result<Self, String> {
        let span = |field: &str| match spec[field].as_str() {
            None => Ok(None),
            // What jiff takes beside ISO 8601, Knative does not.
            Some(text) if !text.starts_with('P') => Err(format!("delivery.{field}: {text}")),
            Some(text) => {
                let span: Result<jiff::SignedDuration, _> = text.parse();
                let span = span.map_err(|error| format!("delivery.{field}: {error}"))?;
                Duration::try_from(span).map(Some).map_err(|error| format!("delivery.{field}: {error}"))
            }
        };
        let exponential = match spec["backoffPolicy"].as_str() {
            None | Some("exponential") => true,
            Some("linear") => false,
            Some(other) => return Err(format!("delivery.backoffPolicy: {other}")),
        };
        let dead_letter = match &spec["deadLetterSink"] {
            Value::Null => None,
            sink => Some(address_of(sink, resources).ok_or("its dead-letter sink is not there")?),
        };
        Ok(Self {
            retry: spec["retry"].as_u64().and_then(|retry| u32::try_from(retry).ok()).unwrap_or(0),
            exponential,
            delay: span("backoffDelay")?.unwrap_or_default(),
            timeout: span("timeout")?,
            dead_letter,
        })
    }
}

/// A Trigger that can become Ready.
#[derive(Clone, Debug)]
pub(crate) struct Trigger {
    pub(crate) name: String,
    pub(crate) filter: BTreeMap<String, String>,
    /// As the manifests write addresses.
    pub(crate) subscriber: String,
    pub(crate) delivery: Delivery,
}

/// A PingSource.
#[derive(Clone, Debug)]
pub(crate) struct Tick {
    pub(crate) name: String,
    pub(crate) schedule: String,
    pub(crate) content_type: String,
    pub(crate) data: String,
    pub(crate) sink: String,
}

#[derive(Debug, Default)]
pub(crate) struct Wiring {
    /// Name and ingress of the Broker.
    pub(crate) broker: Option<(String, String)>,
    pub(crate) triggers: Vec<Trigger>,
    pub(crate) ticks: Vec<Tick>,
    /// What does not become Ready, and why.
    pub(crate) not_ready: Vec<String>,
}

impl Wiring {
    pub(crate) fn read(resources: &[Resource]) -> Self {
        let mut wiring = Self::default();
        let broker = resources.iter().find(|one| one.kind() == "Broker");
        wiring.broker = broker.map(|one| {
            (
                one.name().to_owned(),
                format!("http://{}-broker-ingress.tapedeck.svc.cluster.local", one.name()),
            )
        });
        for one in resources {
            let read = match one.kind() {
                "Trigger" => trigger(one, broker, resources).map(|trigger| wiring.triggers.push(trigger)),
                "PingSource" => tick(one, resources).map(|tick| wiring.ticks.push(tick)),
                _ => continue,
            };
            if let Err(why) = read {
                wiring.not_ready.push(format!("{} {}: {why}", one.kind(), one.name()));
            }
        }
        wiring
    }
}

fn trigger(one: &Resource, broker: Option<&Resource>, resources: &[Resource]) -> Result<Trigger, String> {
    let named = one.text("/spec/broker");
    let broker =
        broker.filter(|broker| broker.name() == named).ok_or(format!("there is no Broker {named}"))?;
    let subscriber = address_of(&one.value["spec"]["subscriber"], resources);
    // A Trigger's delivery replaces the broker's whole.
    let delivery =
        [one, broker].into_iter().map(|one| &one.value["spec"]["delivery"]).find(|spec| !spec.is_null());
    let filter = one.value.pointer("/spec/filter/attributes").and_then(Value::as_object);
    Ok(Trigger {
        name: one.name().to_owned(),
        filter: filter
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect(),
        subscriber: subscriber.ok_or("its subscriber is not there")?,
        delivery: match delivery {
            Some(spec) => Delivery::read(spec, resources)?,
            None => Delivery::default(),
        },
    })
}

fn tick(one: &Resource, resources: &[Resource]) -> Result<Tick, String> {
    let schedule = one.text("/spec/schedule").to_owned();
    schedule.parse::<croner::Cron>().map_err(|error| format!("its schedule: {error}"))?;
    Ok(Tick {
        name: one.name().to_owned(),
        schedule,
        content_type: one.text("/spec/contentType").to_owned(),
        data: one.text("/spec/data").to_owned(),
        sink: address_of(&one.value["spec"]["sink"], resources).ok_or("its sink is not there")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(delivery: &str) -> Result<Delivery, String> {
        let spec = serde_json::from_str(delivery).unwrap();
        Delivery::read(&spec, &[])
    }

    #[test]
    fn pauses_are_those_of_knatives_sender() {
        let exponential =
            read(r#"{"retry": 5, "backoffPolicy": "exponential", "backoffDelay": "PT1S"}"#).unwrap();
        let pauses: Vec<_> = (1..=5).map(|tried| exponential.pause(tried).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16]);
        let linear = read(r#"{"retry": 3, "backoffPolicy": "linear", "backoffDelay": "PT0.5S"}"#).unwrap();
        let pauses: Vec<_> = (1..=3).map(|tried| linear.pause(tried).as_millis()).collect();
        assert_eq!(pauses, [500, 1000, 1500]);
    }

    #[test]
    fn what_can_not_be_read_or_is_not_there_is_told() {
        assert!(read(r#"{"timeout": "30s"}"#).unwrap_err().starts_with("delivery.timeout: "));
        assert_eq!(read(r#"{"backoffPolicy": "cubic"}"#).unwrap_err(), "delivery.backoffPolicy: cubic");
        let sink = r#"{"deadLetterSink": {"ref": {"kind": "Service", "name": "sweep"}}}"#;
        assert_eq!(read(sink).unwrap_err(), "its dead-letter sink is not there");
        assert_eq!(read("{}").unwrap(), Delivery { exponential: true, ..Delivery::default() });
    }
}
