//! What an installation takes: the sums that knative/README.md says.

use serde_json::Value;

use crate::{
    Code, Resource,
    pods::pod,
    read::{list, text},
};

/// Requests: thousandths of a core, MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Thousandths of a core.
    pub cpu: u64,
    /// MiB.
    pub memory: u64,
}

/// The sum of what some resources ask for, with one pod of each.
#[must_use]
pub fn requests(resources: &[Resource], which: impl Fn(&Resource) -> bool) -> Requests {
    let mut sum = Requests::default();
    for resource in resources.iter().filter(|one| which(one)) {
        // A RabbitmqCluster's pods are its operator's; what they ask for stands in it.
        let pods = pod(resource)
            .map_or(std::slice::from_ref(&resource.value["spec"]), |pod| list(pod, "/containers"));
        for container in pods {
            sum.cpu += thousandths(text(container, "/resources/requests/cpu"));
            sum.memory += mebibytes(text(container, "/resources/requests/memory"));
        }
    }
    sum
}

/// What the pods of eventing-rabbitmq ask for: the ingress and the Broker's dispatcher of dead letters, and two
/// dispatchers for each Trigger.
#[must_use]
pub fn dispatchers(resources: &[Resource]) -> Requests {
    let mut sum = Requests::default();
    for resource in resources.iter().filter(|one| ["Broker", "Trigger"].contains(&one.kind())) {
        let asked =
            |what| resource.text(&format!("/metadata/annotations/rabbitmq.eventing.knative.dev~1{what}"));
        sum.cpu += 2 * thousandths(asked("cpu-request"));
        sum.memory += 2 * mebibytes(asked("memory-request"));
    }
    sum
}

/// Connections to the database with as many pods as may be: of functions, and of workers.
#[must_use]
pub fn connections(resources: &[Resource], code: &Code) -> (u64, u64) {
    let (mut functions, mut workers) = (0, 0);
    for resource in resources {
        let uses = |pod: &Value| {
            list(&pod["containers"][0], "/env").iter().any(|one| text(one, "/name") == "DATABASE_URL")
        };
        if resource.kind().starts_with("Scaled") {
            workers += code.connections * resource.value["spec"]["maxReplicaCount"].as_u64().unwrap_or(0);
        } else if resource.is_function() && pod(resource).is_some_and(uses) {
            let pods = resource
                .text("/spec/template/metadata/annotations/autoscaling.knative.dev~1max-scale")
                .parse::<u64>();
            functions += code.connections * pods.unwrap_or(0);
        }
    }
    (functions, workers)
}

/// `100m` or `2`.
fn thousandths(quantity: &str) -> u64 {
    match quantity.strip_suffix('m') {
        Some(number) => number.parse().unwrap_or(0),
        None => 1000 * quantity.parse::<u64>().unwrap_or(0),
    }
}

/// `64Mi` or `1Gi`.
fn mebibytes(quantity: &str) -> u64 {
    let number = |suffix| quantity.strip_suffix(suffix).and_then(|number| number.parse::<u64>().ok());
    number("Mi").or(number("Gi").map(|number| 1024 * number)).unwrap_or(0)
}
