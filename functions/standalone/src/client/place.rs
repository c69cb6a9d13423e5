//! Which server, and the folder that is ours.

use std::path::{Path, PathBuf};

use clap::Args;
use runtime::Config;
use serde::{Deserialize, Serialize};
use url::Url;

use super::Error;

/// The server.
#[derive(Args, Clone)]
pub(crate) struct ServerOptions {
    /// The server's address, as `https://tapedeck.example.org`; if nothing is said, the one of the latest log-in.
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
}

/// Our part of the environment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Environment {
    pub(crate) home: String,
    pub(crate) xdg_config_home: String,
    pub(crate) tapedeck_server: String,
    pub(crate) tapedeck_key: String,
    pub(crate) tapedeck_ca_file: String,
}

impl Config for Environment {
    const PREFIX: &'static str = "";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        ("home", "the user's folder"),
        ("xdg_config_home", "the user's folder for configuration"),
        ("tapedeck_server", "the server's address"),
        ("tapedeck_key", "an API key, instead of a log-in"),
        ("tapedeck_ca_file", "certificates (PEM) to trust besides those of this machine"),
    ];
}

impl Environment {
    pub(crate) fn read() -> Result<Self, Error> {
        Self::from_env().map_err(|error| Error::Usage(error.to_string()))
    }

    /// `tapedeck` in the user's folder for configuration.
    pub(crate) fn folder(&self) -> Result<PathBuf, Error> {
        let base = match (self.xdg_config_home.as_str(), self.home.as_str()) {
            ("", "") => {
                return Err(Error::Usage("HOME is not set, so there is no place for a log-in".into()));
            }
            ("", home) => Path::new(home).join(".config"),
            (folder, _) => PathBuf::from(folder),
        };
        Ok(base.join("tapedeck"))
    }
}

/// An address as somebody types it.
pub(crate) fn address(text: &str) -> Result<Url, Error> {
    let text = text.trim_end_matches('/');
    let whole = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = whole.parse::<Url>().ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| Error::Usage(format!("{text} is no address, as https://tapedeck.example.org")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_typed_without_its_scheme_and_with_a_slash_behind() {
        for (typed, url) in [
            ("tapedeck.example.org/", "https://tapedeck.example.org/"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
            ("https://example.org/tapedeck/", "https://example.org/tapedeck"),
        ] {
            assert_eq!(address(typed).unwrap().as_str(), url);
        }
        assert!(address("ftp://example.org").is_err() && address("").is_err());
    }
}
