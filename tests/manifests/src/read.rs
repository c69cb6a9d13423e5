//! YAML -> resources.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize as _;
use serde_json::Value;

/// The folders that hold manifests.
const FOLDERS: [&str; 3] = ["knative", "eventing", "keda"];

/// One document of a YAML file.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Where it stands, for messages.
    pub file: String,
    /// What it says.
    pub value: Value,
}

impl Resource {
    /// The text at a JSON pointer; empty if there is none.
    #[must_use]
    pub fn text(&self, pointer: &str) -> &str {
        text(&self.value, pointer)
    }

    /// As `Deployment`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text("/kind")
    }

    /// Its own name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// As `serving.knative.dev`; empty for Kubernetes' first kinds.
    #[must_use]
    pub fn group(&self) -> &str {
        self.text("/apiVersion").rsplit_once('/').map_or("", |(group, _)| group)
    }

    /// Whether it is a Knative Service: a function.
    #[must_use]
    pub fn is_function(&self) -> bool {
        self.kind() == "Service" && self.group() == "serving.knative.dev"
    }

    /// A line about it.
    #[must_use]
    pub fn say(&self, problem: impl std::fmt::Display) -> String {
        format!("{}: {} {}: {problem}", self.file, self.kind(), self.name())
    }
}

/// The text at a JSON pointer; empty if there is none.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The list at a JSON pointer; empty if there is none.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The documents of a YAML text.
///
/// # Errors
/// What is no YAML, with `file`.
pub fn parse(file: &str, yaml: &str) -> Result<Vec<Resource>, String> {
    let mut resources = Vec::new();
    for document in serde_norway::Deserializer::from_str(yaml) {
        let value = Value::deserialize(document).map_err(|error| format!("{file}: {error}"))?;
        if !value.is_null() {
            resources.push(Resource { file: file.to_owned(), value });
        }
    }
    Ok(resources)
}

/// (path below `root`, text) of each manifest; kustomizations are none.
///
/// # Errors
/// A file or folder that can't be read.
pub fn plain_files(root: &Path) -> Result<Vec<(String, String)>, String> {
    let mut files = Vec::new();
    for path in yaml_files(root)?.into_iter().filter(|path| !path.ends_with("kustomization.yaml")) {
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        files.push((relative(root, &path), text));
    }
    Ok(files)
}

/// (folder below `root`, its kustomization) of each.
///
/// # Errors
/// As [`plain_files`].
pub fn kustomizations(root: &Path) -> Result<Vec<(String, Value)>, String> {
    let mut folders = Vec::new();
    for path in yaml_files(root)?.into_iter().filter(|path| path.ends_with("kustomization.yaml")) {
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let name = relative(root, path.parent().unwrap_or(root));
        folders.extend(parse(&name, &text)?.into_iter().map(|resource| (name.clone(), resource.value)));
    }
    Ok(folders)
}

fn yaml_files(root: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    let mut folders: Vec<_> = FOLDERS.iter().map(|name| root.join(name)).collect();
    while let Some(folder) = folders.pop() {
        let failed = |error| format!("{}: {error}", folder.display());
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yaml") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

/// What `kubectl kustomize` makes of a folder. `None` if there is no kubectl.
///
/// # Errors
/// What kustomize refuses.
pub fn kustomize(folder: &Path) -> Result<Option<Vec<Resource>>, String> {
    let name = folder.display().to_string();
    match run("kubectl", &["kustomize", &name], &[])? {
        None => Ok(None),
        Some(yaml) => parse(&name, &yaml).map(Some),
    }
}

/// The resources of an overlay without components: what kustomize makes of it or, where there is no kubectl, the files that
/// its kustomization names, one below the other.
///
/// # Errors
/// What can't be read, and what kustomize refuses.
pub fn overlay(folder: &Path) -> Result<Vec<Resource>, String> {
    match kustomize(folder)? {
        Some(built) => Ok(built),
        None => named_below(folder),
    }
}

fn named_below(folder: &Path) -> Result<Vec<Resource>, String> {
    let read = |path: &Path| fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    let mut resources = Vec::new();
    for kustomization in parse("kustomization.yaml", &read(&folder.join("kustomization.yaml"))?)? {
        for name in list(&kustomization.value, "/resources").iter().filter_map(Value::as_str) {
            let path = folder.join(name);
            resources.extend(if path.is_dir() { named_below(&path)? } else { parse(name, &read(&path)?)? });
        }
    }
    Ok(resources)
}

/// The output of a tool. `None` if it is not there.
///
/// # Errors
/// What it says when it fails.
pub fn run(tool: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Result<Option<String>, String> {
    #[expect(clippy::disallowed_methods, reason = "kubectl and the scripts of knative/ are what is tested")]
    let output = Command::new(tool).args(arguments).envs(variables.iter().copied()).output();
    match output {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{tool}: {error}")),
        Ok(output) if output.status.success() => {
            Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()))
        }
        Ok(output) => {
            Err(format!("{tool} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr)))
        }
    }
}
