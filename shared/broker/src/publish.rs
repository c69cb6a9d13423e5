//! The publishing side.

use std::{fmt, sync::Arc};

use contracts::Envelope;
use db::Db;
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream};

use crate::{
    BrokerConfig, Error,
    amqp::publisher::Publisher,
    knative::Sink,
    relay::{Relay, Wire},
    wake::Wake,
};

/// Events on their way at once.
const AT_ONCE: usize = 16;

/// Passes recorded events on; cheap to clone.
#[derive(Clone, Debug)]
pub struct Broker {
    pub(crate) transport: Transport,
}

#[derive(Clone)]
pub(crate) enum Transport {
    /// The rows are in the database already: wake whoever delivers them.
    Local(Wake),
    /// A broker elsewhere.
    Remote(Arc<Relay>, Arc<BrokerConfig>),
}

impl fmt::Debug for Transport {
    // By hand: the configuration holds a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local(_) => "Local",
            Self::Remote(..) => "Remote",
        })
    }
}

impl Broker {
    pub(crate) fn local(wake: Wake) -> Self {
        Self { transport: Transport::Local(wake) }
    }

    /// The broker of a function on its own: Knative if there is a `K_SINK`, else AMQP. Connects when it is first
    /// needed.
    ///
    /// # Errors
    /// [`Error::Url`] or [`Error::Overrides`] for a configuration that can't be used.
    pub fn open(config: &BrokerConfig, db: Db) -> Result<Self, Error> {
        let wire = match &config.k_sink {
            Some(url) => Wire::Knative(Sink::open(url, config)?),
            None => {
                config.amqp_url()?;
                Wire::Amqp(Box::new(Publisher::to_events(config.clone())))
            }
        };
        let relay = Relay { db, wire };
        Ok(Self { transport: Transport::Remote(Arc::new(relay), Arc::new(config.clone())) })
    }

    /// Whether Knative brings the events, and ticks the sweep.
    #[must_use]
    pub fn is_knative(&self) -> bool {
        matches!(&self.transport, Transport::Remote(_, config) if config.is_knative())
    }

    /// Connects to the database and the broker, so that the first event need not wait for that. One that is away is
    /// connected to by a later call.
    pub fn connect_ahead(&self) -> BoxFuture<'_, ()> {
        match &self.transport {
            Transport::Local(_) => async {}.boxed(),
            Transport::Remote(relay, _) => relay.connect_ahead().boxed(),
        }
    }

    /// Passes an event on at once, as well as it can: the row stays in the outbox until it has worked, so a
    /// failure here loses nothing and is nobody's error.
    // In a box, as the others: the code of an `async fn` is made where it is awaited, and each function would compile lapin once
    // more.
    pub fn publish<'a>(&'a self, envelope: &'a Envelope) -> BoxFuture<'a, ()> {
        match &self.transport {
            Transport::Local(wake) => {
                let (id, kind) = (&envelope.id, &envelope.kind);
                let woken = async move {
                    tracing::debug!(event = %id, kind = %kind, "published");
                    wake.wake(kind);
                };
                woken.boxed()
            }
            Transport::Remote(relay, _) => relay.publish(envelope).boxed(),
        }
    }

    /// The same for many, several at once.
    pub fn publish_all<'a>(&'a self, envelopes: &'a [Envelope]) -> BoxFuture<'a, ()> {
        stream::iter(envelopes).for_each_concurrent(AT_ONCE, |envelope| self.publish(envelope)).boxed()
    }

    /// Passes on whatever was left over in the outbox.
    pub fn publish_pending(&self) -> BoxFuture<'_, ()> {
        match &self.transport {
            Transport::Local(wake) => {
                let woken = async move {
                    wake.wake_all();
                };
                woken.boxed()
            }
            Transport::Remote(relay, _) => relay.publish_pending().boxed(),
        }
    }
}
