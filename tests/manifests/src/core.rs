//! Kubernetes' own types: read as the type and written again, nothing may be missing.

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, StatefulSet},
        batch::v1::Job,
        core::v1::{ConfigMap, Namespace, Secret, Service, ServiceAccount},
        networking::v1::NetworkPolicy,
        policy::v1::PodDisruptionBudget,
        scheduling::v1::PriorityClass,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::Resource;

type Rewrite = fn(&Value) -> Result<Value, String>;

fn rewrite_of(resource: &Resource) -> Option<Rewrite> {
    Some(match (resource.text("/apiVersion"), resource.kind()) {
        ("v1", "ConfigMap") => rewrite::<ConfigMap>,
        ("v1", "Namespace") => rewrite::<Namespace>,
        ("v1", "Secret") => rewrite::<Secret>,
        ("v1", "Service") => rewrite::<Service>,
        ("v1", "ServiceAccount") => rewrite::<ServiceAccount>,
        ("apps/v1", "Deployment") => rewrite::<Deployment>,
        ("apps/v1", "StatefulSet") => rewrite::<StatefulSet>,
        ("batch/v1", "Job") => rewrite::<Job>,
        ("policy/v1", "PodDisruptionBudget") => rewrite::<PodDisruptionBudget>,
        ("scheduling.k8s.io/v1", "PriorityClass") => rewrite::<PriorityClass>,
        ("networking.k8s.io/v1", "NetworkPolicy") => rewrite::<NetworkPolicy>,
        _ => return None,
    })
}

fn rewrite<T: Serialize + DeserializeOwned>(value: &Value) -> Result<Value, String> {
    let typed: T = serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
    serde_json::to_value(typed).map_err(|error| error.to_string())
}

/// Whether it is a kind of Kubernetes' own, or claims to be.
pub(crate) fn is_core(resource: &Resource) -> bool {
    // Groups of custom resources have a domain; of Kubernetes' own, only the newer ones do.
    !resource.group().contains('.') || resource.group().ends_with(".k8s.io") && rewrite_of(resource).is_some()
}

pub(crate) fn check(resource: &Resource, problems: &mut Vec<String>) {
    if !is_core(resource) {
        return;
    }
    match rewrite_of(resource) {
        None => {
            problems.push(resource.say(format!("{} is no kind that we use", resource.text("/apiVersion"))))
        }
        Some(rewrite) => compare(resource, &resource.value, rewrite, problems),
    }
}

/// Of a custom resource, whose schema leaves it out.
pub(crate) fn check_metadata(resource: &Resource, problems: &mut Vec<String>) {
    compare(resource, &resource.value["metadata"], rewrite::<ObjectMeta>, problems);
}

fn compare(resource: &Resource, value: &Value, rewrite: Rewrite, problems: &mut Vec<String>) {
    match rewrite(value) {
        Err(error) => problems.push(resource.say(error)),
        Ok(again) => lost(value, &again, "", &mut |path| {
            problems.push(resource.say(format!("{path} is unknown or wrong")));
        }),
    }
}

/// Calls `say` for each value of `before` that is not in `after`.
fn lost(before: &Value, after: &Value, path: &str, say: &mut impl FnMut(&str)) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (name, value) in before {
                lost(value, after.get(name).unwrap_or(&Value::Null), &format!("{path}.{name}"), say);
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (number, (before, after)) in before.iter().zip(after).enumerate() {
                lost(before, after, &format!("{path}[{number}]"), say);
            }
        }
        // k8s-openapi leaves out what is empty.
        (before, Value::Null) if is_empty(before) => {}
        (before, after) if before == after => {}
        _ => say(path),
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(serde_json::Map::is_empty)
}
