//! The work queue: one name everywhere, no dead letters, and a scaler that neither kills busy workers nor sees more than it
//! needs.

use crate::{
    Code, Resource,
    pods::pod,
    read::{list, text},
};

/// Longer than the longest conversion: `media::Limits::wall`, 25 minutes, and what it takes to store the result.
const GRACE_SECONDS: u64 = 25 * 60 + 60;

pub(crate) fn check(resources: &[Resource], code: &Code, problems: &mut Vec<String>) {
    let queue = code.work_queue.as_str();
    if !resources.iter().any(|one| one.kind() == "Queue" && one.text("/spec/name") == queue) {
        problems.push(format!("eventing: there is no Queue {queue}"));
    }
    for resource in resources {
        match resource.kind() {
            "Queue" => durable(resource, queue, problems),
            "Policy" => settings(resource, queue, problems),
            "ScaledObject" | "ScaledJob" => scaler(resource, (queue, resources), problems),
            "Permission" => least_privilege(resource, queue, problems),
            "Deployment" if resource.name() == "convert-worker" => drain(resource, problems),
            _ => {}
        }
    }
    if !resources.iter().any(|one| one.kind().starts_with("Scaled")) {
        problems.push("keda: nothing scales the workers".into());
    }
}

fn settings(policy: &Resource, queue: &str, problems: &mut Vec<String>) {
    let escaped = queue.replace('.', "\\.");
    if policy.text("/spec/pattern") != format!("^{escaped}$") {
        problems.push(policy.say(format!("its pattern is not exactly {queue}")));
    }
    for setting in ["delivery-limit", "dead-letter-exchange"] {
        if policy.value["spec"]["definition"].get(setting).is_some() {
            problems.push(policy.say(format!("{setting}: a ticket is a hint, nobody looks at dead ones")));
        }
    }
}

fn durable(queue: &Resource, work_queue: &str, problems: &mut Vec<String>) {
    if queue.text("/spec/name") != work_queue {
        problems.push(queue.say(format!("is not {work_queue}, and nobody uses another")));
    }
    if queue.text("/spec/type") != "quorum" || queue.value["spec"]["durable"] != true {
        problems.push(queue.say("is no durable quorum queue"));
    }
    if queue.value["spec"].get("arguments").is_some() {
        problems.push(queue.say("arguments can't be changed while it is in use: use the Policy"));
    }
}

fn scaler(resource: &Resource, (queue, resources): (&str, &[Resource]), problems: &mut Vec<String>) {
    for trigger in list(&resource.value, "/spec/triggers") {
        let wanted = match text(trigger, "/type") {
            "external-push" => {
                external(resource, text(trigger, "/metadata/scalerAddress"), resources, problems);
                &[("value", "1")][..]
            }
            _ => &[("queueName", queue), ("protocol", "http"), ("mode", "QueueLength"), ("value", "1")],
        };
        for (field, value) in wanted {
            if text(trigger, &format!("/metadata/{field}")) != *value {
                problems.push(resource.say(format!("its trigger's {field} is not {value}")));
            }
        }
    }
    if resource.kind() == "ScaledObject" {
        let spec = &resource.value["spec"];
        if text(spec, "/fallback/behavior") != "currentReplicasIfHigher" {
            problems.push(resource.say("has no fallback that keeps busy workers"));
        }
        if !spec["cooldownPeriod"].is_u64() || !spec["pollingInterval"].is_u64() {
            problems.push(resource.say("cooldownPeriod and pollingInterval must be set"));
        }
    }
}

/// At the address is a Service, behind its port a container, and from elsewhere nobody reaches it.
fn external(scaled: &Resource, address: &str, resources: &[Resource], problems: &mut Vec<String>) {
    let (host, port) = address.split_once(':').unwrap_or_default();
    let name = host.strip_suffix(".tapedeck.svc.cluster.local").unwrap_or_default();
    let find = |kind: &str| resources.iter().find(|one| one.kind() == kind && one.name() == name);
    let (Some(service), Some(deployment), Some(policy)) =
        (find("Service"), find("Deployment"), find("NetworkPolicy"))
    else {
        problems
            .push(scaled.say(format!("at {address:?} is no Service with a Deployment and a NetworkPolicy")));
        return;
    };
    let labels = &deployment.value["spec"]["template"]["metadata"]["labels"];
    let number = port.parse::<u64>().ok();
    let said = list(&service.value, "/spec/ports").iter().find(|one| one["port"].as_u64() == number);
    let container = pod(deployment).map(|pod| &pod["containers"][0]);
    let ports = container.map_or(&[][..], |container| list(container, "/ports"));
    let leads = said.is_some_and(|said| ports.iter().any(|one| one["name"] == said["targetPort"]));
    if service.value["spec"]["selector"] != *labels || !leads {
        problems.push(service.say(format!("does not lead from port {port} to the Deployment {name}")));
    }
    let allowed = list(&policy.value, "/spec/ingress");
    let from = |rule: &serde_json::Value| {
        let from = list(rule, "/from");
        !from.is_empty() && from.iter().all(|one| one.pointer("/namespaceSelector/matchLabels").is_some())
    };
    if policy.value["spec"]["podSelector"]["matchLabels"] != *labels || !allowed.iter().all(from) {
        problems.push(policy.say("lets others than KEDA ask how many jobs wait"));
    }
}

/// KEDA's user looks at one queue and does nothing.
fn least_privilege(permission: &Resource, queue: &str, problems: &mut Vec<String>) {
    let escaped = format!("^{}$", queue.replace('.', "\\."));
    for (what, pattern) in [("configure", "^$"), ("write", "^$"), ("read", escaped.as_str())] {
        if permission.text(&format!("/spec/permissions/{what}")) != pattern {
            problems.push(permission.say(format!("{what} is more than {pattern}")));
        }
    }
}

fn drain(worker: &Resource, problems: &mut Vec<String>) {
    let grace = pod(worker).and_then(|pod| pod["terminationGracePeriodSeconds"].as_u64());
    if grace.is_none_or(|seconds| seconds < GRACE_SECONDS) {
        problems.push(worker.say(format!("must have {GRACE_SECONDS} s to finish a conversion")));
    }
    if worker.value.pointer("/spec/replicas").is_some() {
        problems.push(worker.say("an apply would take KEDA's number of replicas away"));
    }
}
