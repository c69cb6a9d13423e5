//! The publishing side.

use contracts::Envelope;
use tokio::sync::watch;

/// Passes recorded events on; cheap to clone.
#[derive(Clone, Debug)]
pub struct Broker {
    transport: Transport,
}

#[derive(Clone, Debug)]
enum Transport {
    /// The rows are in the database already: wake whoever delivers them.
    Local(watch::Sender<()>),
}

impl Broker {
    pub(crate) fn local(wake: watch::Sender<()>) -> Self {
        Self { transport: Transport::Local(wake) }
    }

    /// Passes an event on at once, as well as it can: the row stays in the outbox until it has worked, so a
    /// failure here loses nothing and is nobody's error.
    pub async fn publish(&self, envelope: &Envelope) {
        match &self.transport {
            Transport::Local(wake) => {
                tracing::debug!(event = %envelope.id, kind = %envelope.kind, "published");
                wake.send_replace(());
            }
        }
    }

    /// Passes on whatever stands in the outbox and is due.
    pub async fn publish_pending(&self) {
        match &self.transport {
            Transport::Local(wake) => {
                wake.send_replace(());
            }
        }
    }
}
