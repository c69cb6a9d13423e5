//! What holds for every pod, whoever makes it: security, images, resources, and the variables of our programs.

use serde_json::{Value, json};

use crate::{
    Code, Resource,
    code::Program,
    read::{list, text},
    sinks::sink_of,
};

/// The pod template of a workload.
pub(crate) fn pod(resource: &Resource) -> Option<&Value> {
    let spec = match resource.kind() {
        "Service" if !resource.is_function() => return None,
        "Service" | "Deployment" | "StatefulSet" | "Job" => "/spec/template/spec",
        "ScaledJob" => "/spec/jobTargetRef/template/spec",
        _ => return None,
    };
    resource.value.pointer(spec)
}

pub(crate) fn check(resources: &[Resource], code: &Code, problems: &mut Vec<String>) {
    for resource in resources {
        let Some(pod) = pod(resource) else { continue };
        if pod["automountServiceAccountToken"] != false {
            problems.push(resource.say("mounts a token of Kubernetes"));
        }
        for container in list(pod, "/containers").iter().chain(list(pod, "/initContainers")) {
            secure(resource, container, problems);
            image(resource, container, problems);
            if ours(container) {
                let arguments = arguments(container);
                let Some(program) = code.program(&arguments) else {
                    problems.push(resource.say(format!("`tapedeck {}` is nothing", arguments.join(" "))));
                    continue;
                };
                variables(resource, container, &program, problems);
                published(resource, resources, &program, problems);
            }
        }
    }
}

/// Whether it is our image's: one for all functions.
pub(crate) fn ours(container: &Value) -> bool {
    text(container, "/image").rsplit('/').next().is_some_and(|name| name.starts_with("tapedeck:"))
}

/// As `["function", "auth"]`.
pub(crate) fn arguments(container: &Value) -> Vec<&str> {
    list(container, "/args").iter().filter_map(Value::as_str).collect()
}

fn secure(resource: &Resource, container: &Value, problems: &mut Vec<String>) {
    let wanted = json!({
        "runAsNonRoot": true, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
    });
    let context = &container["securityContext"];
    for (field, value) in wanted.as_object().into_iter().flatten() {
        if context[field] != *value {
            problems.push(resource.say(format!("securityContext.{field} is not {value}")));
        }
    }
    // An image's USER may be a name, which runAsNonRoot refuses.
    if context["runAsUser"].as_u64().is_none_or(|user| user == 0) {
        problems.push(resource.say("securityContext.runAsUser is no number above 0"));
    }
}

fn image(resource: &Resource, container: &Value, problems: &mut Vec<String>) {
    let image = text(container, "/image");
    match image.rsplit('/').next().and_then(|name| name.split_once(':')) {
        None | Some((_, "latest" | "")) => problems.push(resource.say(format!("{image:?} has no fixed tag"))),
        Some(_) => {}
    }
    if text(container, "/imagePullPolicy") != "IfNotPresent" {
        problems.push(resource.say("imagePullPolicy is not IfNotPresent"));
    }
    for kind in ["requests", "limits"] {
        for what in ["cpu", "memory"] {
            if container.pointer(&format!("/resources/{kind}/{what}")).is_none() {
                problems.push(resource.say(format!("resources.{kind}.{what} is not set")));
            }
        }
    }
}

fn variables(resource: &Resource, container: &Value, program: &Program, problems: &mut Vec<String>) {
    if !list(container, "/envFrom").is_empty() {
        problems.push(resource.say("envFrom hides which variables are set"));
    }
    let set: Vec<_> = list(container, "/env").iter().map(|one| text(one, "/name")).collect();
    for (number, name) in set.iter().enumerate() {
        if *name == "PORT" {
            problems.push(resource.say("PORT is Knative's to set"));
        } else if !program.reads.contains(*name) {
            problems.push(resource.say(format!("nobody reads the variable {name}")));
        }
        if set[..number].contains(name) {
            problems.push(resource.say(format!("sets {name} twice")));
        }
    }
    for name in program.requires.iter().filter(|name| !set.contains(&name.as_str())) {
        problems.push(resource.say(format!("does not set {name}, which it can't do without")));
    }
}

/// Who publishes gets `K_SINK` by a SinkBinding, and nobody else does.
fn published(resource: &Resource, resources: &[Resource], program: &Program, problems: &mut Vec<String>) {
    let labeled = resource.text("/metadata/labels/tapedeck.dev~1publishes") == "true";
    if labeled != program.publishes {
        let what = if labeled { "publishes nothing" } else { "publishes events" };
        problems.push(resource.say(format!("{what}: the label tapedeck.dev/publishes is wrong")));
    }
    if !program.publishes {
        return;
    }
    match sink_of(resource, resources) {
        None => problems.push(resource.say(format!("no SinkBinding is for this {}", resource.kind()))),
        Some(sink) if !sink.contains("-broker-ingress.") => {
            problems.push(resource.say(format!("its events go to {sink}, which is no broker")));
        }
        Some(_) => {}
    }
}
