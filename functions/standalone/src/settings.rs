//! The environment of `tapedeck serve`: each component's part.

use std::fmt::Write as _;

use auth::AuthConfig;
use broker::{BrokerConfig, ClockConfig, LocalConfig};
use convert::ConvertConfig;
use gateway::GatewayConfig;
use notify::{MailConfig, WebhookConfig};
use runtime::{Config, ConfigError, LogConfig, PartsConfig, ServeConfig, Variable, variables};
use sweep::SweepConfig;
use upload::UploadConfig;

/// All of it.
pub(crate) struct Settings {
    pub(crate) parts: PartsConfig,
    pub(crate) serve: ServeConfig,
    pub(crate) auth: AuthConfig,
    pub(crate) upload: UploadConfig,
    pub(crate) convert: ConvertConfig,
    pub(crate) mail: MailConfig,
    pub(crate) webhook: WebhookConfig,
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
            webhook: WebhookConfig::from_env()?,
            sweep: SweepConfig::from_env()?,
            clock: ClockConfig::from_env()?,
            local: LocalConfig::from_env()?,
            log: LogConfig::from_env()?,
        })
    }
}

type Rows = fn() -> Result<Vec<Variable>, String>;

/// What `tapedeck serve` reads.
const SERVE: [Rows; 11] = [
    variables::<PartsConfig>,
    variables::<ServeConfig>,
    variables::<AuthConfig>,
    variables::<UploadConfig>,
    variables::<ConvertConfig>,
    variables::<MailConfig>,
    variables::<WebhookConfig>,
    variables::<SweepConfig>,
    variables::<ClockConfig>,
    variables::<LocalConfig>,
    variables::<LogConfig>,
];

/// What functions read that run as processes of their own.
const SEPARATE: [Rows; 2] = [variables::<BrokerConfig>, variables::<GatewayConfig>];

/// The README's tables of variables.
pub(crate) fn table() -> Result<String, String> {
    let (serve, separate) = (rows(&SERVE)?, rows(&SEPARATE)?);
    Ok(format!(
        "{serve}\nFunctions that run as processes of their own listen on `PORT`, and read besides:\n\n{separate}"
    ))
}

fn rows(components: &[Rows]) -> Result<String, String> {
    let mut table = String::from("| variable | default | what it says |\n|---|---|---|\n");
    for component in components {
        for Variable { name, default, description } in component()? {
            let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
            writeln!(table, "| `{name}` | {default} | {description} |").map_err(|error| error.to_string())?;
        }
    }
    Ok(table)
}
