//! Logs: readable on a terminal, JSON elsewhere. Never an address, a token or a file name.

use std::io::{IsTerminal as _, stderr};

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use crate::Config;

/// How to log.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct LogConfig {
    /// Which lines, as tracing-subscriber's `EnvFilter` writes it.
    pub filter: String,
    /// `text`, `json`, or `auto`: text on a terminal, else JSON.
    pub format: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { filter: "info".into(), format: "auto".into() }
    }
}

impl Config for LogConfig {
    const PREFIX: &'static str = "LOG_";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        ("filter", "which lines are logged, as `info` or `info,convert=debug`"),
        ("format", "`text`, `json`, or `auto`: text on a terminal, else JSON"),
    ];
}

/// Starts logging to stderr. Call it once, first.
pub fn start_logging(config: &LogConfig) {
    let filter = EnvFilter::try_new(&config.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt().with_writer(stderr).with_env_filter(filter);
    let text = config.format == "text" || (config.format == "auto" && stderr().is_terminal());
    // A second start (tests) keeps the first.
    let _ = if text { logs.with_target(false).try_init() } else { logs.json().try_init() };
}
