//! The environment of `tapedeck serve`: each component's part.

use std::{collections::BTreeMap, fmt::Write as _};

use auth::AuthConfig;
use broker::{BrokerConfig, ClockConfig, LocalConfig};
use convert::ConvertConfig;
use gateway::GatewayConfig;
use notify::{MailConfig, WebhookConfig};
use runtime::{
    Config, ConfigError, LogConfig, MetricsConfig, PartsConfig, PushConfig, ServeConfig, TracesConfig,
    Variable, changed, variables,
};
use scaler::ScalerConfig;
use serde::{Deserialize, Serialize};
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
    pub(crate) gateway: GatewayConfig,
    pub(crate) log: LogConfig,
    pub(crate) metrics: MetricsConfig,
    pub(crate) traces: TracesConfig,
    pub(crate) push: PushConfig,
    /// Variables that are set for nothing, because this process is all functions.
    pub(crate) unused: Vec<String>,
    /// Variables that begin as ours, and are none: misspelt.
    pub(crate) unknown: Vec<String>,
}

impl Settings {
    pub(crate) fn from_env() -> Result<Self, ConfigError> {
        let (parts, auth) = (PartsConfig::from_env()?, AuthConfig::from_env()?);
        let set = Everything::from_env()?.set.into_keys().map(|name| name.to_uppercase());
        Ok(Self {
            unused: unused(&parts, &BrokerConfig::from_env()?, &GatewayConfig::from_env()?)?,
            unknown: unknown(set, &auth.named_variables().collect::<Vec<_>>())?,
            gateway: GatewayConfig::from_env()?,
            parts,
            serve: ServeConfig::from_env()?,
            auth,
            upload: UploadConfig::from_env()?,
            convert: ConvertConfig::from_env()?,
            mail: MailConfig::from_env()?,
            webhook: WebhookConfig::from_env()?,
            sweep: SweepConfig::from_env()?,
            clock: ClockConfig::from_env()?,
            local: LocalConfig::from_env()?,
            log: LogConfig::from_env()?,
            metrics: MetricsConfig::from_env()?,
            traces: TracesConfig::from_env()?,
            push: PushConfig::from_env()?,
        })
    }
}

/// Variables of separate functions. Whoever names a broker believes that events go there: that is an error.
fn unused(
    parts: &PartsConfig,
    broker: &BrokerConfig,
    gateway: &GatewayConfig,
) -> Result<Vec<String>, ConfigError> {
    let advice = "is set, but `tapedeck serve` is all functions in one process and delivers its events itself. \
        Unset it, or run the functions as processes of their own";
    if broker.is_knative() {
        return Err(ConfigError::new("K_SINK", advice));
    }
    if !broker.is_local() {
        return Err(ConfigError::new("BROKER_URL", advice));
    }
    let public_key = parts.public_key_file.as_ref().map(|_| "PUBLIC_KEY_FILE".to_owned());
    // What it does itself before the functions it does in one process too.
    let read = ["GATEWAY_TRUST_FORWARDED", "GATEWAY_REQUESTS_PER_MINUTE"];
    let gateway = changed(gateway)?.into_iter().filter(|variable| !read.contains(&variable.as_str()));
    Ok(public_key.into_iter().chain(changed(broker)?).chain(gateway).collect())
}

/// The whole environment.
#[derive(Default, Serialize, Deserialize)]
struct Everything {
    #[serde(flatten)]
    set: BTreeMap<String, String>,
}

impl Config for Everything {
    const PREFIX: &'static str = "";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[];
}

/// What the names of components begin with. OTEL_ is left out: others read variables of that name too.
const PREFIXES: [&str; 13] = [
    ServeConfig::PREFIX,
    AuthConfig::PREFIX,
    UploadConfig::PREFIX,
    ConvertConfig::PREFIX,
    MailConfig::PREFIX,
    WebhookConfig::PREFIX,
    SweepConfig::PREFIX,
    ClockConfig::PREFIX,
    LocalConfig::PREFIX,
    LogConfig::PREFIX,
    MetricsConfig::PREFIX,
    GatewayConfig::PREFIX,
    ScalerConfig::PREFIX,
];

/// `named` are those that stand in no table, as a value of another one names them.
fn unknown(set: impl Iterator<Item = String>, named: &[String]) -> Result<Vec<String>, ConfigError> {
    let mut known = Vec::new();
    for component in SERVE.iter().chain(&SEPARATE) {
        known.extend(component().map_err(|error| ConfigError::new("*", error))?);
    }
    let ours = |name: &String| PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    let known = |name: &String| named.contains(name) || known.iter().any(|known| known.name == *name);
    Ok(set.filter(|name| ours(name) && !known(name)).collect())
}

type Rows = fn() -> Result<Vec<Variable>, String>;

/// What `tapedeck serve` reads.
const SERVE: [Rows; 14] = [
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
    variables::<MetricsConfig>,
    variables::<TracesConfig>,
    variables::<PushConfig>,
];

/// What functions read that run as processes of their own.
const SEPARATE: [Rows; 3] =
    [variables::<BrokerConfig>, variables::<GatewayConfig>, variables::<ScalerConfig>];

/// The tables of `functions/VARIABLES.md`.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn told(broker: BrokerConfig) -> Result<Vec<String>, String> {
        let parts = PartsConfig { public_key_file: Some("public.pem".into()), ..PartsConfig::default() };
        unused(&parts, &broker, &GatewayConfig::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_broker_that_would_not_be_used_is_an_error() {
        let amqp = BrokerConfig { broker_url: "amqp://rabbitmq".into(), ..BrokerConfig::default() };
        let error = told(amqp).unwrap_err();
        assert!(error.starts_with("BROKER_URL: is set, but") && error.contains("Unset it"), "{error}");
        let knative = BrokerConfig { k_sink: Some("http://broker".into()), ..BrokerConfig::default() };
        assert!(told(knative).unwrap_err().starts_with("K_SINK: "));
    }

    #[test]
    fn a_misspelt_variable_is_told() {
        let set =
            ["UPLOAD_MAX_BYTE", "UPLOAD_MAX_BYTES", "GATEWAY_TRUST_FORWARDED", "HOME", "OTEL_X", "MAIL"];
        assert_eq!(unknown(set.into_iter().map(str::to_owned), &[]).unwrap(), ["UPLOAD_MAX_BYTE"]);
        let named = ["AUTH_OIDC_GOOGLE_ISSUER".to_owned()];
        let set = ["AUTH_OIDC_GOOGLE_ISSUER", "AUTH_OIDC_GOGLE_CLIENT_ID"].map(str::to_owned);
        assert_eq!(unknown(set.into_iter(), &named).unwrap(), ["AUTH_OIDC_GOGLE_CLIENT_ID"]);
    }

    #[test]
    fn other_variables_of_separate_functions_are_told() {
        let broker = BrokerConfig { broker_prefetch: 3, ..BrokerConfig::default() };
        assert_eq!(told(broker).unwrap(), ["PUBLIC_KEY_FILE", "BROKER_PREFETCH"]);
    }
}
