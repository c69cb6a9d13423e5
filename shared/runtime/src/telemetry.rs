//! Logs: readable on a terminal, JSON elsewhere. Never an address, a token or a file name.

use std::io::{IsTerminal as _, stderr};

use serde::{Deserialize, Serialize};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use crate::{Checked, Config};

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

    fn check(&self) -> Checked {
        EnvFilter::try_new(&self.filter).map_err(|error| ("filter", error.to_string()))?;
        // The name of a crate alone would be taken for "all of it, and nothing else": a misspelt level logs nothing.
        let words = self.filter.split(',').map(str::trim).filter(|word| !word.contains(['=', '[']));
        if let Some(word) = words.into_iter().find(|word| word.parse::<LevelFilter>().is_err()) {
            return Err(("filter", format!("`{word}` is no level: expected {EXPECTED}")));
        }
        if !["text", "json", "auto"].contains(&self.format.as_str()) {
            return Err(("format", format!("`{}` is none of text, json, auto", self.format)));
        }
        Ok(())
    }
}

const EXPECTED: &str = "off, error, warn, info, debug or trace, for one crate as convert=debug";

/// Starts logging to stderr. Call it once, first.
pub fn start_logging(config: &LogConfig) {
    let logs = tracing_subscriber::fmt().with_writer(stderr).with_env_filter(EnvFilter::new(&config.filter));
    let text = config.format == "text" || (config.format == "auto" && stderr().is_terminal());
    // A second start (tests) keeps the first.
    let _ = if text { logs.with_target(false).try_init() } else { logs.json().try_init() };
}
