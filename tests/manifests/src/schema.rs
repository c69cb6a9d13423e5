//! Custom resources against the schemas of their definitions, stricter than a cluster: a field that the schema does not
//! name is an error even where the cluster would keep it unread.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

use crate::{
    core,
    read::{Resource, list, parse, text},
};

/// Fields that exist although the schema does not name them: (group/kind, path).
/// `timeout`: knative/eventing keeps `delivery` open for it.
const OPEN: [(&str, &str); 2] = [
    ("eventing.knative.dev/Trigger", ".spec.delivery.timeout"),
    ("eventing.knative.dev/Broker", ".spec.delivery.timeout"),
];

/// The schemas of a folder of CustomResourceDefinitions, by group, version and kind.
pub struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    /// Reads all definitions below a folder.
    ///
    /// # Errors
    /// A file that can't be read, or a folder without definitions.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let mut schemas = BTreeMap::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let failed = |error| format!("{}: {error}", folder.display());
            for entry in fs::read_dir(&folder).map_err(failed)? {
                let path = entry.map_err(failed)?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|ending| ending == "yaml") {
                    let yaml = fs::read_to_string(&path).map_err(failed)?;
                    parse(&path.display().to_string(), &yaml)?.iter().for_each(|one| add(one, &mut schemas));
                }
            }
        }
        if schemas.is_empty() {
            return Err(format!("{}: no CustomResourceDefinition here", folder.display()));
        }
        Ok(Self(schemas))
    }

    pub(crate) fn check(&self, resource: &Resource, problems: &mut Vec<String>) {
        if core::is_core(resource) {
            return;
        }
        let key = format!("{}/{}", resource.text("/apiVersion"), resource.kind());
        match self.0.get(&key) {
            None => problems.push(resource.say(format!("no schema for {key}"))),
            Some(schema) => {
                let mut walk = Walk { resource, problems };
                walk.value(schema, &resource.value, "");
            }
        }
    }
}

fn add(definition: &Resource, schemas: &mut BTreeMap<String, Value>) {
    let (group, kind) = (definition.text("/spec/group"), definition.text("/spec/names/kind"));
    for version in list(&definition.value, "/spec/versions") {
        if let Some(schema) = version.pointer("/schema/openAPIV3Schema") {
            schemas.insert(format!("{group}/{}/{kind}", text(version, "/name")), schema.clone());
        }
    }
}

struct Walk<'a> {
    resource: &'a Resource,
    problems: &'a mut Vec<String>,
}

impl Walk<'_> {
    fn say(&mut self, path: &str, problem: &str) {
        self.problems.push(self.resource.say(format!("{path} {problem}")));
    }

    fn value(&mut self, schema: &Value, value: &Value, path: &str) {
        if !fits(schema, value) {
            self.say(path, &format!("is no {}: {value}", text(schema, "/type")));
        }
        if schema.get("enum").and_then(Value::as_array).is_some_and(|known| !known.contains(value)) {
            self.say(path, &format!("is none of {}: {value}", schema["enum"]));
        }
        match value {
            Value::Object(fields) => self.object(schema, fields, path),
            Value::Array(items) => {
                for (number, item) in items.iter().enumerate() {
                    self.value(&schema["items"], item, &format!("{path}[{number}]"));
                }
            }
            _ => {}
        }
    }

    fn object(&mut self, schema: &Value, fields: &serde_json::Map<String, Value>, path: &str) {
        for name in list(schema, "/required").iter().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                self.say(path, &format!("lacks {name}"));
            }
        }
        for (name, value) in fields {
            let path = format!("{path}.{name}");
            match field(schema, name) {
                Field::Known(schema) => self.value(schema, value, &path),
                Field::Free => {}
                // Definitions may leave out what every resource has.
                Field::Unknown if [".apiVersion", ".kind", ".metadata"].contains(&path.as_str()) => {}
                Field::Unknown if self.is_open(&path) => {}
                Field::Unknown => self.say(&path, "is unknown"),
            }
            if path == ".metadata" {
                core::check_metadata(self.resource, self.problems);
            }
        }
    }

    fn is_open(&self, path: &str) -> bool {
        OPEN.contains(&(&format!("{}/{}", self.resource.group(), self.resource.kind()), path))
    }
}

enum Field<'a> {
    Known(&'a Value),
    Free,
    Unknown,
}

fn field<'a>(schema: &'a Value, name: &str) -> Field<'a> {
    if let Some(known) = schema.get("properties").and_then(|properties| properties.get(name)) {
        // What metadata is, the API server knows; `core.rs` does too.
        let open = name == "metadata" && known.get("properties").is_none();
        return if open { Field::Free } else { Field::Known(known) };
    }
    match schema.get("additionalProperties") {
        Some(Value::Bool(true)) => Field::Free,
        Some(known @ Value::Object(_)) => Field::Known(known),
        _ if schema.get("properties").is_some() => Field::Unknown,
        _ if schema["x-kubernetes-preserve-unknown-fields"] == true => Field::Free,
        _ => Field::Unknown,
    }
}

fn fits(schema: &Value, value: &Value) -> bool {
    if schema["x-kubernetes-int-or-string"] == true {
        return value.is_i64() || value.is_string();
    }
    match text(schema, "/type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        _ => true,
    }
}
