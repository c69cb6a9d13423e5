//! The environment of `tapedeck serve`: each component's part, and the URLs that choose the parts.

use std::fmt::Write as _;

use auth::AuthConfig;
use broker::{ClockConfig, LocalConfig};
use convert::ConvertConfig;
use notify::MailConfig;
use runtime::{Config, ConfigError, LogConfig, ServeConfig, Variable, variables};
use serde::{Deserialize, Serialize};
use sweep::SweepConfig;
use upload::UploadConfig;

/// Where the parts are. Unset means: in the data folder.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PartsConfig {
    pub(crate) database_url: Option<String>,
    pub(crate) blobs_url: Option<String>,
    pub(crate) public_url: Option<String>,
}

impl Config for PartsConfig {
    const PREFIX: &'static str = "";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        ("database_url", "`sqlite:PATH`; unset: tapedeck.db in the data folder"),
        ("blobs_url", "`file:DIRECTORY`; unset: blobs in the data folder"),
        (
            "public_url",
            "where the world finds the service, for links in mails; unset: the address that it listens on",
        ),
    ];
}

/// All of it.
pub(crate) struct Settings {
    pub(crate) parts: PartsConfig,
    pub(crate) serve: ServeConfig,
    pub(crate) auth: AuthConfig,
    pub(crate) upload: UploadConfig,
    pub(crate) convert: ConvertConfig,
    pub(crate) mail: MailConfig,
    pub(crate) sweep: SweepConfig,
    pub(crate) clock: ClockConfig,
    pub(crate) local: LocalConfig,
    pub(crate) log: LogConfig,
}

impl Settings {
    pub(crate) fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            parts: PartsConfig::from_env()?,
            serve: ServeConfig::from_env()?,
            auth: AuthConfig::from_env()?,
            upload: UploadConfig::from_env()?,
            convert: ConvertConfig::from_env()?,
            mail: MailConfig::from_env()?,
            sweep: SweepConfig::from_env()?,
            clock: ClockConfig::from_env()?,
            local: LocalConfig::from_env()?,
            log: LogConfig::from_env()?,
        })
    }
}

type Rows = fn() -> Result<Vec<Variable>, String>;

/// The README's table of variables.
pub(crate) fn table() -> Result<String, String> {
    let components: [Rows; 10] = [
        variables::<PartsConfig>,
        variables::<ServeConfig>,
        variables::<AuthConfig>,
        variables::<UploadConfig>,
        variables::<ConvertConfig>,
        variables::<MailConfig>,
        variables::<SweepConfig>,
        variables::<ClockConfig>,
        variables::<LocalConfig>,
        variables::<LogConfig>,
    ];
    let mut table = String::from("| variable | default | what it says |\n|---|---|---|\n");
    for component in components {
        for Variable { name, default, description } in component()? {
            let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
            writeln!(table, "| `{name}` | {default} | {description} |").map_err(|error| error.to_string())?;
        }
    }
    Ok(table)
}
