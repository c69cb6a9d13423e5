//! Publisher: one connection, opened when it is first needed and again when it is lost. Many events are on their way at
//! once: sending takes turns, waiting for the confirms does not.
//!
//! Each event type that somebody must hear has a channel of its own. If no queue takes an event it comes back, and lapin
//! gives it to whichever confirm on the channel comes next: there it must be one that goes the same way.

use std::{collections::HashMap, sync::Arc, time::Duration};

use contracts::Envelope;
use lapin::{
    Channel, Confirmation, PublisherConfirm,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use runtime::Traced;
use tokio::{sync::Mutex, time::Instant};

use super::{
    layout,
    link::{Link, in_time},
    topology::{EVENTS, Queue, ensure_events},
};
use crate::{BrokerConfig, Error};

/// How long an event may take to be confirmed. An upload waits for it; after that the sweep publishes the event.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection on which nothing was confirmed for so long, while something waited, is taken for dead.
const SILENCE: Duration = Duration::from_secs(10);
/// After a failed connect everybody is confirmed so at once for this long, instead of waiting for the next failure.
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

impl Target {
    fn name(&self) -> &str {
        match self {
            Self::Events => EVENTS,
            Self::Queue(queue) => &queue.name,
        }
    }
}

/// Publishes and waits for the confirm.
pub(crate) struct Publisher {
    target: Target,
    config: BrokerConfig,
    slot: Mutex<Slot>,
}

struct Slot {
    link: Option<Arc<Link>>,
    /// On the link, by the type of what travels on each.
    channels: HashMap<String, Channel>,
    retry_at: Instant,
    /// When the link last confirmed something; when it was opened, or nothing waited, if that is later.
    heard_at: Instant,
}

impl Slot {
    fn new(link: Option<Arc<Link>>, now: Instant) -> Self {
        Self { link, channels: HashMap::new(), retry_at: now, heard_at: now }
    }

    /// The channel for what goes this way.
    async fn channel(&mut self, link: &Link, way: &str) -> Result<Channel, Error> {
        if let Some(channel) = self.channels.get(way).filter(|channel| channel.status().connected()) {
            return Ok(channel.clone());
        }
        let opening = async {
            let channel = link.another_channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            Ok(channel)
        };
        let channel = in_time(opening).await?;
        self.channels.insert(way.to_owned(), channel.clone());
        Ok(channel)
    }
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
        let now = Instant::now();
        Self { target, config, slot: Mutex::new(Slot::new(None, now)) }
    }

    /// Connects ahead of the first message. If that fails the first message connects.
    pub(crate) async fn connect_ahead(&self) {
        let mut slot = self.slot.lock().await;
        if slot.link.is_none()
            && let Err(error) = self.connect(&mut slot).await
        {
            tracing::debug!(%error, "the broker is not reachable");
        }
    }

    /// Returns when the broker has the event on disk; with `mandatory` only if a queue takes it.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::NoRoute`] or [`Error::Refused`].
    pub(crate) async fn publish(&self, envelope: &Envelope, mandatory: bool) -> Result<(), Error> {
        let mut traced = Traced::sending("rabbitmq", self.target.name(), envelope);
        let publishing = self.publish_until_taken(envelope, mandatory);
        let outcome = match tokio::time::timeout(PUBLISH_TIMEOUT, publishing).await {
            Ok(outcome) => outcome,
            Err(_) => {
                self.doubt().await;
                Err(Error::Unavailable("no confirm in time".into()))
            }
        };
        if let Err(error) = &outcome {
            traced.failed(&error.to_string());
        }
        outcome
    }

    /// A quorum queue without a leader (made a moment ago, or its node is restarting) says no: it is asked again.
    async fn publish_until_taken(&self, envelope: &Envelope, mandatory: bool) -> Result<(), Error> {
        for _ in 0..REFUSALS {
            match self.publish_once(envelope, mandatory).await {
                Err(Error::Refused(_)) => tokio::time::sleep(REFUSAL_PAUSE).await,
                outcome => return outcome,
            }
        }
        self.publish_once(envelope, mandatory).await
    }

    async fn publish_once(&self, envelope: &Envelope, mandatory: bool) -> Result<(), Error> {
        let (link, confirm) = self.send(envelope, mandatory).await?;
        let confirmation = match confirm.await {
            Ok(confirmation) => confirmation,
            Err(error) => {
                self.lose(&link).await;
                return Err(error.into());
            }
        };
        self.slot.lock().await.heard_at = Instant::now();
        match confirmation {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(_)) => Err(Error::NoRoute),
            Confirmation::Nack(_) | Confirmation::NotRequested => Err(Error::Refused("not confirmed".into())),
        }
    }

    /// Puts the message on the wire; the lock keeps frames of two messages apart and one connect from two.
    async fn send(
        &self,
        envelope: &Envelope,
        mandatory: bool,
    ) -> Result<(Arc<Link>, PublisherConfirm), Error> {
        let mut slot = self.slot.lock().await;
        let link = match &slot.link {
            Some(link) if link.is_open() => link.clone(),
            _ => self.connect(&mut slot).await?,
        };
        let way = if mandatory { envelope.kind.as_str() } else { "" };
        let channel = slot.channel(&link, way).await?;
        // Whoever waits for a confirm holds the link: the slot, this call and nobody else.
        if Arc::strong_count(&link) == 2 {
            slot.heard_at = Instant::now();
        }
        let (exchange, key) = match &self.target {
            // A headers exchange ignores the key; it is there for people who look.
            Target::Events => (EVENTS, envelope.kind.as_str()),
            Target::Queue(queue) => ("", queue.name.as_str()),
        };
        let options = BasicPublishOptions { mandatory, ..BasicPublishOptions::default() };
        let body = envelope.data.to_string();
        let properties = layout::properties(envelope);
        let sending =
            channel.basic_publish(exchange.into(), key.into(), options, body.as_bytes(), properties);
        match sending.await {
            Ok(confirm) => Ok((link, confirm)),
            Err(error) => {
                slot.link = None;
                Err(error.into())
            }
        }
    }

    async fn connect(&self, slot: &mut Slot) -> Result<Arc<Link>, Error> {
        slot.link = None;
        if Instant::now() < slot.retry_at {
            return Err(Error::Unavailable("it was away a moment ago".into()));
        }
        slot.retry_at = Instant::now() + CONNECT_PAUSE;
        let link = Arc::new(Link::open(self.config.amqp_url()?, "tapedeck publisher").await?);
        in_time(async {
            match &self.target {
                Target::Events => ensure_events(&link.channel, &self.config).await?,
                Target::Queue(queue) => queue.ensure(&link, &self.config).await?,
            }
            Ok(())
        })
        .await?;
        let now = Instant::now();
        *slot = Slot::new(Some(link.clone()), now);
        Ok(link)
    }

    /// The link is of no use any more, if nobody has replaced it yet.
    async fn lose(&self, lost: &Arc<Link>) {
        let mut slot = self.slot.lock().await;
        if slot.link.as_ref().is_some_and(|link| Arc::ptr_eq(link, lost)) {
            slot.link = None;
        }
    }

    /// A confirm did not come in time: a slow broker, or a connection that is dead without knowing it.
    async fn doubt(&self) {
        let mut slot = self.slot.lock().await;
        if slot.heard_at.elapsed() > SILENCE {
            slot.link = None;
        }
    }
}
