//! What the code says, read from its text: a list kept here by hand would say what somebody once meant.
//!
//! A function's `process.rs` names what it reads: `required("DATABASE_URL", ..)`, `AuthConfig::from_env()`. The fields of a
//! configuration are those of its `DESCRIPTIONS`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// What the manifests must agree with.
pub struct Code {
    /// Processes: the function's name, or `migrate` -> the text of what it runs.
    processes: BTreeMap<String, String>,
    /// Functions: name -> text of all of its sources.
    sources: BTreeMap<String, String>,
    /// Configurations: name -> variables.
    configs: BTreeMap<String, Vec<String>>,
    /// Event types -> names of their Rust types, and their sources.
    events: BTreeMap<String, (String, String)>,
    /// Variables -> their defaults, where those are numbers.
    defaults: BTreeMap<String, u64>,
    /// Connections to the database that a process opens at the most.
    pub(crate) connections: u64,
    /// What every process starts with.
    service: String,
    /// The name of the queue between intake and workers.
    pub(crate) work_queue: String,
}

/// The program in one of its roles.
#[derive(Default)]
pub(crate) struct Program {
    /// Variables that it reads.
    pub(crate) reads: BTreeSet<String>,
    /// Variables without which it does not start.
    pub(crate) requires: BTreeSet<String>,
    /// Whether it publishes events, and so needs `K_SINK`.
    pub(crate) publishes: bool,
}

/// Parts without which a program does not start, although no `required(..)` says it.
const NEEDS: [(&str, &str); 3] =
    [("Mailer::open(", "MAIL_URL"), ("WorkQueue::open", "BROKER_URL"), (".database()", "DATABASE_URL")];

impl Code {
    /// Reads the sources below the workspace's root.
    ///
    /// # Errors
    /// What can't be read or is not where it was.
    pub fn read(root: &Path) -> Result<Self, String> {
        let (mut processes, mut sources, mut configs) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut defaults = BTreeMap::new();
        for folder in folders(&root.join("functions"))? {
            let name = folder.rsplit('/').next().unwrap_or_default().to_owned();
            let text = rust_below(Path::new(&folder))?;
            configs_of(&text, &mut configs);
            defaults.extend(defaults_of(&text, &configs));
            sources.insert(name.clone(), text);
            // `tapedeck migrate` is the one role that runs alone.
            let (process, file) =
                if name == "standalone" { ("migrate".into(), "operate.rs") } else { (name, "process.rs") };
            if let Ok(text) = fs::read_to_string(format!("{folder}/src/{file}")) {
                processes.insert(process, text);
            }
        }
        let shared = rust_below(&root.join("shared"))?;
        configs_of(&shared, &mut configs);
        let work_queue = work_queue(&shared, processes.get("convert").map_or("", String::as_str))?;
        let service = read(&root.join("shared/runtime/src/service.rs"))?;
        let events = events_of(&read(&root.join("shared/contracts/src/events.rs"))?);
        let connections = all_between(&shared, "pub const CONNECTIONS: u32 = ", ";").next();
        let connections = connections.and_then(|number| number.parse().ok());
        let connections = connections.ok_or("shared/db names no CONNECTIONS")?;
        Ok(Self { processes, sources, configs, events, defaults, connections, service, work_queue })
    }

    /// What `tapedeck ARGUMENTS` reads; nothing is known of what is no process of ours.
    pub(crate) fn program(&self, arguments: &[&str]) -> Option<Program> {
        let (process, role) = match arguments {
            ["function", name, role @ ..] => (*name, role),
            ["migrate"] => ("migrate", &[][..]),
            _ => return None,
        };
        let mut main = self.processes.get(process)?.clone();
        if role.first() == Some(&"intake") {
            // The other role's parts.
            main = without_function(&main, "worker");
        }
        let mut program = Program { publishes: main.contains("Broker::open("), ..Program::default() };
        if main.contains("Service::start(") {
            self.add_configs(&self.service, &main, &mut program);
        }
        self.add_configs(&main, &main, &mut program);
        program.requires = all_between(&main, "required(\"", "\"").map(str::to_owned).collect();
        let needed = NEEDS.iter().filter(|(call, _)| main.contains(call)).map(|(_, name)| (*name).to_owned());
        program.requires.extend(needed);
        Some(program)
    }

    /// The configurations that `text` reads. Of the parts, only what `main` takes.
    fn add_configs(&self, text: &str, main: &str, program: &mut Program) {
        for (name, variables) in &self.configs {
            if text.contains(&format!("{name}::from_env()")) {
                let taken = |variable: &&String| {
                    let database = variable.starts_with("DATABASE_") && main.contains(".database()");
                    let part = format!("parts.{}", variable.to_lowercase());
                    name != "PartsConfig" || database || main.contains(&part)
                };
                program.reads.extend(variables.iter().filter(taken).cloned());
            }
        }
    }

    /// Whether a function has a handler for an event type.
    pub(crate) fn hears(&self, function: &str, kind: &str) -> bool {
        let (Some(source), Some((event, _))) = (self.sources.get(function), self.events.get(kind)) else {
            return false;
        };
        [",", ")"].iter().any(|end| source.contains(&format!(": {event}{end}")))
    }

    /// All event types.
    pub(crate) fn event_types(&self) -> impl Iterator<Item = &str> {
        self.events.keys().map(String::as_str)
    }

    /// The CloudEvents `source` of an event type.
    pub(crate) fn source_of(&self, kind: &str) -> Option<&str> {
        self.events.get(kind).map(|(_, source)| source.as_str())
    }

    /// What a variable is when nobody sets it; 0 if that is no number.
    pub(crate) fn default_of(&self, variable: &str) -> u64 {
        self.defaults.get(variable).copied().unwrap_or_default()
    }
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn folders(path: &Path) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let paths = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir());
    Ok(paths.map(|path| path.display().to_string()).collect())
}

/// The text of all Rust files below a folder.
fn rust_below(folder: &Path) -> Result<String, String> {
    let mut text = String::new();
    for entry in fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            text += &rust_below(&path)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            text += &read(&path)?;
        }
    }
    Ok(text)
}

/// All texts between `start` and the next `end`.
fn all_between<'a>(text: &'a str, start: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(start).skip(1).filter_map(move |rest| rest.split(end).next())
}

/// The variables of each `impl Config for X`.
fn configs_of(text: &str, configs: &mut BTreeMap<String, Vec<String>>) {
    for block in all_between(text, "impl Config for ", "\n}") {
        let (Some(name), Some(prefix)) =
            (block.split(' ').next(), all_between(block, "PREFIX: &'static str = \"", "\"").next())
        else {
            continue;
        };
        let descriptions = block.split("DESCRIPTIONS").nth(1).unwrap_or_default();
        // Literals come in pairs: a field, and what it says.
        let fields = literals(descriptions).into_iter().step_by(2);
        let variables = fields.map(|field| format!("{prefix}{}", field.to_uppercase()));
        configs.insert(name.to_owned(), variables.collect());
    }
}

fn literals(text: &str) -> Vec<String> {
    let unescaped = text.replace("\\\"", "'");
    unescaped.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The numbers of each `impl Default for X`, by the variables of X.
fn defaults_of(text: &str, configs: &BTreeMap<String, Vec<String>>) -> BTreeMap<String, u64> {
    let mut defaults = BTreeMap::new();
    for block in all_between(text, "impl Default for ", "\n}") {
        let variables = configs.get(block.split(' ').next().unwrap_or_default()).into_iter().flatten();
        for variable in variables {
            let fields = block.split([',', '{', '}']).filter_map(|field| field.trim().split_once(": "));
            let mut fields = fields.filter(|(name, _)| variable.ends_with(&name.to_uppercase()));
            if let Some(value) = fields.find_map(|(_, value)| value.replace('_', "").parse().ok()) {
                defaults.insert(variable.clone(), value);
            }
        }
    }
    defaults
}

fn events_of(text: &str) -> BTreeMap<String, (String, String)> {
    let event = |block: &str| {
        let constant =
            |name| all_between(block, name, ";").next().map(|value| value.trim_matches('"').to_owned());
        let name = block.split(' ').next()?.to_owned();
        Some((constant("TYPE: &'static str = ")?, (name, constant("SOURCE: &'static str = ")?)))
    };
    all_between(text, "impl Event for ", "\n}").filter_map(event).collect()
}

/// `WorkQueue::open::<VideoUploaded>("convert", ..)` makes `tapedeck.convert`.
fn work_queue(shared: &str, convert: &str) -> Result<String, String> {
    let name = all_between(convert, "WorkQueue::open::<VideoUploaded>(\"", "\"").next();
    let name = name.ok_or("functions/convert/src/process.rs opens no work queue by name")?;
    let pattern = all_between(shared, "name: format!(\"", "\"").find(|pattern| pattern.ends_with(".{name}"));
    Ok(pattern.ok_or("shared/broker/src/work.rs names no queue")?.replace("{name}", name))
}

/// `text` without the item `fn name(..) { .. }`.
fn without_function(text: &str, name: &str) -> String {
    let Some((before, rest)) = text.split_once(&format!("\nfn {name}(")) else { return text.to_owned() };
    format!("{before}{}", rest.split_once("\n}\n").map_or("", |(_, after)| after))
}
