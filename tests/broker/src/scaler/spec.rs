//! What `keda/*.yaml` says, with the defaults of KEDA and of the HPA.

use std::{collections::HashMap, time::Duration};

use manifests::Resource;
use serde_json::Value;

/// A ScaledObject with one trigger, `rabbitmq` or `external-push`.
#[derive(Clone, Debug)]
pub(crate) struct ScaledObject {
    pub(crate) name: String,
    pub(crate) target: String,
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) polling: Duration,
    pub(crate) cooldown: Duration,
    pub(crate) fallback: Option<Fallback>,
    pub(crate) up: Rules,
    pub(crate) down: Rules,
    /// Messages or jobs per worker.
    pub(crate) value: f64,
    pub(crate) trigger: ScaledBy,
}

#[derive(Clone, Debug)]
pub(crate) enum ScaledBy {
    Rabbitmq(OfQueue),
    ExternalPush {
        /// `scalerAddress`, as host:port in the cluster.
        address: String,
        /// All that the scaler is told.
        metadata: HashMap<String, String>,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Fallback {
    pub(crate) after: u32,
    pub(crate) replicas: u32,
    pub(crate) if_higher: bool,
}

/// A direction of `behavior`.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) window: Duration,
    pub(crate) select: Select,
    pub(crate) policies: Vec<Policy>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Select {
    Max,
    Min,
    Disabled,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) percent: bool,
    pub(crate) value: u32,
    pub(crate) period: Duration,
}

#[derive(Clone, Debug)]
pub(crate) struct OfQueue {
    pub(crate) queue: String,
    /// Whether messages in hand count: `protocol: http`.
    pub(crate) unacknowledged: bool,
    pub(crate) authentication: String,
}

impl ScaledObject {
    /// The one of these resources, if there is one.
    pub(crate) fn read(resources: &[Resource]) -> Option<Self> {
        let one = resources.iter().find(|one| one.kind() == "ScaledObject")?;
        let spec = &one.value["spec"];
        let trigger = &spec["triggers"][0];
        let metadata = |field: &str| trigger["metadata"][field].as_str().unwrap_or_default();
        let behavior = &spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"];
        let fast = |value, percent| Policy { percent, value, period: Duration::from_secs(15) };
        Some(Self {
            name: one.name().to_owned(),
            target: one.text("/spec/scaleTargetRef/name").to_owned(),
            min: number(&spec["minReplicaCount"], 0),
            max: number(&spec["maxReplicaCount"], 100),
            polling: seconds(&spec["pollingInterval"], 30),
            cooldown: seconds(&spec["cooldownPeriod"], 300),
            fallback: spec.get("fallback").map(|fallback| Fallback {
                after: number(&fallback["failureThreshold"], 3),
                replicas: number(&fallback["replicas"], 0),
                if_higher: fallback["behavior"] == "currentReplicasIfHigher",
            }),
            up: rules(&behavior["scaleUp"], 0, vec![fast(4, false), fast(100, true)]),
            down: rules(&behavior["scaleDown"], 300, vec![fast(100, true)]),
            value: metadata("value").parse().ok()?,
            trigger: if trigger["type"] == "external-push" {
                let all = trigger["metadata"].as_object().into_iter().flatten();
                let text =
                    |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
                ScaledBy::ExternalPush {
                    address: metadata("scalerAddress").to_owned(),
                    metadata: all.filter_map(text).collect(),
                }
            } else {
                ScaledBy::Rabbitmq(OfQueue {
                    queue: metadata("queueName").to_owned(),
                    unacknowledged: metadata("protocol") == "http",
                    authentication: trigger["authenticationRef"]["name"]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned(),
                })
            },
        })
    }
}

fn rules(spec: &Value, window: u64, default: Vec<Policy>) -> Rules {
    let policy = |policy: &Value| Policy {
        percent: policy["type"] == "Percent",
        value: number(&policy["value"], 0),
        period: seconds(&policy["periodSeconds"], 0),
    };
    let said: Vec<_> = spec["policies"].as_array().into_iter().flatten().map(policy).collect();
    Rules {
        window: seconds(&spec["stabilizationWindowSeconds"], window),
        select: match spec["selectPolicy"].as_str() {
            Some("Min") => Select::Min,
            Some("Disabled") => Select::Disabled,
            _ => Select::Max,
        },
        policies: if said.is_empty() { default } else { said },
    }
}

fn number(value: &Value, default: u32) -> u32 {
    value.as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or(default)
}

fn seconds(value: &Value, default: u64) -> Duration {
    Duration::from_secs(value.as_u64().unwrap_or(default))
}
