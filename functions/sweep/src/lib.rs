//! Handles due rows, on the clock's ticks: recovery, retention, removal. Each look asks an index for them and touches
//! nothing that is not due. Every part may run twice or miss a turn.
//!
//! | event | what it does |
//! |---|---|
//! | `sweep.due` | `due.rs`: expired leases, retention, events that nobody published, lost tickets, deliveries, garbage |
//! | `sweep.blobs` | `walk.rs`: compares the blob store with the rows, a part at a time |
//!
//! One call does each at a time: the one that has its lease. `backlog.rs` counts what waits, for metrics.
//!
//! Architecture invariants: it decides nothing by age alone, each change is a compare-and-set on the state that it was decided
//! on; and it sends nothing to users: it makes deliveries due, which are `notify`'s.

mod backlog;
mod due;
mod process;
mod walk;

use std::time::Duration;

use blobs::Blobs;
use broker::Broker;
use db::{Db, Retention};
use runtime::{Checked, Config, Function, within};
use serde::{Deserialize, Serialize};

pub use backlog::backlog;
pub use process::run;

/// What the function needs.
#[derive(Clone)]
pub struct Sweep {
    db: Db,
    blobs: Blobs,
    broker: Broker,
    config: SweepConfig,
}

impl Sweep {
    /// Of its parts.
    #[must_use]
    pub fn new(db: Db, blobs: Blobs, broker: Broker, config: SweepConfig) -> Self {
        Self { db, blobs, broker, config }
    }
}

/// The most days that anything is kept: a hundred years.
const MOST_DAYS: u64 = 36_500;

/// How long things are kept, and when they count as lost.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "DESCRIPTIONS says it")]
pub struct SweepConfig {
    pub ticket_seconds: u64,
    pub orphan_seconds: u64,
    pub keep_videos_seconds: u64,
    pub keep_jobs_days: u64,
    pub keep_deliveries_days: u64,
}

impl Default for SweepConfig {
    fn default() -> Self {
        Self {
            ticket_seconds: 300,
            orphan_seconds: 86_400,
            keep_videos_seconds: 86_400,
            keep_jobs_days: 365,
            keep_deliveries_days: 60,
        }
    }
}

impl Config for SweepConfig {
    const PREFIX: &'static str = "SWEEP_";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        (
            "ticket_seconds",
            "seconds after which tickets for waiting jobs are issued again, if meanwhile no converter has taken a job",
        ),
        ("orphan_seconds", "age in seconds at which a blob that no row names is removed"),
        ("keep_videos_seconds", "seconds that a video is kept after the end of its job, for a retry"),
        ("keep_jobs_days", "days that a job is listed after its end; not before its audio is removed"),
        (
            "keep_deliveries_days",
            "days that a delivery is listed; dead letters stay until somebody drops them",
        ),
    ];

    fn check(&self) -> Checked {
        within("ticket_seconds", &self.ticket_seconds, 1..=86_400)?;
        within("orphan_seconds", &self.orphan_seconds, 0..=MOST_DAYS * 86_400)?;
        within("keep_videos_seconds", &self.keep_videos_seconds, 0..=MOST_DAYS * 86_400)?;
        within("keep_jobs_days", &self.keep_jobs_days, 0..=MOST_DAYS)?;
        within("keep_deliveries_days", &self.keep_deliveries_days, 1..=MOST_DAYS)
    }
}

impl SweepConfig {
    fn retention(&self) -> Retention {
        Retention { videos: Duration::from_secs(self.keep_videos_seconds), jobs: days(self.keep_jobs_days) }
    }
}

fn days(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(86_400))
}

/// How long a lease is: longer than a look or a walk. After a crash nobody looks for as long.
const LEASE: Duration = Duration::from_secs(60);
/// How long one look or walk goes on; the next tick goes on where it ended.
const BUDGET: Duration = Duration::from_secs(45);

/// The function.
pub fn function(deps: Sweep) -> Function {
    Function::new().on(deps.clone(), due::due).on(deps, walk::walk)
}
