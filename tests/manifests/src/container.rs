//! A container as Kubernetes would start it: for `image-check`, and for the tests that play the cluster.

use serde_json::Value;

use crate::{
    Resource,
    pods::{self, pod},
    read::{list, text},
    sinks::sink_of,
};

/// A container of ours, with everything that its manifest says.
#[derive(Debug)]
pub struct Container {
    /// The name of the Service, Deployment or Job that it belongs to.
    pub workload: String,
    /// As `function`, `convert`, `intake`.
    pub arguments: Vec<String>,
    /// Variables, with what the ConfigMaps and Secrets say.
    pub variables: Vec<(String, String)>,
    /// (path, content) of the files that are mounted.
    pub files: Vec<(String, Vec<u8>)>,
    /// What the readiness probe asks.
    pub readiness: String,
    /// Whether it has one.
    pub probed: bool,
}

impl Container {
    /// As `convert intake`.
    #[must_use]
    pub fn name(&self) -> String {
        let first = usize::from(self.arguments.first().is_some_and(|word| word == "function"));
        self.arguments[first..].join(" ")
    }
}

/// All containers of ours among the resources.
///
/// # Errors
/// A ConfigMap or Secret that is not there.
pub fn containers(resources: &[Resource]) -> Result<Vec<Container>, String> {
    let ours = resources.iter().filter_map(|resource| Some((resource, pod(resource)?)));
    let ours = ours.filter(|(_, pod)| pods::ours(&pod["containers"][0]));
    ours.map(|(resource, pod)| container(resource, pod, resources)).collect()
}

fn container(resource: &Resource, pod: &Value, resources: &[Resource]) -> Result<Container, String> {
    let container = &pod["containers"][0];
    let readiness = text(container, "/readinessProbe/httpGet/path");
    let mut variables = Vec::new();
    for variable in list(container, "/env") {
        variables.push((text(variable, "/name").to_owned(), value(variable, resources)?));
    }
    variables.extend(sink_of(resource, resources).map(|sink| ("K_SINK".to_owned(), sink)));
    Ok(Container {
        workload: resource.name().to_owned(),
        arguments: pods::arguments(container).into_iter().map(str::to_owned).collect(),
        variables,
        files: files(pod, container, resources)?,
        readiness: readiness.to_owned(),
        probed: !readiness.is_empty(),
    })
}

fn value(variable: &Value, resources: &[Resource]) -> Result<String, String> {
    for (kind, field) in [("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")] {
        if let Some(reference) = variable.pointer(&format!("/valueFrom/{field}")) {
            let (name, key) = (text(reference, "/name"), text(reference, "/key"));
            return match kind {
                "Secret" => secret_value(resources, name, key),
                _ => Ok(text(data(resources, kind, name)?, &format!("/{key}")).to_owned()),
            };
        }
    }
    Ok(text(variable, "/value").to_owned())
}

/// A text of a Secret.
///
/// # Errors
/// A Secret that is not there, or has no such text.
pub fn secret_value(resources: &[Resource], name: &str, key: &str) -> Result<String, String> {
    let secret = found(resources, "Secret", name)?;
    let plain = |part: &str| secret.value[part][key].as_str();
    match (plain("stringData"), plain("data")) {
        (Some(text), _) => Ok(text.to_owned()),
        (None, Some(encoded)) => String::from_utf8(decoded(encoded)).map_err(|error| error.to_string()),
        (None, None) => Err(format!("the Secret {name} has no {key}")),
    }
}

fn files(pod: &Value, container: &Value, resources: &[Resource]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut files = Vec::new();
    for mount in list(container, "/volumeMounts") {
        let same = |volume: &&Value| text(volume, "/name") == text(mount, "/name");
        let volume = list(pod, "/volumes").iter().find(same).ok_or("a mount without a volume")?;
        let secret = data(resources, "Secret", text(volume, "/secret/secretName"))?;
        for (file, content) in secret.as_object().into_iter().flatten() {
            let path = format!("{}/{file}", text(mount, "/mountPath"));
            files.push((path, decoded(content.as_str().unwrap_or_default())));
        }
    }
    Ok(files)
}

fn data<'a>(resources: &'a [Resource], kind: &str, name: &str) -> Result<&'a Value, String> {
    found(resources, kind, name).map(|one| &one.value["data"])
}

fn found<'a>(resources: &'a [Resource], kind: &str, name: &str) -> Result<&'a Resource, String> {
    let found = resources.iter().find(|one| one.kind() == kind && one.name() == name);
    found.ok_or(format!("there is no {kind} {name}"))
}

/// Base 64, as Secrets have it; k8s-openapi knows it.
fn decoded(text: &str) -> Vec<u8> {
    let bytes: Result<k8s_openapi::ByteString, _> = serde_json::from_value(text.into());
    bytes.map(|bytes| bytes.0).unwrap_or_default()
}
