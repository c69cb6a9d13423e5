//! The local broker: one consumer per event type claims due outbox rows and delivers them to the subscribers.
//!
//! A row is claimed for half a minute and goes when its event is delivered. One whose process died is due again then; so is
//! one whose handler takes longer: the second delivery then finds the job claimed. How often something is tried stands in the
//! rows of jobs and deliveries, not here.

use std::time::Duration;

use contracts::{ALL_EVENT_TYPES, Envelope, Timestamp, pause_after};
use db::{Db, Pending};
use futures_util::{FutureExt as _, future::BoxFuture};
use runtime::{Call, CancellationToken, Checked, Config, Failure, Function, TaskEnded, Tasks, within};
use serde::{Deserialize, Serialize};
use tokio::task::{JoinError, JoinSet};

use crate::{
    Broker,
    config::DAY,
    wake::{Wake, Woken},
};

/// How to deliver.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct LocalConfig {
    /// Seconds that handlers in hand get to finish after SIGTERM.
    pub drain_seconds: u64,
}

impl Default for LocalConfig {
    fn default() -> Self {
        Self { drain_seconds: 20 }
    }
}

impl Config for LocalConfig {
    const PREFIX: &'static str = "LOCAL_";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] =
        &[("drain_seconds", "seconds that running event handlers get to finish after SIGTERM")];

    fn check(&self) -> Checked {
        within("drain_seconds", &self.drain_seconds, 0..=DAY)
    }
}

/// How long others are kept away from an event in hand.
const CLAIM: Duration = Duration::from_secs(30);
/// How long a consumer sleeps at the most when nobody wakes it.
const IDLE: Duration = Duration::from_secs(10);
/// Longest pause before an event whose handler failed is redelivered.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// How long handlers get to give back what they have in hand, after the drain time.
const RELEASE_TIME: Duration = Duration::from_secs(5);
/// The pause after the outbox could not be read.
const ERROR_PAUSE: Duration = Duration::from_secs(1);
/// How often events without a subscriber are removed.
const DROP: Duration = Duration::from_millis(200);

/// The local broker of one process.
#[derive(Debug)]
pub struct Local {
    db: Db,
    config: LocalConfig,
    wake: Wake,
}

impl Local {
    /// A broker over the outbox of `db`. Nothing is delivered before [`Local::run`].
    #[must_use]
    pub fn new(db: Db, config: LocalConfig) -> Self {
        Self { db, config, wake: Wake::new() }
    }

    /// The publishing side, for the functions.
    #[must_use]
    pub fn broker(&self) -> Broker {
        Broker::local(self.wake.clone())
    }

    /// Delivers to `function` until `shutdown`, then lets the handlers in hand finish.
    ///
    /// # Errors
    /// [`TaskEnded`] if a consumer ended before.
    pub fn run(
        self,
        function: Function,
        shutdown: CancellationToken,
    ) -> BoxFuture<'static, Result<(), TaskEnded>> {
        let function = function.subscriptions();
        async move { self.consumers(&function, &shutdown).ended().await }.boxed()
    }

    fn consumers(&self, function: &Function, shutdown: &CancellationToken) -> Tasks {
        let mut consumers = Tasks::until(shutdown.clone());
        let types = function.event_types();
        let mut without: Vec<&'static str> = ALL_EVENT_TYPES.to_vec();
        without.retain(|kind| !types.contains_key(kind));
        let woken = self.wake.subscribe(&without);
        consumers.spawn(
            "the removal of events without a subscriber",
            drop_events(self.db.clone(), without, woken, shutdown.clone()),
        );
        for (kind, width) in types {
            let consumer = LocalConsumer {
                kind,
                width,
                db: self.db.clone(),
                function: function.clone(),
                woken: self.wake.subscribe(&[kind]),
                wake: self.wake.clone(),
                in_hand: JoinSet::new(),
                end: CancellationToken::new(),
            };
            consumers
                .spawn(kind, consumer.run(shutdown.clone(), Duration::from_secs(self.config.drain_seconds)));
        }
        consumers
    }
}

/// What a broker does with an event that nobody subscribes to.
async fn drop_events(db: Db, kinds: Vec<&'static str>, mut woken: Woken, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        woken.look();
        for kind in &kinds {
            if let Err(error) = db.outbox().drop_kind(kind).await {
                tracing::warn!(kind, %error, "events without a subscriber stay");
            }
        }
        tokio::select! { () = shutdown.cancelled() => {}, () = woken.changed() => {}, () = tokio::time::sleep(IDLE) => {} }
        tokio::select! { () = shutdown.cancelled() => {}, () = tokio::time::sleep(DROP) => {} }
    }
}

struct LocalConsumer {
    kind: &'static str,
    width: usize,
    db: Db,
    function: Function,
    woken: Woken,
    wake: Wake,
    in_hand: JoinSet<(Pending, Result<Vec<Envelope>, Failure>)>,
    /// Tells the handlers to give back what they have in hand.
    end: CancellationToken,
}

impl LocalConsumer {
    async fn run(mut self, shutdown: CancellationToken, drain: Duration) {
        while !shutdown.is_cancelled() {
            self.woken.look();
            let pause = match self.take_due().await {
                Ok(()) => self.pause().await,
                Err(error) => {
                    tracing::warn!(kind = self.kind, %error, "the outbox can't be read");
                    ERROR_PAUSE
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.woken.changed() => {}
                () = tokio::time::sleep(pause) => {}
                Some(ended) = self.in_hand.join_next() => self.settle(ended).await,
            }
        }
        self.drain(drain).await;
    }

    async fn take_due(&mut self) -> db::Result<()> {
        let free = self.width.saturating_sub(self.in_hand.len());
        if free == 0 {
            return Ok(());
        }
        for pending in self.db.outbox().due(self.kind, u32::try_from(free).unwrap_or(1)).await? {
            if self.db.outbox().claim(&pending, CLAIM).await? {
                let function = self.function.clone();
                let call = Call { attempt: pending.attempts + 1, ..Call::until(self.end.clone()) };
                self.in_hand.spawn(async move {
                    let envelope = pending.envelope.clone();
                    // A task of its own, so that a panic is an outcome too.
                    let delivered = tokio::spawn(async move { function.deliver(envelope, call).await }).await;
                    let panicked = |panic| Err(Failure::Reject(format!("the handler panicked: {panic}")));
                    (pending, delivered.unwrap_or_else(panicked))
                });
            }
        }
        Ok(())
    }

    /// Until the next row is due. A full consumer is woken by its own tasks.
    async fn pause(&self) -> Duration {
        let next = self.db.outbox().next_due(self.kind).await;
        let (Ok(Some(due)), Ok(now)) = (next, self.db.now().await) else { return IDLE };
        if self.in_hand.len() >= self.width { IDLE } else { until(due, now).min(IDLE) }
    }

    async fn settle(&mut self, ended: Result<(Pending, Result<Vec<Envelope>, Failure>), JoinError>) {
        let Ok((pending, outcome)) = ended else { return };
        if let Err(error) = self.note(&pending, outcome).await {
            // The row stays as it was: the event is delivered again.
            tracing::warn!(event = %pending.envelope.id, %error, "the event's outcome can't be saved");
        }
    }

    async fn note(&self, pending: &Pending, outcome: Result<Vec<Envelope>, Failure>) -> db::Result<()> {
        let (outbox, id) = (self.db.outbox(), &pending.envelope.id);
        match outcome {
            Ok(replies) => {
                outbox.sent(id).await?;
                replies.iter().for_each(|reply| self.wake.wake(&reply.kind));
                Ok(())
            }
            Err(Failure::Retry(cause)) => {
                let pause = pause_after(pending.attempts + 1).unwrap_or(MAX_PAUSE).min(MAX_PAUSE);
                tracing::warn!(event = %id, kind = self.kind, ?pause, cause, "to be redelivered");
                outbox.failed(id, pause, &cause).await
            }
            Err(Failure::Reject(cause)) => {
                tracing::error!(event = %id, kind = self.kind, cause, "an event can't be handled and is dropped");
                outbox.sent(id).await
            }
        }
    }

    async fn drain(mut self, limit: Duration) {
        if tokio::time::timeout(limit, self.finish()).await.is_err() {
            self.end.cancel();
            if tokio::time::timeout(RELEASE_TIME, self.finish()).await.is_err() {
                tracing::warn!(kind = self.kind, "running handlers were aborted");
            }
        }
    }

    async fn finish(&mut self) {
        while let Some(ended) = self.in_hand.join_next().await {
            self.settle(ended).await;
        }
    }
}

fn until(due: Timestamp, now: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(due.millis() - now.millis()).unwrap_or(0) + 1)
}

#[cfg(test)]
#[path = "local_tests.rs"]
mod tests;
