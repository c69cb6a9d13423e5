//! What becomes of a delivery. The row that it is about says what is to be done and when again: a message is delivered
//! until a handler has looked at that row, and no more.

use std::time::Duration;

use contracts::Envelope;
use lapin::{
    message::Delivery,
    options::{BasicAckOptions, BasicRejectOptions},
};
use runtime::{Call, CancellationToken, Failure, Function};

use super::{layout, link::ANSWER_TIMEOUT};
use crate::Broker;

/// A message whose handler could not look at its row is kept in hand for so long: what failed now would fail at once
/// again, here or elsewhere.
const PAUSE: Duration = Duration::from_secs(5);

/// What handling a delivery needs.
#[derive(Clone)]
pub(crate) struct Settler {
    pub(crate) function: Function,
    /// Takes what the handler says.
    pub(crate) broker: Broker,
}

/// The channel went away before the broker was confirmed: it delivers the message again, and the handler, being
/// idempotent, finds the work done.
pub(crate) struct ChannelLost;

impl Settler {
    /// Hands the event to its handler and tells the broker how it went. `shutdown`: no new work; `end`: give back what is
    /// in hand.
    pub(crate) async fn settle(
        self,
        delivery: Delivery,
        shutdown: CancellationToken,
        end: CancellationToken,
    ) -> Result<(), ChannelLost> {
        match self.handle(&delivery, end).await {
            Ok(replies) => {
                let confirmed = confirmed(delivery.acker.ack(BasicAckOptions::default())).await;
                // They stand in the outbox: whatever happens to the acknowledgement, they are true.
                for reply in &replies {
                    self.broker.publish(reply).await;
                }
                confirmed
            }
            Err(Failure::Retry(cause)) => {
                tracing::warn!(queue = %delivery.routing_key, cause, "to be redelivered");
                tokio::select! { () = tokio::time::sleep(PAUSE) => {}, () = shutdown.cancelled() => {} }
                confirmed(delivery.acker.reject(BasicRejectOptions { requeue: true })).await
            }
            Err(Failure::Reject(cause)) => {
                tracing::error!(queue = %delivery.routing_key, cause, "an event can't be handled and is dropped");
                confirmed(delivery.acker.ack(BasicAckOptions::default())).await
            }
        }
    }

    async fn handle(&self, delivery: &Delivery, end: CancellationToken) -> Result<Vec<Envelope>, Failure> {
        let envelope = layout::envelope(&delivery.properties, &delivery.data).map_err(Failure::Reject)?;
        let function = self.function.clone();
        let earlier = layout::earlier_deliveries(&delivery.properties);
        let call = Call { attempt: earlier + 1, ..Call::until(end) };
        // A task of its own, so that a panic is an outcome too.
        match tokio::spawn(async move { function.deliver(envelope, call).await }).await {
            Ok(outcome) => outcome,
            Err(panic) => Err(Failure::Reject(format!("the handler panicked: {panic}"))),
        }
    }
}

/// `Ok(false)` is how lapin says that the channel was gone already.
async fn confirmed(answer: impl Future<Output = lapin::Result<bool>>) -> Result<(), ChannelLost> {
    match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false) | Err(_)) | Err(_) => Err(ChannelLost),
    }
}
