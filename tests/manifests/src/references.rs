//! Whoever is named is there.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    Resource,
    pods::pod,
    read::{list, text},
};

pub(crate) fn check(resources: &[Resource], problems: &mut Vec<String>) {
    let there: BTreeSet<_> = resources.iter().map(|one| (one.kind(), one.name())).collect();
    let mut seen = BTreeSet::new();
    for resource in resources {
        let identity = (resource.text("/apiVersion"), resource.kind(), resource.name());
        if !seen.insert(identity) {
            problems.push(resource.say("is there twice"));
        }
        for (kind, name) in named(resource) {
            if !there.contains(&(kind.as_str(), name.as_str())) {
                problems.push(resource.say(format!("names the {kind} {name:?}, which is not there")));
            }
        }
        if let Some(pod) = pod(resource) {
            keys(resource, pod, resources, problems);
        }
        rabbitmq(resource, problems);
    }
}

/// (kind, name) of everything that a resource names and the manifests themselves hold.
fn named(resource: &Resource) -> Vec<(String, String)> {
    let mut found = Vec::new();
    references(&resource.value["spec"], &mut found);
    let mut name = |kind: &str, pointer: &str| {
        let name = resource.text(pointer);
        if !name.is_empty() {
            found.push((kind.to_owned(), name.to_owned()));
        }
    };
    match resource.kind() {
        "Trigger" => name("Broker", "/spec/broker"),
        "EventType" => name("Broker", "/spec/reference/name"),
        "ScaledObject" => name("Deployment", "/spec/scaleTargetRef/name"),
        "Permission" => name("User", "/spec/userReference/name"),
        // Knative's label; whose pods those are of another label, their maker knows.
        "PodDisruptionBudget" => name("Service", "/spec/selector/matchLabels/serving.knative.dev~1service"),
        _ => {}
    }
    for trigger in list(&resource.value, "/spec/triggers") {
        // Our own scaler asks for none: a network policy says who may ask it.
        if text(trigger, "/type") != "external-push" {
            found.push(("TriggerAuthentication".into(), text(trigger, "/authenticationRef/name").into()));
        }
    }
    if let Some(pod) = pod(resource) {
        for (kind, field) in
            [("ServiceAccount", "/serviceAccountName"), ("PriorityClass", "/priorityClassName")]
        {
            let name = text(pod, field);
            if !name.is_empty() {
                found.push((kind.into(), name.into()));
            }
        }
        for variable in list(&pod["containers"][0], "/env") {
            let address = text(variable, "/value").strip_suffix(".tapedeck.svc.cluster.local");
            if let Some(function) = address.and_then(|address| address.strip_prefix("http://")) {
                found.push(("Service".into(), function.into()));
            }
        }
    }
    found
}

/// Everything of the form `ref: {kind, name}` or `config: {kind, name}`.
fn references(value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                if (field == "ref" || field == "config") && value.get("kind").is_some() {
                    found.push((text(value, "/kind").into(), text(value, "/name").into()));
                }
                references(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// Keys of ConfigMaps, and of Secrets where those are among the resources; mounts and their volumes.
fn keys(resource: &Resource, pod: &Value, resources: &[Resource], problems: &mut Vec<String>) {
    let has = |kind: &str, name: &str, key: &str| {
        let same = |one: &&Resource| one.kind() == kind && one.name() == name;
        resources.iter().find(same).is_some_and(|one| key.is_empty() || one.value["data"].get(key).is_some())
    };
    let mut check = |kind: &str, name: &str, key: &str| {
        let known = kind != "Secret" || resources.iter().any(|one| one.kind() == kind);
        if known && !has(kind, name, key) {
            problems.push(resource.say(format!("names {key:?} of the {kind} {name:?}, which is not there")));
        }
    };
    for variable in list(pod, "/containers").iter().flat_map(|container| list(container, "/env")) {
        for (kind, field) in [("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")] {
            if let Some(reference) = variable.pointer(&format!("/valueFrom/{field}")) {
                check(kind, text(reference, "/name"), text(reference, "/key"));
            }
        }
    }
    for volume in list(pod, "/volumes").iter().filter(|volume| volume.get("secret").is_some()) {
        check("Secret", text(volume, "/secret/secretName"), "");
    }
    files(resource, pod, resources, problems);
}

/// A variable that names a file below a mount: the Secret of that mount has the file.
fn files(resource: &Resource, pod: &Value, resources: &[Resource], problems: &mut Vec<String>) {
    let container = &pod["containers"][0];
    for variable in list(container, "/env") {
        let path = text(variable, "/value");
        if !text(variable, "/name").ends_with("_FILE") || path.is_empty() {
            continue;
        }
        let (folder, file) = path.rsplit_once('/').unwrap_or_default();
        let mount = list(container, "/volumeMounts").iter().find(|one| text(one, "/mountPath") == folder);
        let volume = mount.and_then(|mount| {
            list(pod, "/volumes").iter().find(|one| text(one, "/name") == text(mount, "/name"))
        });
        let secret = volume.map(|volume| text(volume, "/secret/secretName"));
        let holds = |one: &Resource| {
            one.kind() == "Secret" && Some(one.name()) == secret && one.value["data"].get(file).is_some()
        };
        let known = resources.iter().any(|one| one.kind() == "Secret");
        if secret.is_none() || known && !resources.iter().any(holds) {
            problems.push(resource.say(format!("no mounted Secret holds {path}")));
        }
    }
}

/// One connection Secret for all, with the label without which the topology operator does not read it.
fn rabbitmq(resource: &Resource, problems: &mut Vec<String>) {
    let reference = resource.value.pointer("/spec/rabbitmqClusterReference");
    if reference.is_some_and(|reference| text(reference, "/connectionSecret/name") != "rabbitmq") {
        problems.push(resource.say("does not reach RabbitMQ by the connection Secret rabbitmq"));
    }
    if resource.kind() == "RabbitmqBrokerConfig"
        && reference.is_none_or(|one| text(one, "/namespace").is_empty())
    {
        problems.push(resource.say("must name the Secret's namespace"));
    }
    let label = resource.text("/metadata/labels/rabbitmq.com~1topology-operator");
    if resource.kind() == "Secret" && resource.name() == "rabbitmq" && label != "true" {
        problems.push(resource.say("lacks the label rabbitmq.com/topology-operator: \"true\""));
    }
}
