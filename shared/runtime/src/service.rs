//! A function as a process of its own: what its `main` needs before it can open its parts.

use std::{
    error::Error,
    io,
    net::{Ipv4Addr, Ipv6Addr},
    process::ExitCode,
};

use axum::Router;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    Ask, Checked, Config, LogConfig, MetricsConfig, MetricsError, Push, PushConfig, ServeConfig, Tasks,
    TracesConfig, give_memory_back, http_router, metrics::last_push, serve_with, shutdown_signal,
    start_logging, start_metrics, start_traces, traces::flush_traces,
};

/// Where a function finds its parts. Each function reads those that it needs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "DESCRIPTIONS says it")]
pub struct PartsConfig {
    pub database_url: Option<String>,
    pub database_ca_file: Option<String>,
    pub blobs_url: Option<String>,
    pub public_url: Option<String>,
    pub signing_key_file: Option<String>,
    pub public_key_file: Option<String>,
    pub links_key_file: Option<String>,
    pub proofs_key_file: Option<String>,
}

impl Config for PartsConfig {
    const PREFIX: &'static str = "";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        (
            "database_url",
            "`sqlite:PATH` or `mysql://user:password@host/database`; unset: tapedeck.db in the data folder",
        ),
        (
            "database_ca_file",
            "certificate authority (PEM) of the MySQL server, trusted besides the public ones: its certificate is verified",
        ),
        ("blobs_url", "`file:DIRECTORY` or `mongodb://host/database`; unset: blobs in the data folder"),
        (
            "public_url",
            "where the world finds the service, for links in mails; unset: the address that it listens on",
        ),
        (
            "signing_key_file",
            "Ed25519 private key (PEM) of `auth`; unset: keys/signing.pem in the data folder, made if absent",
        ),
        (
            "public_key_file",
            "the public keys (PEM, one after the other), for functions that only check tokens, and for `auth` if it is to take and publish more than its own; not read by `tapedeck serve`",
        ),
        (
            "links_key_file",
            "secret that signs links, the same for all; unset: keys/links.key in the data folder, made if absent",
        ),
        (
            "proofs_key_file",
            "secret for mails of accounts, webhooks and tokens of destinations, of `auth` and `notify` alone; unset: keys/proofs.key in the data folder, made if absent",
        ),
    ];

    fn check(&self) -> Checked {
        begins("database_url", self.database_url.as_deref(), &["sqlite:", "mysql://"])?;
        begins("blobs_url", self.blobs_url.as_deref(), &["file:", "mongodb://", "mongodb+srv://"])?;
        begins("public_url", self.public_url.as_deref(), &["http://", "https://"])?;
        let url = self.database_url.as_deref().unwrap_or_default();
        match &self.database_ca_file {
            Some(_) if !url.starts_with("mysql:") => {
                Err(("database_ca_file", "is set, but DATABASE_URL is no mysql://".into()))
            }
            Some(_) if url.contains("ssl-ca=") => {
                Err(("database_ca_file", "is set, and ssl-ca in DATABASE_URL too".into()))
            }
            _ => Ok(()),
        }
    }
}

fn begins(field: &'static str, value: Option<&str>, schemes: &[&str]) -> Checked {
    match value {
        Some(url) if !schemes.iter().any(|scheme| url.starts_with(scheme)) => {
            Err((field, format!("expected {}...", schemes.join("... or "))))
        }
        _ => Ok(()),
    }
}

impl PartsConfig {
    /// The database's URL, with [`PartsConfig::database_ca_file`] as its option `ssl-ca`.
    ///
    /// # Errors
    /// [`Missing`] if there is none.
    pub fn database(&self) -> Result<String, Missing> {
        let url = required("DATABASE_URL", &self.database_url)?;
        Ok(match &self.database_ca_file {
            None => url.to_owned(),
            Some(file) => {
                let first = if url.contains('?') { '&' } else { '?' };
                format!("{url}{first}ssl-ca={}", utf8_percent_encode(file, NON_ALPHANUMERIC))
            }
        })
    }
}

/// A variable that this function can't do without.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not set")]
pub struct Missing(&'static str);

/// The value of a variable that must be set.
///
/// # Errors
/// [`Missing`], with the variable's name.
pub fn required<'a>(name: &'static str, value: &'a Option<String>) -> Result<&'a str, Missing> {
    value.as_deref().ok_or(Missing(name))
}

/// `PORT`, as Knative sets it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
struct PortConfig {
    port: u16,
}

impl Default for PortConfig {
    fn default() -> Self {
        Self { port: 8080 }
    }
}

impl Config for PortConfig {
    const PREFIX: &'static str = "";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[("port", "the port to listen on")];
}

/// A process that listens, logs, and knows when to end.
pub struct Service {
    /// Bound to `PORT`; 0 takes a free one.
    pub listener: TcpListener,
    /// Ends with SIGTERM.
    pub shutdown: CancellationToken,
    /// How to serve.
    pub config: ServeConfig,
    /// Where the parts are.
    pub parts: PartsConfig,
    /// What runs beside the HTTP server.
    pub tasks: Tasks,
    /// Where metrics are served.
    pub metrics: MetricsConfig,
    /// Where metrics are pushed.
    pub push: Option<Push>,
    /// What a scrape or a push asks the stores for.
    pub ask: Option<Ask>,
}

impl Service {
    /// Reads the environment, starts logging and traces, listens on all addresses. `function` names the process in traces.
    ///
    /// # Errors
    /// A variable that can't be read, or a port that is taken.
    pub async fn start(function: &str) -> Result<Self, Box<dyn Error>> {
        give_memory_back();
        let log = LogConfig::from_env();
        // What is wrong with it must be said somewhere.
        start_logging(log.as_ref().unwrap_or(&LogConfig::default()));
        log?;
        let (traces, name) = (TracesConfig::from_env()?, format!("tapedeck-{function}"));
        start_traces(&traces, &name)?;
        let push = Push::new(&PushConfig::from_env()?, &traces, &name)?;
        let listener = listen(PortConfig::from_env()?.port).await?;
        tracing::info!(address = %listener.local_addr()?, "listening");
        let (config, parts) = (ServeConfig::from_env()?, PartsConfig::from_env()?);
        let metrics = MetricsConfig::from_env()?;
        Ok(Self { config, parts, metrics, push, ..Self::on(listener, shutdown_signal()?) })
    }

    /// Without an environment: serves on `listener` until `shutdown`, by the defaults.
    #[must_use]
    pub fn on(listener: TcpListener, shutdown: CancellationToken) -> Self {
        Self {
            listener,
            tasks: Tasks::until(shutdown.clone()),
            shutdown,
            config: ServeConfig::default(),
            parts: PartsConfig::default(),
            metrics: MetricsConfig::default(),
            push: None,
            ask: None,
        }
    }

    /// Starts to record metrics: for a process that serves nothing. [`Service::serve`] does it by itself.
    ///
    /// # Errors
    /// As [`MetricsError`] says.
    pub async fn start_metrics(&mut self) -> Result<(), MetricsError> {
        start_metrics(&self.metrics, self.push.take(), self.ask.take(), &mut self.tasks).await
    }

    /// Serves these routes until the end.
    ///
    /// # Errors
    /// If the listener fails, or a task ended before the process.
    pub async fn serve(mut self, routes: Router) -> Result<(), Box<dyn Error>> {
        self.start_metrics().await?;
        let router = http_router(routes, self.shutdown.clone());
        serve_with(self.listener, router, &self.config, self.tasks, self.shutdown).await
    }
}

/// Listens on all addresses; a machine without IPv6 gets IPv4.
///
/// # Errors
/// If the port can't be had.
pub async fn listen(port: u16) -> io::Result<TcpListener> {
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await,
    }
}

/// Sends the metrics and spans that have not been sent yet, at the end of a process and before that of the async runtime. It
/// blocks its thread, for 5 seconds at the most.
pub fn flush_telemetry() {
    let metrics = last_push();
    flush_traces();
    if let Some(metrics) = metrics {
        metrics.wait();
    }
}

/// The end of a `main`, before the end of the async runtime.
#[must_use]
pub fn ended(result: Result<(), Box<dyn Error>>) -> ExitCode {
    flush_telemetry();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "fatal error");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificate_authority_becomes_an_option_of_the_url() {
        let parts = |url: &str| PartsConfig {
            database_url: Some(url.into()),
            database_ca_file: Some("/etc/my ca.pem".into()),
            ..PartsConfig::default()
        };
        assert_eq!(parts("mysql://h/d").database().unwrap(), "mysql://h/d?ssl-ca=%2Fetc%2Fmy%20ca%2Epem");
        assert_eq!(
            parts("mysql://h/d?a=b").database().unwrap(),
            "mysql://h/d?a=b&ssl-ca=%2Fetc%2Fmy%20ca%2Epem"
        );
        assert_eq!(PartsConfig::default().database().unwrap_err().to_string(), "DATABASE_URL is not set");
    }
}
