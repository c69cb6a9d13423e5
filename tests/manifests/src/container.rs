//! A container as Kubernetes would start it: for `image-check`.

use serde_json::Value;

use crate::{
    Resource,
    pods::pod,
    read::{list, text},
};

/// A container of ours, with everything that its manifest says.
#[derive(Debug)]
pub struct Container {
    /// The function whose image it is.
    pub function: String,
    /// As `intake`.
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
        [&self.function].into_iter().chain(&self.arguments).map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

/// All containers of ours among the resources.
///
/// # Errors
/// A ConfigMap or Secret that is not there.
pub fn containers(resources: &[Resource]) -> Result<Vec<Container>, String> {
    let ours = resources.iter().filter_map(|resource| Some((resource, pod(resource)?)));
    let ours = ours.filter(|(_, pod)| text(pod, "/containers/0/image").contains("/tapedeck/"));
    ours.map(|(resource, pod)| container(resource, pod, resources)).collect()
}

fn container(resource: &Resource, pod: &Value, resources: &[Resource]) -> Result<Container, String> {
    let container = &pod["containers"][0];
    let name = text(container, "/image").rsplit('/').next().unwrap_or_default();
    let readiness = text(container, "/readinessProbe/httpGet/path");
    let mut variables = Vec::new();
    for variable in list(container, "/env") {
        variables.push((text(variable, "/name").to_owned(), value(variable, resources)?));
    }
    if resource.text("/metadata/labels/tapedeck.dev~1publishes") == "true" {
        variables.push(("K_SINK".into(), "http://tapedeck-broker-ingress.tapedeck.svc.cluster.local".into()));
    }
    Ok(Container {
        function: name.split(':').next().unwrap_or_default().to_owned(),
        arguments: list(container, "/args").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        variables,
        files: files(pod, container, resources)?,
        readiness: readiness.to_owned(),
        probed: !readiness.is_empty(),
    })
}

fn value(variable: &Value, resources: &[Resource]) -> Result<String, String> {
    for (kind, field) in [("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")] {
        if let Some(reference) = variable.pointer(&format!("/valueFrom/{field}")) {
            let data = data(resources, kind, text(reference, "/name"))?;
            let said = text(data, &format!("/{}", text(reference, "/key")));
            return match kind {
                "Secret" => String::from_utf8(decoded(said)).map_err(|error| error.to_string()),
                _ => Ok(said.to_owned()),
            };
        }
    }
    Ok(text(variable, "/value").to_owned())
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
    let found = resources.iter().find(|one| one.kind() == kind && one.name() == name);
    found.map(|one| &one.value["data"]).ok_or(format!("there is no {kind} {name}"))
}

/// Base 64, as Secrets have it; k8s-openapi knows it.
fn decoded(text: &str) -> Vec<u8> {
    let bytes: Result<k8s_openapi::ByteString, _> = serde_json::from_value(text.into());
    bytes.map(|bytes| bytes.0).unwrap_or_default()
}
