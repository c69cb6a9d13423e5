//! OpenTelemetry's variables for metrics: whether they are pushed, where to and how often.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use opentelemetry_sdk::Resource;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use crate::{Checked, Config, ConfigError, TracesConfig, within};

/// Whether metrics are pushed, and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct PushConfig {
    /// The receiver's address for metrics. `None`: that of traces, if there is one.
    pub exporter_otlp_metrics_endpoint: Option<String>,
    /// `otlp`, or something else: then nothing is pushed.
    pub metrics_exporter: String,
    /// Milliseconds between two pushes.
    pub metric_export_interval: u64,
    /// Headers of everything that is sent by OTLP.
    pub exporter_otlp_headers: Option<String>,
    /// Headers of metrics, instead of those.
    pub exporter_otlp_metrics_headers: Option<String>,
}

impl Default for PushConfig {
    fn default() -> Self {
        Self {
            exporter_otlp_metrics_endpoint: None,
            metrics_exporter: "otlp".into(),
            metric_export_interval: 60_000,
            exporter_otlp_headers: None,
            exporter_otlp_metrics_headers: None,
        }
    }
}

impl Config for PushConfig {
    const PREFIX: &'static str = "OTEL_";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        (
            "exporter_otlp_metrics_endpoint",
            "where metrics are pushed by OTLP, as `http://collector:4318/v1/metrics`; unset: `OTEL_EXPORTER_OTLP_ENDPOINT` with `/v1/metrics`; neither: nothing is pushed",
        ),
        (
            "metrics_exporter",
            "`otlp`: metrics are pushed if there is an endpoint; `none` or `prometheus`: they are not",
        ),
        (
            "metric_export_interval",
            "milliseconds between two pushes of metrics; the last one is made at the end of the process",
        ),
        (
            "exporter_otlp_headers",
            "headers of what is sent by OTLP, as `authorization=Bearer%20secret,tenant=a`",
        ),
        ("exporter_otlp_metrics_headers", "headers of metrics, instead of `OTEL_EXPORTER_OTLP_HEADERS`"),
    ];

    fn check(&self) -> Checked {
        within("metric_export_interval", &self.metric_export_interval, 100..=24 * 3_600_000)?;
        let wrong = |field, problem: &str| Err((field, problem.to_owned()));
        if !["otlp", "none", "prometheus"].contains(&self.metrics_exporter.as_str()) {
            return wrong("metrics_exporter", "expected otlp, none or prometheus");
        }
        if let Some(url) = &self.exporter_otlp_metrics_endpoint
            && !(url.starts_with("http://") && url.parse::<Uri>().is_ok())
        {
            return wrong("exporter_otlp_metrics_endpoint", "expected http://...");
        }
        for (field, value) in [
            ("exporter_otlp_headers", &self.exporter_otlp_headers),
            ("exporter_otlp_metrics_headers", &self.exporter_otlp_metrics_headers),
        ] {
            if value.as_deref().is_some_and(|value| headers(value).is_none()) {
                return wrong(
                    field,
                    "expected name=value,name=value; commas and spaces of values as %2C and %20",
                );
            }
        }
        Ok(())
    }
}

/// Where metrics are pushed, how often and as whose.
#[derive(Clone, Debug)]
pub struct Push {
    pub(super) endpoint: Uri,
    pub(super) headers: HeaderMap,
    pub(super) interval: Duration,
    pub(super) resource: Resource,
}

impl Push {
    /// What the configuration says; `None` if nothing is to be pushed. `service` is the process's name, if the configuration
    /// has none.
    ///
    /// # Errors
    /// An endpoint that is no address.
    pub fn new(own: &PushConfig, traces: &TracesConfig, service: &str) -> Result<Option<Self>, ConfigError> {
        let general = traces.exporter_otlp_endpoint.as_ref();
        let general = general.map(|url| format!("{}/v1/metrics", url.trim_end_matches('/')));
        let url = own.exporter_otlp_metrics_endpoint.clone().or(general);
        let Some(url) = url.filter(|_| own.metrics_exporter == "otlp") else { return Ok(None) };
        let said = own.exporter_otlp_metrics_headers.as_ref().or(own.exporter_otlp_headers.as_ref());
        Ok(Some(Self {
            endpoint: url.parse().map_err(|error| ConfigError::new("OTEL_EXPORTER_OTLP_ENDPOINT", error))?,
            headers: said.and_then(|said| headers(said)).unwrap_or_default(),
            interval: Duration::from_millis(own.metric_export_interval),
            resource: traces.resource(service),
        }))
    }
}

/// `name=value,name=value`, values percent-encoded.
fn headers(text: &str) -> Option<HeaderMap> {
    let header = |part: &str| {
        let (name, value) = part.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(true);
        Some((name.trim().parse::<HeaderName>().ok()?, value))
    };
    text.split_terminator(',').map(header).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(set: &[(&str, &str)]) -> Result<Option<Push>, ConfigError> {
        let set = || set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let own = PushConfig::from_variables(set())?;
        Push::new(&own, &TracesConfig::from_variables(set())?, "tapedeck-test")
    }

    fn endpoint(set: &[(&str, &str)]) -> Option<String> {
        push(set).unwrap().map(|push| push.endpoint.to_string())
    }

    #[test]
    fn the_endpoint_of_metrics_is_taken_as_it_is_and_the_general_one_gets_a_path() {
        let own = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://prometheus:9090/api/v1/otlp/v1/metrics");
        let general = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/");
        assert_eq!(endpoint(&[]), None);
        assert_eq!(endpoint(&[general]).unwrap(), "http://collector:4318/v1/metrics");
        assert_eq!(endpoint(&[general, own]).unwrap(), own.1);
        assert_eq!(endpoint(&[own]).unwrap(), own.1);
        for exporter in ["none", "prometheus"] {
            assert_eq!(endpoint(&[general, own, ("OTEL_METRICS_EXPORTER", exporter)]), None);
        }
    }

    #[test]
    fn headers_of_metrics_come_before_those_of_everything() {
        let set =
            [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"), ("OTEL_EXPORTER_OTLP_HEADERS", "a=1")];
        assert_eq!(push(&set).unwrap().unwrap().headers["a"], "1");
        let own = ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "Authorization=Bearer%20x%2Cy, b = 2");
        let headers = push(&[set[0], set[1], own]).unwrap().unwrap().headers;
        assert_eq!(
            (&headers["authorization"], &headers["b"]),
            (&"Bearer x,y".parse().unwrap(), &"2".parse().unwrap())
        );
        assert!(!headers.contains_key("a"));
    }

    #[test]
    fn what_can_not_be_meant_is_told_with_its_variable() {
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "https://collector"),
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://a b"),
            ("OTEL_METRICS_EXPORTER", "often"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "0"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "soon"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "secret"),
            ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "a=1%0A"),
        ] {
            let told = push(&[(name, value)]).unwrap_err().to_string();
            assert!(told.starts_with(&format!("{name}: ")), "{told}");
        }
    }
}
