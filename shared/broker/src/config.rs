//! Where events go and come from.

use runtime::{Checked, Config, within};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Longest drain time, in seconds.
pub(crate) const DAY: u64 = 24 * 3600;

/// The broker's part of the environment. `K_SINK` and `K_CE_OVERRIDES` are named so by Knative's SinkBinding.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct BrokerConfig {
    /// `local:`, `amqp://` or `amqps://`.
    pub broker_url: String,
    /// Who makes exchanges and queues.
    pub broker_topology: Topology,
    /// Events of one subscription in hand at once; a conversion is always alone.
    pub broker_prefetch: u16,
    /// Seconds that deliveries in hand get to finish after SIGTERM.
    pub broker_drain_seconds: u64,
    /// Where events are posted, on Knative.
    pub k_sink: Option<String>,
    /// `{"extensions": {...}}`: attributes that are added to every posted event.
    pub k_ce_overrides: Option<String>,
}

/// Who makes exchanges, queues and bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topology {
    /// Whoever needs them first.
    Declare,
    /// An operator: we only check that they are there.
    Check,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            broker_url: "local:".into(),
            broker_topology: Topology::Declare,
            broker_prefetch: 8,
            broker_drain_seconds: 1600,
            k_sink: None,
            k_ce_overrides: None,
        }
    }
}

impl Config for BrokerConfig {
    const PREFIX: &'static str = "";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        ("broker_url", "`local:` (one process) or `amqp://user:password@host:port/vhost`"),
        ("broker_topology", "`declare`: make missing exchanges and queues; `check`: an operator makes them"),
        (
            "broker_prefetch",
            "events of one type that a function handles at once; conversions come one by one",
        ),
        (
            "broker_drain_seconds",
            "seconds that running handlers get to finish after SIGTERM; then a conversion is requeued",
        ),
        (
            "k_sink",
            "where events are posted; set by Knative's SinkBinding. Then AMQP carries conversions only",
        ),
        ("k_ce_overrides", "attributes added to posted events, as JSON; set by Knative's SinkBinding"),
    ];

    fn check(&self) -> Checked {
        // To RabbitMQ 0 means without limit.
        within("broker_prefetch", &self.broker_prefetch, 1..=1000)?;
        within("broker_drain_seconds", &self.broker_drain_seconds, 0..=DAY)
    }
}

impl BrokerConfig {
    /// Whether this process publishes to Knative and is called by it.
    #[must_use]
    pub fn is_knative(&self) -> bool {
        self.k_sink.is_some()
    }

    /// Whether events never leave the process: [`crate::Local`] delivers them.
    #[must_use]
    pub fn is_local(&self) -> bool {
        !self.is_knative() && self.broker_url.starts_with("local:")
    }

    pub(crate) fn amqp_url(&self) -> Result<&str, Error> {
        let known = self.broker_url.starts_with("amqp://") || self.broker_url.starts_with("amqps://");
        known.then_some(self.broker_url.as_str()).ok_or(Error::Url)
    }
}
