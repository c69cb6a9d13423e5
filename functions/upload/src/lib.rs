//! Takes a video and makes it a job: `POST /upload`, as a form or as a raw body.
//!
//! 1. `allowance.rs`: may it begin. `create.rs`: the route. Bearer + body stream -> stored video -> one transaction {job, outbox} -> 202.
//! 2. `form.rs` and `raw.rs`: the two ways in. Both end in a [`receive::ReceivedVideo`].
//! 3. `pace.rs`: a body must keep coming.
//! 4. `receive.rs`: first bytes sniffed, the stream stored and digested, a job row that names the blob before its first
//!    byte.
//! 5. `url.rs`: `POST /upload/url`, a video from a link; off unless it is switched on.
//! 6. `tus.rs`: `/uploads`, a video in parts that goes on after a cut.
//! 7. `sniff.rs`: containers by their first bytes. Name and content type from outside are not trusted.
//!
//! Architecture invariants: nothing is held whole (memory per upload stays under 8 MiB whatever its size);
//! a `POST /upload` that does not end in 202 leaves no row and no blob, and if the process dies the sweep sees to that.

mod allowance;
mod create;
mod form;
#[doc(hidden)]
pub mod fuzz;
mod pace;
mod process;
mod raw;
mod receive;
mod refusal;
mod sniff;
mod tus;
mod url;

use std::time::Duration;

use ::url::Url;
use axum::extract::{DefaultBodyLimit, FromRef};
use blobs::Blobs;
use broker::Broker;
use contracts::Trace;
use db::Db;
use identity::Verifier;
use runtime::{Checked, Config, Function, OpenApiRouter, routes, within};
use serde::{Deserialize, Serialize};

use crate::{pace::Pace, url::Links};
pub use process::run;

/// What the function needs.
#[derive(Clone)]
pub struct Upload {
    /// Jobs and outbox.
    pub db: Db,
    /// Where videos go.
    pub blobs: Blobs,
    /// Who passes the event on.
    pub broker: Broker,
    /// Who may upload.
    pub verifier: Verifier,
    /// Limits.
    pub config: UploadConfig,
}

impl Upload {
    /// For a request of this trace: the events that it causes belong to it.
    fn caused_by(self, trace: &Trace) -> Self {
        Self { db: self.db.caused_by(trace), ..self }
    }
}

impl FromRef<Upload> for Verifier {
    fn from_ref(deps: &Upload) -> Self {
        deps.verifier.clone()
    }
}

/// Limits of an upload.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct UploadConfig {
    /// Bytes of the largest video.
    pub max_bytes: u64,
    /// Uploads that one account may begin.
    pub per_hour: u64,
    /// Seconds after which an upload is given up if fewer than `idle_bytes` came in them.
    pub idle_seconds: u64,
    /// Bytes that must come in each `idle_seconds`.
    pub idle_bytes: u64,
    /// Whether videos are fetched from links.
    pub url: bool,
    /// Seconds for a whole video from a link.
    pub url_seconds: u64,
    /// Links fetched at once.
    pub url_at_once: usize,
    /// Ports that links may name, with commas between.
    pub url_ports: String,
    /// Origins that links may name wherever they are, with commas between.
    pub url_trusted: String,
}

impl Default for UploadConfig {
    fn default() -> Self {
        Self {
            max_bytes: 20 * 1024 * 1024 * 1024,
            per_hour: 3000,
            idle_seconds: 60,
            idle_bytes: 64 * 1024,
            url: false,
            // Below the ten minutes that a request may take on Knative.
            url_seconds: 570,
            url_at_once: 8,
            url_ports: "443".into(),
            url_trusted: String::new(),
        }
    }
}

impl Config for UploadConfig {
    const PREFIX: &'static str = "UPLOAD_";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        ("max_bytes", "bytes of the largest video that is taken"),
        ("per_hour", "uploads that one account may begin in an hour; 0: any number"),
        ("idle_seconds", "seconds after which an upload is given up if it hardly moves"),
        ("idle_bytes", "bytes that must come in each UPLOAD_IDLE_SECONDS; fewer is hardly moving"),
        ("url", "`true` lets users upload from links (`POST /upload/url`): `https` at public addresses"),
        ("url_seconds", "seconds in which a video from a link must be here"),
        ("url_at_once", "links that a process fetches at once; at most two of them for one account"),
        ("url_ports", "ports that links may name, with commas between"),
        (
            "url_trusted",
            "origins that links may name though they are private or without TLS, as `http://nas.local:8080`, with commas between",
        ),
    ];

    fn check(&self) -> Checked {
        within("url_at_once", &self.url_at_once, 1..=1000)?;
        for port in listed(&self.url_ports) {
            port.parse::<u16>().map_err(|_| ("url_ports", format!("`{port}` is no port")))?;
        }
        for origin in listed(&self.url_trusted) {
            let url = origin.parse::<Url>().ok().filter(|url| url.origin().is_tuple());
            url.ok_or_else(|| {
                ("url_trusted", format!("`{origin}` is no origin, as `http://nas.local:8080`"))
            })?;
        }
        Ok(())
    }
}

impl UploadConfig {
    fn pace(&self) -> Pace {
        Pace { time: Duration::from_secs(self.idle_seconds), bytes: self.idle_bytes }
    }

    fn ports(&self) -> Vec<u16> {
        listed(&self.url_ports).filter_map(|port| port.parse().ok()).collect()
    }

    fn trusted(&self) -> Vec<Url> {
        listed(&self.url_trusted).filter_map(|origin| origin.parse().ok()).collect()
    }
}

/// What stands between commas.
fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// The function.
pub fn function(deps: Upload) -> Function {
    // `receive.rs` counts: the limit of a video is not that of a JSON body.
    let routes = OpenApiRouter::new().routes(routes!(create::create)).layer(DefaultBodyLimit::disable());
    let links = deps.config.url.then(|| Links::new(&deps.config));
    let links = links.and_then(|links| links.inspect_err(|error| tracing::error!(%error, "no links")).ok());
    let (from_links, in_parts) = (url::routes(deps.clone(), links), tus::routes(deps.clone()));
    Function::new().routes(routes.with_state(deps)).routes(from_links).routes(in_parts)
}
