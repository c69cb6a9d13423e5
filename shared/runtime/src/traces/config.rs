//! OpenTelemetry's own variables, as far as they are read here; those of metrics: `metrics/config.rs`. Others of the standard,
//! as `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_BSP_SCHEDULE_DELAY`, are read by its SDK.

use std::sync::LazyLock;

use opentelemetry::KeyValue;
use opentelemetry_sdk::{Resource, trace::Sampler};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::{Checked, Config, within};

/// Where traces go, and how many.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct TracesConfig {
    /// An OTLP receiver over HTTP. `None`: no traces.
    pub exporter_otlp_endpoint: Option<String>,
    /// Which traces are recorded.
    pub traces_sampler: String,
    /// The share of traces, for samplers by ratio.
    pub traces_sampler_arg: f64,
    /// The name of the process; `None`: its function's.
    pub service_name: Option<String>,
}

impl Default for TracesConfig {
    fn default() -> Self {
        Self {
            exporter_otlp_endpoint: None,
            traces_sampler: "parentbased_always_on".into(),
            traces_sampler_arg: 1.0,
            service_name: None,
        }
    }
}

impl Config for TracesConfig {
    const PREFIX: &'static str = "OTEL_";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        (
            "exporter_otlp_endpoint",
            "where traces and metrics are sent by OTLP, as `http://collector:4318` (protobuf over HTTP, without TLS); unset: no traces are recorded",
        ),
        (
            "traces_sampler",
            "which traces: `always_on`, `always_off`, `traceidratio`, or one of these after `parentbased_`, which heeds what the caller has decided; without it callers decide nothing",
        ),
        ("traces_sampler_arg", "the share of traces that `traceidratio` takes, from 0 to 1"),
        (
            "service_name",
            "the name of the process in traces and pushed metrics; unset: `tapedeck-` and its function, or `tapedeck`",
        ),
    ];

    fn check(&self) -> Checked {
        within("traces_sampler_arg", &self.traces_sampler_arg, 0.0..=1.0)?;
        if let Some(url) = &self.exporter_otlp_endpoint
            && !url.starts_with("http://")
        {
            return Err(("exporter_otlp_endpoint", "expected http://...".into()));
        }
        match self.named() {
            Some(_) => Ok(()),
            None => Err(("traces_sampler", format!("`{}` is none that is known", self.traces_sampler))),
        }
    }
}

impl TracesConfig {
    /// The sampler.
    pub(super) fn sampler(&self) -> Sampler {
        self.named().unwrap_or(Sampler::AlwaysOff)
    }

    fn named(&self) -> Option<Sampler> {
        let (name, by_parent) = match self.traces_sampler.strip_prefix("parentbased_") {
            Some(name) => (name, true),
            None => (self.traces_sampler.as_str(), false),
        };
        let root = match name {
            "always_on" => Sampler::AlwaysOn,
            "always_off" => Sampler::AlwaysOff,
            "traceidratio" => Sampler::TraceIdRatioBased(self.traces_sampler_arg),
            _ => return None,
        };
        Some(if by_parent { Sampler::ParentBased(Box::new(root)) } else { root })
    }

    /// Who sends.
    pub(crate) fn resource(&self, service: &str) -> Resource {
        let name = self.service_name.clone().unwrap_or_else(|| service.to_owned());
        Resource::builder()
            .with_service_name(name)
            .with_attributes([
                KeyValue::new("service.namespace", "tapedeck"),
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                KeyValue::new("service.instance.id", instance()),
            ])
            .build()
    }
}

/// Names this process: counters of two processes are two counters.
fn instance() -> String {
    static INSTANCE: LazyLock<Ulid> = LazyLock::new(Ulid::generate);
    INSTANCE.to_string().to_ascii_lowercase()
}
