//! Where events go: the addresses behind `ref`s, and what a SinkBinding tells a workload.

use serde_json::Value;

use crate::{Resource, read::text};

const NAMESPACE: &str = "tapedeck";

/// The address of a destination (`ref: {apiVersion, kind, name}`), as functions have it in the cluster. `None` if nothing
/// of that kind and name is there.
#[must_use]
pub fn address_of(destination: &Value, resources: &[Resource]) -> Option<String> {
    let field = |name: &str| text(destination, &format!("/ref/{name}"));
    let same = |one: &&Resource| {
        one.text("/apiVersion") == field("apiVersion")
            && one.kind() == field("kind")
            && one.name() == field("name")
    };
    let found = resources.iter().find(same)?;
    let host = match found.kind() {
        "Broker" => format!("{}-broker-ingress", found.name()),
        "Service" => found.name().to_owned(),
        _ => return None,
    };
    Some(format!("http://{host}.{NAMESPACE}.svc.cluster.local"))
}

/// What a workload gets as `K_SINK`: the sink of the first SinkBinding that selects it.
#[must_use]
pub fn sink_of(workload: &Resource, resources: &[Resource]) -> Option<String> {
    // KEDA's Jobs carry the labels of their ScaledJob.
    let (version, kind) = match workload.kind() {
        "ScaledJob" => ("batch/v1", "Job"),
        kind => (workload.text("/apiVersion"), kind),
    };
    let labels = &workload.value["metadata"]["labels"];
    let selects = |subject: &Value| {
        let wanted = subject.pointer("/selector/matchLabels").and_then(Value::as_object);
        let named = text(subject, "/name") == workload.name();
        let chosen = wanted.is_some_and(|wanted| wanted.iter().all(|(name, value)| labels[name] == *value));
        text(subject, "/apiVersion") == version && text(subject, "/kind") == kind && (named || chosen)
    };
    let mut bindings = resources.iter().filter(|one| one.kind() == "SinkBinding");
    let binding = bindings.find(|one| selects(&one.value["spec"]["subject"]))?;
    address_of(&binding.value["spec"]["sink"], resources)
}
