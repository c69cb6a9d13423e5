//! A function as a process of its own: what its `main` needs before it can open its parts.

use std::{
    error::Error,
    io,
    net::{Ipv6Addr, SocketAddr},
    process::ExitCode,
};

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{Config, Function, LogConfig, ServeConfig, http_router, serve, shutdown_signal, start_logging};

/// Where a function finds its parts. Each function reads those that it needs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "DESCRIPTIONS says it")]
pub struct PartsConfig {
    pub database_url: Option<String>,
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
            "secret for mails of accounts and for webhooks, of `auth` and `notify` alone; unset: keys/proofs.key in the data folder, made if absent",
        ),
    ];
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
#[derive(Debug)]
pub struct Service {
    /// Bound to `PORT`; 0 takes a free one.
    pub listener: TcpListener,
    /// Ends with SIGTERM.
    pub shutdown: CancellationToken,
    /// How to serve.
    pub config: ServeConfig,
    /// Where the parts are.
    pub parts: PartsConfig,
}

impl Service {
    /// Reads the environment, starts logging, listens on all addresses.
    ///
    /// # Errors
    /// A variable that can't be read, or a port that is taken.
    pub async fn start() -> Result<Self, Box<dyn Error>> {
        start_logging(&LogConfig::from_env()?);
        let address = SocketAddr::from((Ipv6Addr::UNSPECIFIED, PortConfig::from_env()?.port));
        let listener = listen(address).await?;
        tracing::info!(address = %listener.local_addr()?, "listening");
        Ok(Self {
            listener,
            shutdown: shutdown_signal()?,
            config: ServeConfig::from_env()?,
            parts: PartsConfig::from_env()?,
        })
    }

    /// Serves a function that hears no events, until the end.
    ///
    /// # Errors
    /// If the listener fails.
    pub async fn serve(self, function: Function) -> io::Result<()> {
        let router = http_router(function.into_parts().0, self.shutdown.clone());
        serve(self.listener, router, &self.config, self.shutdown).await
    }
}

/// A machine without IPv6 gets IPv4.
async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind((std::net::Ipv4Addr::UNSPECIFIED, address.port())).await,
    }
}

/// The end of a `main`.
#[must_use]
pub fn ended(result: Result<(), Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "could not go on");
            ExitCode::FAILURE
        }
    }
}
