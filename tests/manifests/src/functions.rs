//! Knative Services: probes, limits of time, who may call, by what they are found.

use serde_json::Value;

use crate::{Code, Resource, pods::arguments, read::text};

/// What a cluster allows by default, and then also what a pod gets to end.
const MOST_SECONDS: u64 = 600;

pub(crate) fn check(resources: &[Resource], code: &Code, problems: &mut Vec<String>) {
    for function in resources.iter().filter(|resource| resource.is_function()) {
        let spec = &function.value["spec"]["template"]["spec"];
        probes(function, &spec["containers"][0], problems);
        times(function, spec, problems);
        visibility(function, resources, problems);
        labels(function, problems);
        slots(function, spec, code, problems);
        if arguments(&spec["containers"][0]).get(..2) != Some(&["function", function.name()]) {
            problems.push(function.say("it runs another function"));
        }
    }
}

fn probes(function: &Resource, container: &Value, problems: &mut Vec<String>) {
    for (probe, path) in [("readinessProbe", "/health/readiness"), ("livenessProbe", "/health/liveness")] {
        if text(container, &format!("/{probe}/httpGet/path")) != path {
            problems.push(function.say(format!("its {probe} does not ask {path}")));
        }
    }
    if container.pointer("/readinessProbe/periodSeconds").is_some() {
        problems
            .push(function.say("periodSeconds makes queue-proxy ask once a second instead of every 50 ms"));
    }
}

fn times(function: &Resource, spec: &Value, problems: &mut Vec<String>) {
    let Some(timeout) = spec["timeoutSeconds"].as_u64().filter(|seconds| *seconds <= MOST_SECONDS) else {
        problems.push(function.say(format!("timeoutSeconds must be set, at most {MOST_SECONDS}")));
        return;
    };
    if spec["responseStartTimeoutSeconds"].as_u64().is_some_and(|start| start > timeout) {
        problems.push(function.say("responseStartTimeoutSeconds is longer than timeoutSeconds"));
    }
    if spec["containerConcurrency"].as_u64().is_none_or(|requests| requests == 0) {
        problems.push(function.say("containerConcurrency must be set: memory per request is known"));
    }
    let drain = spec["containers"][0]["env"].as_array().into_iter().flatten();
    let drain =
        drain.filter(|one| one["name"] == "SERVE_DRAIN_SECONDS").find_map(|one| one["value"].as_str());
    let drain = drain.map_or(Ok(30), str::parse);
    if !drain.is_ok_and(|seconds: u64| seconds <= timeout) {
        problems
            .push(function.say("SERVE_DRAIN_SECONDS is longer than the pod's grace period, timeoutSeconds"));
    }
    let annotations = &function.value["spec"]["template"]["metadata"]["annotations"];
    if text(annotations, "/autoscaling.knative.dev~1max-scale").is_empty() {
        problems.push(function.say("has no max-scale: each pod may hold connections to the database"));
    }
}

/// What `kn func list` and consoles find functions by.
fn labels(function: &Resource, problems: &mut Vec<String>) {
    for (label, wanted) in [
        ("function.knative.dev", "true"),
        ("function.knative.dev~1name", function.name()),
        ("function.knative.dev~1runtime", "rust"),
        ("app.kubernetes.io~1name", function.name()),
        ("app.kubernetes.io~1part-of", "tapedeck"),
        ("app.kubernetes.io~1component", "function"),
    ] {
        if function.text(&format!("/metadata/labels/{label}")) != wanted {
            problems.push(function.say(format!("its label {} is not {wanted:?}", label.replace("~1", "/"))));
        }
    }
}

/// Events that find no slot to work in are done at once: they must get in while every slot is at work.
fn slots(function: &Resource, spec: &Value, code: &Code, problems: &mut Vec<String>) {
    let environment = spec["containers"][0]["env"].as_array();
    let said = |name: &str| {
        let mut set = environment.into_iter().flatten().filter(|one| one["name"] == name);
        set.find_map(|one| one["value"].as_str()?.parse().ok()).unwrap_or(code.default_of(name))
    };
    // For webhooks that jobs name, and as many for destinations.
    let slots = said("MAIL_AT_ONCE") + 2 * said("WEBHOOK_AT_ONCE");
    if function.name() == "notify" && spec["containerConcurrency"].as_u64().is_none_or(|most| most <= slots) {
        problems.push(function.say(format!("containerConcurrency must exceed its {slots} slots")));
    }
}

/// Only people's functions have an address outside; the others are called by the broker and the clock.
fn visibility(function: &Resource, resources: &[Resource], problems: &mut Vec<String>) {
    let sinks = ["/spec/subscriber/ref/name", "/spec/sink/ref/name"];
    let called = |resource: &Resource| {
        ["Trigger", "PingSource"].contains(&resource.kind())
            && sinks.iter().any(|sink| resource.text(sink) == function.name())
    };
    let wanted = if resources.iter().any(called) { "cluster-local" } else { "" };
    let visibility = function.text("/metadata/labels/networking.knative.dev~1visibility");
    if visibility != wanted {
        problems.push(function.say(format!("its visibility is {visibility:?}, not {wanted:?}")));
    }
}
