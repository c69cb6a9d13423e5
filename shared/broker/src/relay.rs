//! From the outbox to the wire. A row goes when the broker has confirmed its event.
//!
//! Whoever commits an event publishes it at once; the sweep publishes what is left over after a while. A row is claimed
//! first, so that two sweeps don't publish it twice; if it happens all the same, the event travels twice under one id, and
//! handlers are idempotent.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use contracts::{Envelope, SUBSCRIBED_EVENT_TYPES, Timestamp, Trace, pause_after};
use db::{Db, Pending};
use futures_util::{StreamExt as _, stream};
use runtime::Traced;

use crate::{Error, amqp::publisher::Publisher, knative::Sink};

/// An event that was committed so long ago was not published by who committed it.
const GRACE: Duration = Duration::from_secs(10);
/// How long others are kept away from an event that is being published.
const CLAIM: Duration = Duration::from_secs(60);
/// Rows read at once, and how many of them are on the wire at once.
const BATCH: u32 = 200;
const AT_ONCE: usize = 16;

/// Publishes rows of the outbox.
pub(crate) struct Relay {
    pub(crate) db: Db,
    pub(crate) wire: Wire,
}

pub(crate) enum Wire {
    Amqp(Box<Publisher>),
    Knative(Sink),
}

impl Relay {
    /// See [`crate::Broker::connect_ahead`].
    pub(crate) async fn connect_ahead(&self) {
        let wire = async {
            if let Wire::Amqp(publisher) = &self.wire {
                publisher.connect_ahead().await;
            }
        };
        let (Ok(()) | Err(_), ()) = tokio::join!(self.db.ping(), wire);
    }

    /// One event that was just committed. If it fails the row stays for the sweep.
    pub(crate) async fn publish(&self, envelope: &Envelope) {
        let id = &envelope.id;
        match self.send(envelope).await {
            Ok(()) => self.remove(id).await,
            Err(error) => tracing::warn!(event = %id, kind = %envelope.kind, %error, "publish failed"),
        }
    }

    /// What is left over, the longest due first, until nothing is left, the broker goes away, or this future is dropped.
    pub(crate) async fn publish_pending(&self) {
        loop {
            match self.publish_batch().await {
                Ok(BATCH) => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(%error, "the outbox can't be published now");
                    return;
                }
            }
        }
    }

    /// Returns how many were due. Once the broker is away nothing more is begun.
    async fn publish_batch(&self) -> Result<u32, Error> {
        let due = self.db.outbox().unpublished(GRACE, BATCH).await.map_err(away)?;
        let count = u32::try_from(due.len()).unwrap_or(BATCH);
        let outage = AtomicBool::new(false);
        let mut published =
            stream::iter(due).map(|pending| self.publish_again(pending, &outage)).buffer_unordered(AT_ONCE);
        let mut result = Ok(count);
        while let Some(outcome) = published.next().await {
            if let Err(error) = outcome {
                outage.store(true, Ordering::Relaxed);
                result = Err(error);
            }
        }
        result
    }

    async fn publish_again(&self, pending: Pending, outage: &AtomicBool) -> Result<(), Error> {
        if outage.load(Ordering::Relaxed) || !self.db.outbox().claim(&pending, CLAIM).await.map_err(away)? {
            return Ok(());
        }
        match self.send(&pending.envelope).await {
            Ok(()) => self.remove(&pending.envelope.id).await,
            // An outage is no event's fault: it is due as before. If that can't be noted it is so at the end of the claim.
            Err(error @ Error::Unavailable(_)) => {
                self.db.outbox().release(&pending).await.map_err(away)?;
                return Err(error);
            }
            Err(error) => self.postpone(&pending, &error).await.map_err(away)?,
        }
        Ok(())
    }

    async fn send(&self, envelope: &Envelope) -> Result<(), Error> {
        let cause = Trace::of(&envelope.extensions);
        Traced::passed("outbox", &envelope.kind, &cause, (envelope.time, Timestamp::now()));
        match &self.wire {
            Wire::Amqp(publisher) => {
                let mandatory = SUBSCRIBED_EVENT_TYPES.contains(&envelope.kind.as_str());
                publisher.publish(envelope, mandatory).await
            }
            Wire::Knative(sink) => sink.post(envelope).await,
        }
    }

    async fn remove(&self, id: &str) {
        if let Err(error) = self.db.outbox().sent(id).await {
            tracing::warn!(event = %id, %error, "published, but its row stays: a duplicate will follow");
        }
    }

    /// The last time that an event is refused its row goes: what it hints at stands in other rows.
    async fn postpone(&self, pending: &Pending, error: &Error) -> db::Result<()> {
        let Pending { envelope, attempts, .. } = pending;
        match pause_after(attempts + 1) {
            Some(pause) => {
                tracing::warn!(event = %envelope.id, kind = %envelope.kind, %error, ?pause, "not published; retried later");
                self.db.outbox().failed(&envelope.id, pause, &error.to_string()).await
            }
            None => {
                tracing::error!(event = %envelope.id, kind = %envelope.kind, %error, "publish failed; dropped");
                self.db.outbox().sent(&envelope.id).await
            }
        }
    }
}

fn away(error: db::Error) -> Error {
    Error::Unavailable(error.to_string())
}
