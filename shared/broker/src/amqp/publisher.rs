//! The way out: one connection, opened when it is first needed and again when it is lost.

use std::time::Duration;

use contracts::Envelope;
use lapin::{
    Confirmation,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use tokio::{sync::Mutex, time::Instant};

use super::{
    layout,
    link::Link,
    topology::{EVENTS, Queue, ensure_events},
};
use crate::{BrokerConfig, Error};

/// How long an event may take to be confirmed. An upload waits for it; after that the sweep publishes the event.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(3);
/// After a failed connect everybody is told so at once for this long, instead of waiting for the next failure.
const CONNECT_PAUSE: Duration = Duration::from_secs(1);
/// How often a refused message is offered again at once, and after which pause.
const REFUSALS: usize = 10;
const REFUSAL_PAUSE: Duration = Duration::from_millis(100);

/// Where messages go.
#[derive(Debug)]
enum Target {
    /// The exchange of the events.
    Events,
    /// A queue of our own, by the default exchange.
    Queue(Queue),
}

/// Publishes with `mandatory` and waits for the confirm.
pub(crate) struct Publisher {
    target: Target,
    config: BrokerConfig,
    slot: Mutex<Slot>,
}

struct Slot {
    link: Option<Link>,
    retry_at: Instant,
}

impl Publisher {
    /// To whoever is subscribed.
    pub(crate) fn to_events(config: BrokerConfig) -> Self {
        Self::to(Target::Events, config)
    }

    /// To one queue.
    pub(crate) fn to_queue(queue: Queue, config: BrokerConfig) -> Self {
        Self::to(Target::Queue(queue), config)
    }

    fn to(target: Target, config: BrokerConfig) -> Self {
        Self { target, config, slot: Mutex::new(Slot { link: None, retry_at: Instant::now() }) }
    }

    /// Returns when the broker has the event on disk.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::NoRoute`] or [`Error::Refused`].
    pub(crate) async fn publish(&self, envelope: &Envelope) -> Result<(), Error> {
        let late = || Error::Unavailable("no confirm in time".into());
        tokio::time::timeout(PUBLISH_TIMEOUT, self.publish_until_confirmed(envelope))
            .await
            .map_err(|_| late())?
    }

    /// A quorum queue without a leader (made a moment ago, or its node is restarting) says no: it is asked again.
    async fn publish_until_confirmed(&self, envelope: &Envelope) -> Result<(), Error> {
        for _ in 0..REFUSALS {
            match self.publish_in_turn(envelope).await {
                Err(Error::Refused(_)) => tokio::time::sleep(REFUSAL_PAUSE).await,
                outcome => return outcome,
            }
        }
        self.publish_in_turn(envelope).await
    }

    /// One at a time: a returned message says to which publish it belongs only by its turn.
    async fn publish_in_turn(&self, envelope: &Envelope) -> Result<(), Error> {
        let mut slot = self.slot.lock().await;
        // Taken out: if this future is dropped halfway, so is the link.
        let link = match slot.link.take() {
            Some(link) => link,
            None => self.connect(&mut slot).await?,
        };
        let confirmation = self.send(&link, envelope).await?;
        slot.link = Some(link);
        match confirmation {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(_)) => Err(Error::NoRoute),
            Confirmation::Nack(_) | Confirmation::NotRequested => Err(Error::Refused("not confirmed".into())),
        }
    }

    async fn connect(&self, slot: &mut Slot) -> Result<Link, Error> {
        if Instant::now() < slot.retry_at {
            return Err(Error::Unavailable("it was away a moment ago".into()));
        }
        slot.retry_at = Instant::now() + CONNECT_PAUSE;
        let link = Link::open(self.config.amqp_url()?, "tapedeck publisher").await?;
        match &self.target {
            Target::Events => ensure_events(&link.channel, &self.config).await?,
            Target::Queue(queue) => queue.ensure(&link.channel, &self.config).await?,
        }
        link.channel.confirm_select(ConfirmSelectOptions::default()).await?;
        slot.retry_at = Instant::now();
        Ok(link)
    }

    async fn send(&self, link: &Link, envelope: &Envelope) -> Result<Confirmation, Error> {
        let (exchange, key) = match &self.target {
            // A headers exchange ignores the key; it is there for people who look.
            Target::Events => (EVENTS, envelope.kind.as_str()),
            Target::Queue(queue) => ("", queue.name.as_str()),
        };
        let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let body = envelope.data.to_string();
        let properties = layout::properties(envelope);
        let sent = link
            .channel
            .basic_publish(exchange.into(), key.into(), mandatory, body.as_bytes(), properties)
            .await?;
        Ok(sent.await?)
    }
}
