//! Takes a video and makes it a job: `POST /upload`, as a form or as a raw body.
//!
//! 1. `create.rs`: the route. Bearer + body stream -> stored video -> one transaction {job, outbox} -> 202.
//! 2. `form.rs` and `raw.rs`: the two ways in. Both end in a [`receive::Arrival`].
//! 3. `pace.rs`: a body must keep coming.
//! 4. `receive.rs`: first bytes sniffed, the stream stored and digested, a job row that names the blob before its first
//!    byte.
//! 5. `sniff.rs`: containers by their first bytes. Name and content type from outside are not trusted.
//!
//! Architecture invariants: nothing is held whole (memory per upload stays under 8 MiB whatever its size);
//! an upload that does not end in 202 leaves no row and no blob, and if the process dies the sweep sees to that.

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

use std::time::Duration;

use axum::extract::{DefaultBodyLimit, FromRef};
use blobs::Blobs;
use broker::Broker;
use db::Db;
use identity::Verifier;
use runtime::{Config, Function, OpenApiRouter, routes};
use serde::{Deserialize, Serialize};

use crate::pace::Pace;
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
    /// Seconds after which an upload is given up if fewer than `idle_bytes` came in them.
    pub idle_seconds: u64,
    /// Bytes that must come in each `idle_seconds`.
    pub idle_bytes: u64,
}

impl Default for UploadConfig {
    fn default() -> Self {
        Self { max_bytes: 20 * 1024 * 1024 * 1024, idle_seconds: 60, idle_bytes: 64 * 1024 }
    }
}

impl Config for UploadConfig {
    const PREFIX: &'static str = "UPLOAD_";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        ("max_bytes", "bytes of the largest video that is taken"),
        ("idle_seconds", "seconds after which an upload is given up if it hardly moves"),
        ("idle_bytes", "bytes that must come in each UPLOAD_IDLE_SECONDS; fewer is hardly moving"),
    ];
}

impl UploadConfig {
    fn pace(&self) -> Pace {
        Pace { time: Duration::from_secs(self.idle_seconds), bytes: self.idle_bytes }
    }
}

/// The function.
pub fn function(deps: Upload) -> Function {
    // `receive.rs` counts: the limit of a video is not that of a JSON body.
    let routes = OpenApiRouter::new().routes(routes!(create::create)).layer(DefaultBodyLimit::disable());
    Function::new().routes(routes.with_state(deps))
}
