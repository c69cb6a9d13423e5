//! Ticks for the sweeps, for a process that no PingSource ticks. A tick is no outbox row: the next one comes.

use std::time::Duration;

use contracts::{Envelope, Event, SweepLeases, SweepOrphans, SweepOutbox, SweepRetention};
use runtime::{CancellationToken, Config, Function};
use serde::{Deserialize, Serialize};
use tokio::{task::JoinSet, time::MissedTickBehavior};

/// Seconds between the ticks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "DESCRIPTIONS says it")]
pub struct ClockConfig {
    pub outbox_seconds: u64,
    pub leases_seconds: u64,
    pub retention_seconds: u64,
    pub orphans_seconds: u64,
}

impl Default for ClockConfig {
    fn default() -> Self {
        Self { outbox_seconds: 60, leases_seconds: 30, retention_seconds: 600, orphans_seconds: 3600 }
    }
}

impl Config for ClockConfig {
    const PREFIX: &'static str = "CLOCK_";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        ("outbox_seconds", "seconds between two sweeps for unpublished events"),
        ("leases_seconds", "seconds between two sweeps for dead converters and uploads"),
        ("retention_seconds", "seconds between two sweeps for audio past its retention"),
        ("orphans_seconds", "seconds between two sweeps for blobs that no row names"),
    ];
}

/// Ticks the sweeps of `function` until `shutdown`.
pub async fn run_clock(function: Function, config: ClockConfig, shutdown: CancellationToken) {
    let mut ticks = JoinSet::new();
    ticks.spawn(tick::<SweepOutbox>(function.clone(), config.outbox_seconds, shutdown.clone()));
    ticks.spawn(tick::<SweepLeases>(function.clone(), config.leases_seconds, shutdown.clone()));
    ticks.spawn(tick::<SweepRetention>(function.clone(), config.retention_seconds, shutdown.clone()));
    ticks.spawn(tick::<SweepOrphans>(function, config.orphans_seconds, shutdown));
    ticks.join_all().await;
}

async fn tick<E: Event + Default>(function: Function, seconds: u64, shutdown: CancellationToken) {
    let mut interval = tokio::time::interval(Duration::from_secs(seconds.max(1)));
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick of an interval comes at once; the start of the process has swept already.
    interval.tick().await;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = interval.tick() => {}
        }
        let Ok(envelope) = Envelope::of(&E::default()) else { return };
        if let Err(failure) = function.deliver(envelope).await {
            tracing::warn!(kind = E::TYPE, %failure, "a sweep failed; the next one comes");
        }
    }
}
