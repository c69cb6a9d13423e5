//! Puts right what crashes and outages leave behind, on the clock's ticks. Every handler works by range and may
//! run twice or miss a turn.
//!
//! | event | what it does |
//! |---|---|
//! | `sweep.outbox` | passes on events that nobody published |
//! | `sweep.leases` | takes jobs from dead converters, says again what was said of stuck and untold jobs, forgets dead uploads |
//! | `sweep.retention` | expires audio, removes videos that nobody needs any more and tokens past their time |
//! | `sweep.orphans` | removes blobs that no row names |

mod orphans;
mod retention;

use std::time::Duration;

use blobs::Blobs;
use broker::Broker;
use contracts::{SweepLeases, SweepOutbox, Timestamp};
use db::Db;
use runtime::{Config, Failure, Function, OrFail as _};
use serde::{Deserialize, Serialize};

/// What the function needs.
#[derive(Clone)]
pub struct Sweep {
    /// What is named.
    pub db: Db,
    /// What is stored.
    pub blobs: Blobs,
    /// Who passes events on.
    pub broker: Broker,
    /// After how long.
    pub config: SweepConfig,
}

/// After how long something counts as left behind.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "DESCRIPTIONS says it")]
pub struct SweepConfig {
    pub stuck_seconds: u64,
    pub upload_seconds: u64,
    pub orphan_seconds: u64,
    pub keep_videos_seconds: u64,
}

impl Default for SweepConfig {
    fn default() -> Self {
        Self { stuck_seconds: 900, upload_seconds: 3600, orphan_seconds: 3600, keep_videos_seconds: 86_400 }
    }
}

impl Config for SweepConfig {
    const PREFIX: &'static str = "SWEEP_";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        (
            "stuck_seconds",
            "seconds after which a queued job without an event, or an ended one without a mail, is announced again",
        ),
        ("upload_seconds", "seconds without a sign of life after which an upload counts as dead"),
        ("orphan_seconds", "age in seconds at which a blob that no row names is removed"),
        ("keep_videos_seconds", "seconds that a video is kept after the end of its job, for a retry"),
    ];
}

/// The function.
pub fn function(deps: Sweep) -> Function {
    Function::new()
        .on(deps.clone(), outbox)
        .on(deps.clone(), leases)
        .on(deps.clone(), retention::retention)
        .on(deps, orphans::orphans)
}

async fn outbox(deps: Sweep, _: SweepOutbox) -> Result<(), Failure> {
    deps.broker.publish_pending().await;
    Ok(())
}

async fn leases(deps: Sweep, _: SweepLeases) -> Result<(), Failure> {
    let now = Timestamp::now();
    let taken_back = deps.db.take_back_leases(now).await.or_retry()?;
    let stuck = now.before(seconds(deps.config.stuck_seconds));
    let requeued = deps.db.requeue_stuck_jobs(stuck).await.or_retry()?;
    let announced = deps.db.announce_untold_jobs(stuck).await.or_retry()?;
    let forgotten =
        deps.db.forget_abandoned_uploads(now.before(seconds(deps.config.upload_seconds))).await.or_retry()?;
    if taken_back + requeued + announced > 0 || forgotten > 0 {
        tracing::info!(taken_back, requeued, announced, forgotten, "swept");
        deps.broker.publish_pending().await;
    }
    Ok(())
}

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
