//! Configuration: each component owns a flat struct with defaults, read from the environment under its prefix.

use serde::{Serialize, de::DeserializeOwned};

/// A component's part of the configuration. Binaries compose them; nothing else reads the environment.
pub trait Config: Default + Serialize + DeserializeOwned {
    /// What its variables begin with, as `SERVE_`.
    const PREFIX: &'static str;
    /// (field, what it says) for each field, in the order of the struct. For the README's table.
    const DESCRIPTIONS: &'static [(&'static str, &'static str)];

    /// Reads the environment; an unset or empty variable means the default.
    ///
    /// # Errors
    /// A variable whose value can't be read, with its name.
    fn from_env() -> Result<Self, ConfigError> {
        #[expect(clippy::disallowed_methods, reason = "this is the one place")]
        let set = std::env::vars().filter(|(_, value)| !value.is_empty());
        envy::prefixed(Self::PREFIX)
            .from_iter(set)
            .map_err(|error| ConfigError { prefix: Self::PREFIX, problem: error.to_string() })
    }
}

/// A variable of the environment that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("configuration {prefix}*: {problem}")]
pub struct ConfigError {
    prefix: &'static str,
    problem: String,
}

/// A row of the table of variables.
#[derive(Debug)]
pub struct Variable {
    /// As `SERVE_DRAIN_SECONDS`.
    pub name: String,
    /// As it would be written; empty if unset.
    pub default: String,
    /// What it says.
    pub description: &'static str,
}

/// The variables of a component, from its struct's defaults and descriptions.
///
/// # Errors
/// If a field has no description or a description no field.
pub fn variables<C: Config>() -> Result<Vec<Variable>, String> {
    let defaults = serde_json::to_value(C::default()).map_err(|error| error.to_string())?;
    let fields = defaults.as_object().ok_or("a Config is a struct")?;
    if let Some(name) = fields.keys().find(|name| !C::DESCRIPTIONS.iter().any(|(known, _)| known == name)) {
        return Err(format!("{}{name} has no description", C::PREFIX));
    }
    let row = |(name, description): &(&str, &'static str)| {
        let value = fields.get(*name).ok_or(format!("{}{name} is no field", C::PREFIX))?;
        let default = match value {
            serde_json::Value::Null => String::new(),
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Ok(Variable { name: format!("{}{}", C::PREFIX, name.to_uppercase()), default, description })
    };
    C::DESCRIPTIONS.iter().map(row).collect()
}
