//! Where the other functions are, when each is a process of its own.

use runtime::Config;
use serde::{Deserialize, Serialize};

/// Addresses of the functions, as `http://HOST[:PORT]`. An empty one means: not served here.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct GatewayConfig {
    /// Of `auth`.
    pub auth_url: String,
    /// Of `upload`.
    pub upload_url: String,
    /// Of `jobs`.
    pub jobs_url: String,
    /// Of `download`.
    pub download_url: String,
    /// Whether a proxy before this one says the truth about the client.
    pub trust_forwarded: bool,
    /// Requests from one address to one process.
    pub requests_per_minute: u64,
    /// Seconds for the head of an answer, counted from the last byte of the request.
    pub answer_seconds: u64,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        let [auth_url, upload_url, jobs_url, download_url] = Default::default();
        // A long poll is answered after 60 seconds at the latest.
        Self {
            auth_url,
            upload_url,
            jobs_url,
            download_url,
            trust_forwarded: false,
            requests_per_minute: 6000,
            answer_seconds: 100,
        }
    }
}

impl Config for GatewayConfig {
    const PREFIX: &'static str = "GATEWAY_";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        ("auth_url", "address of the function auth, as `http://auth`"),
        ("upload_url", "address of the function upload"),
        ("jobs_url", "address of the function jobs"),
        ("download_url", "address of the function download"),
        (
            "trust_forwarded",
            "whether a proxy stands before the gateway (or before `tapedeck serve`): its `X-Forwarded-*` are kept, and limits count by the client that they name",
        ),
        (
            "requests_per_minute",
            "requests that one address (IPv6: a /64) may send in a minute to each process of the gateway, or to `tapedeck serve`; 0: any number",
        ),
        ("answer_seconds", "seconds that a function may be silent before the head of its answer"),
    ];
}
