//! A queue of work that takes long: one message at a time per worker, as many workers as there is work.

use std::time::Duration;

use contracts::{Envelope, Event};
use futures_util::{FutureExt as _, future::BoxFuture};
use runtime::{CancellationToken, Function};

use crate::{
    Broker, BrokerConfig, Error,
    amqp::{consumer::Consumer, publisher::Publisher, settle::Settler, topology::Queue},
};

/// A worker has one message in hand: the next one may be somebody else's.
const ONE: u16 = 1;

/// A queue of our own beside the events: `tapedeck.<name>`, on AMQP always.
///
/// On Knative an intake fills it, since a Trigger wants its answer in seconds. On AMQP alone it is bound to the
/// event itself and needs no intake.
pub struct WorkQueue {
    queue: Queue,
    config: BrokerConfig,
    publisher: Publisher,
}

impl WorkQueue {
    /// The queue `tapedeck.<name>` for events of type `E`. Connects when it is first needed.
    ///
    /// # Errors
    /// [`Error::Url`] if `BROKER_URL` is not AMQP.
    pub fn open<E: Event>(name: &str, config: &BrokerConfig) -> Result<Self, Error> {
        config.amqp_url()?;
        let event = (!config.is_knative()).then_some(E::TYPE);
        let queue = Queue { name: format!("tapedeck.{name}"), event };
        let publisher = Publisher::to_queue(queue.clone(), config.clone());
        Ok(Self { queue, config: config.clone(), publisher })
    }

    /// Puts an event into the queue, as it is. Returns when the queue has it on disk.
    ///
    /// # Errors
    /// [`Error::NoRoute`] if the queue is missing, else as the broker fails.
    pub fn publish<'a>(&'a self, envelope: &'a Envelope) -> BoxFuture<'a, Result<(), Error>> {
        self.publisher.publish(envelope, true).boxed()
    }

    /// Hands messages to `function`, one at a time, until `shutdown`; the one in hand is finished. A message is
    /// acknowledged when its handler is done, and what the handler says is published to `broker` at once.
    pub fn work(&self, function: Function, broker: Broker, shutdown: CancellationToken) -> BoxFuture<'_, ()> {
        self.consumer(function, broker).run(shutdown).boxed()
    }

    /// Hands one message to `function`, if one comes within `wait`; says whether one came.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the broker is away or goes away.
    pub fn work_once<'a>(
        &'a self,
        function: Function,
        broker: Broker,
        wait: Duration,
        shutdown: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        async move { self.consumer(function, broker).one(wait, shutdown).await }.boxed()
    }

    fn consumer(&self, function: Function, broker: Broker) -> Consumer {
        let settler = Settler { function: function.subscriptions(), broker };
        Consumer { queue: self.queue.clone(), prefetch: ONE, settler, config: self.config.clone().into() }
    }
}
