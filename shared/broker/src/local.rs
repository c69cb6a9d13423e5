//! The local broker: one lane per event type takes due rows from the outbox and hands them to the handler.

use std::{collections::HashMap, num::NonZero, time::Duration};

use contracts::{Envelope, Event as _, Timestamp, VideoUploaded};
use db::{Db, Pending};
use runtime::{CancellationToken, Config, Failure, Function};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::watch,
    task::{Id, JoinError, JoinSet},
};

use crate::Broker;

/// How to deliver.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct LocalConfig {
    /// Conversions at once; 0 means one per core.
    pub workers: usize,
    /// Deliveries of an event before it is a dead letter.
    pub max_deliveries: u32,
    /// Seconds until the second delivery; doubled for each further one, up to five minutes.
    pub retry_seconds: u64,
    /// Seconds that handlers in hand get to finish after SIGTERM.
    pub drain_seconds: u64,
}

impl Default for LocalConfig {
    fn default() -> Self {
        Self { workers: 0, max_deliveries: 15, retry_seconds: 1, drain_seconds: 20 }
    }
}

impl Config for LocalConfig {
    const PREFIX: &'static str = "LOCAL_";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        ("workers", "conversions at once; 0 means one per core"),
        ("max_deliveries", "deliveries of an event before it becomes a dead letter"),
        ("retry_seconds", "seconds until the second delivery, doubled for each further one up to 5 minutes"),
        ("drain_seconds", "seconds that event handlers in hand get to finish after SIGTERM"),
    ];
}

/// Mails and the like at once, per event type.
const LANE_WIDTH: usize = 4;
/// How long a lane sleeps at the most when nobody wakes it.
const IDLE: Duration = Duration::from_secs(10);
/// Longest pause between two deliveries.
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// The local broker of one process.
#[derive(Debug)]
pub struct Local {
    db: Db,
    config: LocalConfig,
    wake: watch::Sender<()>,
}

impl Local {
    /// A broker over the outbox of `db`. Nothing is delivered before [`Local::run`].
    #[must_use]
    pub fn new(db: Db, config: LocalConfig) -> Self {
        Self { db, config, wake: watch::Sender::new(()) }
    }

    /// The publishing side, for the functions.
    #[must_use]
    pub fn broker(&self) -> Broker {
        Broker::local(self.wake.clone())
    }

    /// Delivers to `function` until `shutdown`, then lets the handlers in hand finish.
    pub async fn run(self, function: Function, shutdown: CancellationToken) {
        let mut lanes = JoinSet::new();
        for kind in function.event_types() {
            let lane = Lane {
                kind,
                width: self.width(kind),
                db: self.db.clone(),
                config: self.config.clone(),
                function: function.clone(),
                wake: self.wake.clone(),
                in_hand: JoinSet::new(),
                events: HashMap::new(),
            };
            lanes.spawn(lane.run(shutdown.clone()));
        }
        lanes.join_all().await;
    }

    fn width(&self, kind: &str) -> usize {
        match (kind, self.config.workers) {
            (VideoUploaded::TYPE, 0) => std::thread::available_parallelism().map_or(1, NonZero::get),
            (VideoUploaded::TYPE, workers) => workers,
            _ => LANE_WIDTH,
        }
    }
}

struct Lane {
    kind: &'static str,
    width: usize,
    db: Db,
    config: LocalConfig,
    function: Function,
    wake: watch::Sender<()>,
    in_hand: JoinSet<Result<Vec<Envelope>, Failure>>,
    /// The events of the tasks in hand.
    events: HashMap<Id, Pending>,
}

impl Lane {
    async fn run(mut self, shutdown: CancellationToken) {
        let mut woken = self.wake.subscribe();
        while !shutdown.is_cancelled() {
            woken.mark_unchanged();
            if let Err(error) = self.take_due().await {
                tracing::warn!(kind = self.kind, %error, "the outbox can't be read");
            }
            let pause = self.pause().await;
            tokio::select! {
                () = shutdown.cancelled() => {}
                _ = woken.changed() => {}
                () = tokio::time::sleep(pause) => {}
                Some(ended) = self.in_hand.join_next_with_id() => self.settle(ended).await,
            }
        }
        self.drain().await;
    }

    async fn take_due(&mut self) -> db::Result<()> {
        let free = self.width.saturating_sub(self.in_hand.len());
        if free == 0 {
            return Ok(());
        }
        let in_hand: Vec<String> = self.events.values().map(|pending| pending.envelope.id.clone()).collect();
        for pending in self.db.due_events(self.kind, u32::try_from(free).unwrap_or(1), &in_hand).await? {
            let (function, envelope) = (self.function.clone(), pending.envelope.clone());
            let task = self.in_hand.spawn(async move { function.deliver(envelope).await });
            self.events.insert(task.id(), pending);
        }
        Ok(())
    }

    /// Until the next row is due. A full lane is woken by its own tasks.
    async fn pause(&self) -> Duration {
        let Ok(Some(due)) = self.db.next_due().await else { return IDLE };
        let millis = u64::try_from(due.millis() - Timestamp::now().millis()).unwrap_or(0);
        Duration::from_millis(millis + 1).min(IDLE)
    }

    async fn settle(&mut self, ended: Result<(Id, Result<Vec<Envelope>, Failure>), JoinError>) {
        let (id, outcome) = match ended {
            Ok(ended) => ended,
            Err(panic) => (panic.id(), Err(Failure::Retry(format!("the handler panicked: {panic}")))),
        };
        let Some(pending) = self.events.remove(&id) else { return };
        if let Err(error) = self.note(&pending, outcome).await {
            // The row stays as it was: the event is delivered again.
            tracing::warn!(event = %pending.envelope.id, %error, "the outcome of a delivery can't be noted");
        }
    }

    async fn note(&self, pending: &Pending, outcome: Result<Vec<Envelope>, Failure>) -> db::Result<()> {
        let id = &pending.envelope.id;
        match outcome {
            Ok(replies) => {
                self.db.event_sent(id).await?;
                if !replies.is_empty() {
                    self.wake.send_replace(());
                }
                Ok(())
            }
            Err(Failure::Retry(cause)) if pending.attempts + 1 < self.config.max_deliveries => {
                tracing::warn!(event = %id, kind = self.kind, attempt = pending.attempts + 1, cause, "to be delivered again");
                self.db
                    .event_failed(id, Timestamp::now().after(self.pause_before(pending.attempts)), &cause)
                    .await
            }
            Err(Failure::Retry(cause) | Failure::Reject(cause)) => {
                tracing::error!(event = %id, kind = self.kind, cause, "dead letter");
                self.db.event_dead(id, &cause).await
            }
        }
    }

    fn pause_before(&self, attempts: u32) -> Duration {
        Duration::from_secs(self.config.retry_seconds).saturating_mul(1 << attempts.min(16)).min(MAX_PAUSE)
    }

    async fn drain(mut self) {
        let limit = Duration::from_secs(self.config.drain_seconds);

        let settled = async {
            while let Some(ended) = self.in_hand.join_next_with_id().await {
                self.settle(ended).await;
            }
        };
        if tokio::time::timeout(limit, settled).await.is_err() {
            tracing::warn!(
                kind = self.kind,
                "handlers in hand were cut off; their events are delivered again at the next start"
            );
        }
    }
}

#[cfg(test)]
#[path = "local_tests.rs"]
mod tests;
