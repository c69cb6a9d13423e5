//! Ticks for the sweep, for a process that no PingSource ticks. A tick is no outbox row: the next one comes.

use std::time::Duration;

use contracts::{Envelope, Event, SweepBlobs, SweepDue};
use db::Db;
use futures_util::{FutureExt as _, future::BoxFuture};
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
pub fn run_clock(
    function: Function,
    db: Db,
    config: ClockConfig,
    shutdown: CancellationToken,
) -> BoxFuture<'static, ()> {
    let function = function.subscriptions();
    let both = async move {
        tokio::join!(
            look_at_due(function.clone(), db.clone(), config.due_seconds, shutdown.clone()),
            walk(function, db, config.blobs_seconds, shutdown),
        );
    };
    both.boxed()
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

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use runtime::Context;

    use super::*;

    fn refused(name: &str, value: &str) -> String {
        let set = [(name.to_owned(), value.to_owned())];
        ClockConfig::from_variables(set.into_iter()).unwrap_err().to_string()
    }

    #[test]
    fn times_that_can_not_be_meant_are_refused() {
        assert!(refused("CLOCK_DUE_SECONDS", "0").starts_with("CLOCK_DUE_SECONDS: 0 is not"));
        assert!(refused("CLOCK_BLOBS_SECONDS", "0").starts_with("CLOCK_BLOBS_SECONDS: 0 is not"));
        assert!(refused("CLOCK_DUE_SECONDS", "3601").starts_with("CLOCK_DUE_SECONDS: 3601 is not"));
    }

    #[tokio::test]
    async fn a_sweep_that_panics_is_ticked_again_and_so_is_its_neighbour() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite:{}", folder.path().join("db").display()), 2).unwrap();
        db.migrate().await.unwrap();
        let (due, blobs) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let function = Function::new()
            .on(due.clone(), |due: Context<Arc<AtomicUsize>>, _: SweepDue| async move {
                assert!(due.fetch_add(1, Ordering::SeqCst) > 0, "the first time");
                Ok(())
            })
            .on(blobs.clone(), |blobs: Context<Arc<AtomicUsize>>, _: SweepBlobs| async move {
                blobs.fetch_add(1, Ordering::SeqCst);
                Ok(())
            });
        let config = ClockConfig { due_seconds: 1, blobs_seconds: 1 };
        let shutdown = CancellationToken::new();
        let clock = tokio::spawn(run_clock(function, db, config, shutdown.clone()));
        while due.load(Ordering::SeqCst) < 2 || blobs.load(Ordering::SeqCst) < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        shutdown.cancel();
        clock.await.unwrap();
    }
}
