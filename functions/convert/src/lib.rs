//! Makes audio of a video: `VideoUploaded` -> `AudioReady` | `ConversionFailed`. Start with `convert.rs`.
//!
//! - `process.rs`: the roles of its own processes. `intake.rs`: event -> queue of tickets, on Knative.
//! - `convert.rs`: the handler. Claim the fairest waiting job, convert under its lease, settle the outcome.
//! - `cache.rs`: an earlier result of the same owner, instead of a conversion.
//! - `lease.rs`: the heartbeat. Without lease or progress the attempt stops.
//! - `run.rs`: blob -> engine -> blob. `produce.rs`: the engine, with the job's options. `zip.rs`: a result in parts.
//! - `outcome.rs`: what each end of a conversion means for the job: done, failed, or try again.
//!
//! Architecture invariant: this process never parses a byte of a video; [`media`]'s sandboxed worker does.
//!
//! Idempotent: the job is claimed by compare-and-set, each attempt writes to an audio id of its own, and `done` is
//! set only while the lease is still ours.

mod allowance;
mod cache;
mod convert;
mod intake;
mod lease;
mod outcome;
mod process;
mod produce;
mod run;
mod zip;

use std::{num::NonZero, time::Duration};

use blobs::Blobs;
use db::Db;
use media::Engine;
use runtime::{Checked, Config, Function, within};
use serde::{Deserialize, Serialize};

pub use intake::intake;
pub use process::{Role, run};
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
    /// Seconds without a heartbeat after which a converter loses its job.
    pub lease_seconds: u64,
    /// Seconds without progress after which an attempt is given up.
    pub stall_seconds: u64,
    /// Days that audio is kept.
    pub keep_days: u64,
    /// Conversions at once in a process that does everything; 0 means one per core.
    pub workers: usize,
}

impl Default for ConvertConfig {
    fn default() -> Self {
        Self { lease_seconds: 30, stall_seconds: 600, keep_days: 30, workers: 0 }
    }
}

impl Config for ConvertConfig {
    const PREFIX: &'static str = "CONVERT_";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        ("lease_seconds", "seconds without a heartbeat after which a converter has lost its job"),
        ("stall_seconds", "seconds without progress after which an attempt is given up"),
        ("keep_days", "days that audio is kept"),
        (
            "workers",
            "conversions at once in `tapedeck serve`; 0 means one per core. A process of its own does one at a time",
        ),
    ];

    fn check(&self) -> Checked {
        within("lease_seconds", &self.lease_seconds, 3..=86_400)?;
        within("stall_seconds", &self.stall_seconds, 10..=86_400)?;
        within("keep_days", &self.keep_days, 0..=36_500)?;
        within("workers", &self.workers, 0..=1000)
    }
}

impl ConvertConfig {
    pub(crate) fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds)
    }

    pub(crate) fn stall(&self) -> Duration {
        Duration::from_secs(self.stall_seconds)
    }

    pub(crate) fn keep(&self) -> Duration {
        Duration::from_secs(self.keep_days.saturating_mul(86_400))
    }

    fn at_once(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, NonZero::get),
            workers => workers,
        }
    }
}

/// The function.
pub fn function(deps: Convert) -> Function {
    let at_once = deps.config.at_once();
    Function::new().on(deps, convert::convert).at_once(at_once)
}
