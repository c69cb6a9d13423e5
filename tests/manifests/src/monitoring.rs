//! `knative/monitoring`: what rules and panels ask for.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

/// What others record: the kubelet.
pub const OF_OTHERS: [&str; 2] =
    ["kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes"];

fn read(file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../knative/monitoring");
    fs::read_to_string(folder.join(file)).unwrap()
}

/// The rules, as Prometheus itself reads them.
///
/// # Panics
/// If the file is not there or no YAML.
#[must_use]
pub fn rules() -> Value {
    let resource: Value = serde_norway::from_str(&read("rules.yaml")).unwrap();
    resource["spec"].clone()
}

/// Each rule.
///
/// # Panics
/// As [`rules`].
#[must_use]
pub fn alerts() -> Vec<Value> {
    rules()["groups"][0]["rules"].as_array().unwrap().clone()
}

/// The expressions of rules and panels.
///
/// # Panics
/// If a file is not there or none of its kind.
#[must_use]
pub fn expressions() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&read("dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let panels = panels.flat_map(|panel| panel["targets"].as_array().unwrap().clone());
    alerts().into_iter().chain(panels).map(|one| one["expr"].as_str().unwrap().to_owned()).collect()
}

/// The metrics that an expression names, as it names them.
#[must_use]
pub fn metrics_in(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let begins = ["tapedeck_", "http_server_", "process_", "kubelet_"];
    let metrics = words.filter(|word| begins.iter().any(|begin| word.starts_with(begin)));
    // A label is none.
    metrics.filter(|word| !word.starts_with("http_response_")).map(str::to_owned).collect()
}
