//! Ticks for the sweep, for a process that no PingSource ticks. A tick is no outbox row: the next one comes.

use std::time::Duration;

use contracts::{Envelope, Event, SweepBlobs, SweepDue};
use db::Db;
use runtime::{Call, CancellationToken, Checked, Config, Function, within};
use serde::{Deserialize, Serialize};

use crate::config::DAY;

/// Seconds between the ticks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "DESCRIPTIONS says it")]
pub struct ClockConfig {
    pub due_seconds: u64,
    pub blobs_seconds: u64,
}

impl Default for ClockConfig {
    fn default() -> Self {
        Self { due_seconds: 10, blobs_seconds: 3600 }
    }
}

impl Config for ClockConfig {
    const PREFIX: &'static str = "CLOCK_";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        (
            "due_seconds",
            "longest time between two looks at what is due; a row that says when is looked at then",
        ),
        ("blobs_seconds", "seconds between two walks over the blob store, for blobs that no row names"),
    ];

    fn check(&self) -> Checked {
        within("due_seconds", &self.due_seconds, 1..=3600)?;
        within("blobs_seconds", &self.blobs_seconds, 1..=30 * DAY)
    }
}

/// Shortest time between two looks: what is due and can't be done now must not keep a core busy.
const SHORTEST: Duration = Duration::from_secs(1);

/// Ticks the sweep of `function` until `shutdown`: when a row of `db` becomes due, and the walk in its turn.
pub async fn run_clock(function: Function, db: Db, config: ClockConfig, shutdown: CancellationToken) {
    tokio::join!(
        look_at_due(function.clone(), db.clone(), config.due_seconds, shutdown.clone()),
        walk(function, db, config.blobs_seconds, shutdown),
    );
}

async fn look_at_due(function: Function, db: Db, seconds: u64, shutdown: CancellationToken) {
    let longest = Duration::from_secs(seconds).max(SHORTEST);
    loop {
        let pause = until_due(&db).await.unwrap_or(longest).clamp(SHORTEST, longest);
        tokio::select! { () = shutdown.cancelled() => return, () = tokio::time::sleep(pause) => {} }
        tick::<SweepDue>(&function, &db, &shutdown).await;
    }
}

async fn until_due(db: &Db) -> Option<Duration> {
    let due = db.next_due().await.ok()??;
    let now = db.now().await.ok()?;
    Some(Duration::from_millis(u64::try_from(due.millis() - now.millis()).unwrap_or(0)))
}

async fn walk(function: Function, db: Db, seconds: u64, shutdown: CancellationToken) {
    let pause = Duration::from_secs(seconds).max(SHORTEST);
    loop {
        tokio::select! { () = shutdown.cancelled() => return, () = tokio::time::sleep(pause) => {} }
        tick::<SweepBlobs>(&function, &db, &shutdown).await;
    }
}

async fn tick<E: Event + Default>(function: &Function, db: &Db, shutdown: &CancellationToken) {
    let Ok(envelope) = Envelope::of(&E::default(), db.clock().now()) else { return };
    let (function, call) = (function.clone(), Call::until(shutdown.clone()));
    // A task of its own: a sweep that panics ends no clock.
    match tokio::spawn(async move { function.deliver(envelope, call).await }).await {
        Ok(Ok(_)) => {}
        Ok(Err(failure)) => tracing::warn!(kind = E::TYPE, %failure, "a sweep failed; the next one comes"),
        Err(panic) => tracing::error!(kind = E::TYPE, %panic, "a sweep panicked; the next one comes"),
    }
}
