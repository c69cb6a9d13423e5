//! Exchanges, queues and bindings. Whoever needs them first makes them.
//!
//! | name | what |
//! |---|---|
//! | `tapedeck.events` | headers exchange: every event. Bound like a Knative broker's: `x-match: all` and the `type` |
//! | `tapedeck.<function>.<event>` | quorum queue of a subscription, as `tapedeck.notify.delivery.due.v1` |
//! | `tapedeck.convert` | quorum queue of tickets between intake and workers |
//!
//! A queue that is there is taken as it is: its arguments can't be changed, and what an operator has set by policy is
//! the operator's. Ours have no delivery limit and no dead letters: a message is a hint, and what it hints at stands in a
//! row that says when it is to be tried again.

use lapin::{
    Channel, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};

use super::{layout::text, link::Link};
use crate::{BrokerConfig, Error, Topology};

pub(crate) const EVENTS: &str = "tapedeck.events";
/// What all our event types begin with.
const TYPE_PREFIX: &str = "dev.tapedeck.";

/// A queue and the event type that it is bound for, if it is.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) event: Option<&'static str>,
}

impl Queue {
    /// The queue of a function's subscription.
    pub(crate) fn of_subscription(function: &str, event: &'static str) -> Self {
        let short = event.strip_prefix(TYPE_PREFIX).unwrap_or(event);
        Self { name: format!("tapedeck.{function}.{short}"), event: Some(event) }
    }

    /// Makes the queue and what it hangs on, or checks that it is there.
    pub(crate) async fn ensure(&self, link: &Link, config: &BrokerConfig) -> Result<(), Error> {
        let there = self.check(link).await;
        if config.broker_topology == Topology::Check {
            return there;
        }
        if there.is_err() {
            let durable = QueueDeclareOptions::durable();
            link.channel.queue_declare(self.name.as_str().into(), durable, quorum()).await?;
        }
        if let Some(event) = self.event {
            ensure_events(&link.channel, config).await?;
            bind(&link.channel, &self.name, EVENTS, of_type(event)).await?;
        }
        Ok(())
    }

    /// On a channel of its own, which a "no" closes.
    async fn check(&self, link: &Link) -> Result<(), Error> {
        let channel = link.another_channel().await?;
        let passive = QueueDeclareOptions::default().passive();
        channel.queue_declare(self.name.as_str().into(), passive, FieldTable::default()).await?;
        Ok(())
    }
}

/// Makes the exchange of the events, or checks that it is there.
pub(crate) async fn ensure_events(channel: &Channel, config: &BrokerConfig) -> lapin::Result<()> {
    let passive = config.broker_topology == Topology::Check;
    let options = ExchangeDeclareOptions { passive, durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(EVENTS.into(), ExchangeKind::Headers, options, FieldTable::default()).await
}

async fn bind(channel: &Channel, queue: &str, exchange: &str, arguments: FieldTable) -> lapin::Result<()> {
    channel.queue_bind(queue.into(), exchange.into(), "".into(), QueueBindOptions::default(), arguments).await
}

fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments
}

fn of_type(event: &str) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-match".into(), text("all"));
    arguments.insert("type".into(), text(event));
    arguments
}
