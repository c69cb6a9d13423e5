//! From the outbox to the wire. A row goes when the broker has confirmed its event.
//!
//! Whoever commits an event publishes it at once; the sweep publishes what was left over. Both may do it at the
//! same time: the event then travels twice under one id, and handlers are idempotent.

use std::time::Duration;

use contracts::{Envelope, Timestamp};
use db::{Db, Pending};

use crate::{Error, amqp::publisher::Publisher, knative::Sink};

/// Rows read at once.
const BATCH: u32 = 100;
/// Batches of one turn: a tick is to be answered in seconds.
const BATCHES: usize = 5;
/// Longest pause before an event that the broker doesn't take is offered again.
const MAX_PAUSE: Duration = Duration::from_secs(300);

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
    /// One event that was just committed. If it fails the row stays for the sweep.
    pub(crate) async fn publish(&self, envelope: &Envelope) {
        let id = &envelope.id;
        match self.send(envelope).await {
            Ok(()) => self.forget(id).await,
            Err(error) => tracing::warn!(event = %id, kind = %envelope.kind, %error, "left to the sweep"),
        }
    }

    /// Whatever is due, oldest first, until the broker goes away.
    pub(crate) async fn publish_pending(&self) {
        for _ in 0..BATCHES {
            match self.publish_batch().await {
                Ok(BATCH) => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(%error, "the outbox waits for the next sweep");
                    return;
                }
            }
        }
    }

    /// Returns how many were due.
    async fn publish_batch(&self) -> Result<u32, Error> {
        let away = |error: db::Error| Error::Unavailable(error.to_string());
        let due = self.db.unpublished_events(BATCH).await.map_err(away)?;
        for pending in &due {
            match self.send(&pending.envelope).await {
                Ok(()) => self.forget(&pending.envelope.id).await,
                // An outage is no event's fault: all of them stay due.
                Err(error @ Error::Unavailable(_)) => return Err(error),
                Err(error) => self.put_off(pending, &error).await.map_err(away)?,
            }
        }
        Ok(u32::try_from(due.len()).unwrap_or(BATCH))
    }

    async fn send(&self, envelope: &Envelope) -> Result<(), Error> {
        match &self.wire {
            Wire::Amqp(publisher) => publisher.publish(envelope).await,
            Wire::Knative(sink) => sink.post(envelope).await,
        }
    }

    async fn forget(&self, id: &str) {
        if let Err(error) = self.db.event_sent(id).await {
            tracing::warn!(event = %id, %error, "published, but its row stays: it will be published again");
        }
    }

    async fn put_off(&self, pending: &Pending, error: &Error) -> db::Result<()> {
        let Pending { envelope, attempts } = pending;
        let pause = Duration::from_secs(1 << (*attempts).min(9)).min(MAX_PAUSE);
        tracing::warn!(event = %envelope.id, kind = %envelope.kind, %error, ?pause, "not taken; offered again later");
        self.db.event_failed(&envelope.id, Timestamp::now().after(pause), &error.to_string()).await
    }
}
