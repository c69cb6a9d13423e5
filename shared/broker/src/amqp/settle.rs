//! What becomes of a delivery: acknowledged, delivered again after a pause, or a dead letter.

use std::time::Duration;

use contracts::Envelope;
use lapin::{
    message::Delivery,
    options::{BasicAckOptions, BasicRejectOptions},
};
use runtime::{CancellationToken, Failure, Function};

use super::{layout, link::ANSWER_TIMEOUT};
use crate::{Broker, BrokerConfig};

/// Longest pause between two deliveries.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// What handling a delivery needs.
#[derive(Clone)]
pub(crate) struct Settler {
    pub(crate) function: Function,
    /// Takes what the handler says.
    pub(crate) broker: Broker,
    pub(crate) config: BrokerConfig,
}

/// The channel went away before the broker was told: it delivers the message again, and the handler, being
/// idempotent, finds the work done.
pub(crate) struct Lost;

impl Settler {
    /// Hands the event to its handler and tells the broker how it went.
    pub(crate) async fn settle(self, delivery: Delivery, shutdown: CancellationToken) -> Result<(), Lost> {
        let earlier = layout::earlier_deliveries(&delivery.properties);
        match self.handle(&delivery).await {
            Ok(replies) => {
                let told = told(delivery.acker.ack(BasicAckOptions::default())).await;
                // They stand in the outbox: whatever happens to the acknowledgement, they are true.
                for reply in &replies {
                    self.broker.publish(reply).await;
                }
                told
            }
            Err(Failure::Retry(cause)) if earlier + 1 < self.config.broker_max_deliveries => {
                let pause = self.pause(earlier);
                tracing::warn!(queue = %delivery.routing_key, attempt = earlier + 1, ?pause, cause, "to be delivered again");
                // Kept in hand for so long: what failed now would fail at once again, here or elsewhere.
                tokio::select! { () = tokio::time::sleep(pause) => {}, () = shutdown.cancelled() => {} }
                told(delivery.acker.reject(BasicRejectOptions { requeue: true })).await
            }
            Err(Failure::Retry(cause) | Failure::Reject(cause)) => {
                tracing::error!(queue = %delivery.routing_key, cause, "dead letter");
                told(delivery.acker.reject(BasicRejectOptions { requeue: false })).await
            }
        }
    }

    async fn handle(&self, delivery: &Delivery) -> Result<Vec<Envelope>, Failure> {
        let envelope = layout::envelope(&delivery.properties, &delivery.data).map_err(Failure::Reject)?;
        let function = self.function.clone();
        // A task of its own, so that a panic is an outcome too.
        match tokio::spawn(async move { function.deliver(envelope).await }).await {
            Ok(outcome) => outcome,
            Err(panic) => Err(Failure::Retry(format!("the handler panicked: {panic}"))),
        }
    }

    fn pause(&self, earlier: u32) -> Duration {
        Duration::from_secs(self.config.broker_retry_seconds)
            .saturating_mul(1 << earlier.min(16))
            .min(MAX_PAUSE)
    }
}

/// `Ok(false)` is how lapin says that the channel was gone already.
async fn told(answer: impl Future<Output = lapin::Result<bool>>) -> Result<(), Lost> {
    match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false) | Err(_)) | Err(_) => Err(Lost),
    }
}
