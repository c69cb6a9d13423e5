//! Configuration: each component owns a flat struct with defaults, read from the environment under its prefix.

use std::{fmt::Display, ops::RangeInclusive};

use serde::{Serialize, de::DeserializeOwned};

/// A component's part of the configuration. Binaries compose them; nothing else reads the environment.
pub trait Config: Default + Serialize + DeserializeOwned {
    /// What its variables begin with, as `SERVE_`.
    const PREFIX: &'static str;
    /// (field, what it says) for each field, in the order of the struct. For the table in `functions/VARIABLES.md`.
    const DESCRIPTIONS: &'static [(&'static str, &'static str)];

    /// Whether the values can be meant. See [`within`] for numbers.
    ///
    /// # Errors
    /// The first field that can't, and why.
    fn check(&self) -> Checked {
        Ok(())
    }

    /// Takes the variables that a value of another one names, as `AUTH_OIDC_PROVIDERS` does. They stand in no table.
    ///
    /// # Errors
    /// A variable whose value can't be read or meant, with its name.
    fn take_named(&mut self, _set: &[(String, String)]) -> Result<(), ConfigError> {
        Ok(())
    }

    /// Reads the environment; an unset or empty variable means the default.
    ///
    /// # Errors
    /// A variable whose value can't be read or meant, with its name.
    fn from_env() -> Result<Self, ConfigError> {
        #[expect(clippy::disallowed_methods, reason = "this is the one place")]
        let set = std::env::vars().filter(|(_, value)| !value.is_empty());
        Self::from_variables(set)
    }

    /// The same from these variables, of which none is empty.
    ///
    /// # Errors
    /// As [`Config::from_env`].
    fn from_variables(set: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let set: Vec<_> = set.collect();
        let read: Result<Self, _> = envy::prefixed(Self::PREFIX).from_iter(set.iter().cloned());
        let mut config = read.map_err(|error| {
            // It ends with the variable's name, without the prefix.
            let text = error.to_string();
            let (problem, field) = text.rsplit_once(" provided by ").unwrap_or((&text, "*"));
            // The words of the parser say nothing about what to write.
            let problem = problem.replace(
                "invalid digit found in string",
                "must be a whole number, without a unit or separators, as 1000000",
            );
            ConfigError::new(variable::<Self>(field), problem)
        })?;
        config.take_named(&set)?;
        config.check().map_err(|(field, problem)| ConfigError::new(variable::<Self>(field), problem))?;
        Ok(config)
    }
}

/// What [`Config::check`] says: the field, and what is wrong with its value.
pub type Checked = Result<(), (&'static str, String)>;

/// Whether the value of a field lies in a range.
///
/// # Errors
/// The field, with the range.
pub fn within<T: PartialOrd + Display>(field: &'static str, value: &T, range: RangeInclusive<T>) -> Checked {
    if range.contains(value) {
        return Ok(());
    }
    Err((field, format!("{value} is not between {} and {}", range.start(), range.end())))
}

/// The fields whose values are not the defaults, as variables.
///
/// # Errors
/// Never: a [`Config`] is a struct of texts and numbers.
pub fn changed<C: Config>(config: &C) -> Result<Vec<String>, ConfigError> {
    let read = |config: &C| serde_json::to_value(config).map_err(|error| ConfigError::new(C::PREFIX, error));
    let (now, default) = (read(config)?, read(&C::default())?);
    let names = C::DESCRIPTIONS.iter().map(|(field, _)| *field);
    Ok(names.filter(|field| now.get(field) != default.get(field)).map(variable::<C>).collect())
}

fn variable<C: Config>(field: &str) -> String {
    format!("{}{}", C::PREFIX, field.to_uppercase())
}

/// A variable of the environment that can't be read or meant.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct ConfigError {
    variable: String,
    problem: String,
}

impl ConfigError {
    /// What is wrong with which variable.
    pub fn new(variable: impl Into<String>, problem: impl Display) -> Self {
        Self { variable: variable.into(), problem: problem.to_string() }
    }
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
        Ok(Variable { name: variable::<C>(name), default, description })
    };
    C::DESCRIPTIONS.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LogConfig, PartsConfig, ServeConfig};

    fn refused<C: Config + std::fmt::Debug>(name: &str, value: &str) -> String {
        C::from_variables([(name.to_owned(), value.to_owned())].into_iter()).unwrap_err().to_string()
    }

    #[test]
    fn a_value_that_can_not_be_meant_is_told_with_its_variable() {
        for (text, named) in [
            (
                refused::<ServeConfig>("SERVE_DRAIN_SECONDS", "99999999999"),
                "SERVE_DRAIN_SECONDS: 99999999999 is not",
            ),
            (
                refused::<ServeConfig>("SERVE_DRAIN_SECONDS", "soon"),
                "SERVE_DRAIN_SECONDS: must be a whole number, without a unit",
            ),
            (refused::<LogConfig>("LOG_FILTER", "info,convert=lots"), "LOG_FILTER: "),
            (refused::<LogConfig>("LOG_FILTER", "inof"), "LOG_FILTER: `inof` is no level"),
            (refused::<LogConfig>("LOG_FORMAT", "xml"), "LOG_FORMAT: `xml`"),
            (refused::<PartsConfig>("DATABASE_URL", "postgres://x/y"), "DATABASE_URL: "),
            (refused::<PartsConfig>("BLOBS_URL", "s3://x"), "BLOBS_URL: "),
            (refused::<PartsConfig>("PUBLIC_URL", "tapedeck.example"), "PUBLIC_URL: "),
            (refused::<PartsConfig>("DATABASE_CA_FILE", "ca.pem"), "DATABASE_CA_FILE: "),
        ] {
            assert!(text.contains(named), "{text}");
        }
    }

    #[test]
    fn what_is_not_the_default_is_named() {
        let config = LogConfig { filter: "debug".into(), ..LogConfig::default() };
        assert_eq!(changed(&config).unwrap(), ["LOG_FILTER"]);
        assert!(changed(&ServeConfig::default()).unwrap().is_empty());
    }
}
