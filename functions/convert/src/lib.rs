//! Makes audio of a video: `VideoUploaded` -> `AudioReady` | `ConversionFailed`.
//!
//! - `main.rs`: the roles of its own processes. `intake.rs`: event -> work queue, on Knative.
//! - `convert.rs`: the handler. Claim the job, convert under its lease, settle the outcome.
//! - `cache.rs`: an earlier result of the same owner, instead of a conversion.
//! - `lease.rs`: the heartbeat. Whoever loses the lease stops.
//! - `run.rs`: blob -> engine -> blob. `produce.rs`: the engine, with the job's options. `zip.rs`: a result in parts.
//! - `outcome.rs`: what each end of a conversion means for the job: done, failed, or try again.
//!
//! Idempotent: the job is claimed by compare-and-set, each attempt writes to an audio id of its own, and `done` is
//! set only while the lease is still ours.

mod cache;
mod convert;
mod intake;
mod lease;
mod outcome;
mod produce;
mod run;
mod zip;

use std::time::Duration;

use blobs::Blobs;
use db::Db;
use media::Engine;
use runtime::{Config, Function};
use serde::{Deserialize, Serialize};

pub use intake::intake;
pub use produce::produce;

/// What the function needs.
#[derive(Clone)]
pub struct Convert {
    /// Jobs.
    pub db: Db,
    /// Videos in, audios out.
    pub blobs: Blobs,
    /// The conversion engine.
    pub engine: Engine,
    /// Limits.
    pub config: ConvertConfig,
}

/// How to convert.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ConvertConfig {
    /// Seconds after which a converter that gives no sign of life has lost its job.
    pub lease_seconds: u64,
    /// Days that audio is kept.
    pub keep_days: u64,
}

impl Default for ConvertConfig {
    fn default() -> Self {
        Self { lease_seconds: 30, keep_days: 30 }
    }
}

impl Config for ConvertConfig {
    const PREFIX: &'static str = "CONVERT_";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        ("lease_seconds", "seconds after which a converter that gives no sign of life has lost its job"),
        ("keep_days", "days that audio is kept"),
    ];
}

impl ConvertConfig {
    pub(crate) fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds)
    }

    pub(crate) fn keep(&self) -> Duration {
        Duration::from_secs(self.keep_days * 86_400)
    }
}

/// The function.
pub fn function(deps: Convert) -> Function {
    Function::new().on(deps, convert::convert)
}
