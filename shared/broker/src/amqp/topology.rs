//! Exchanges, queues and bindings. Declaring is idempotent; whoever needs them first makes them.
//!
//! | name | what |
//! |---|---|
//! | `tapedeck.events` | headers exchange: every event. Bound like a Knative broker's: `x-match: all` and the `type` |
//! | `tapedeck.<function>.<event>` | quorum queue of a subscription, as `tapedeck.notify.audio.ready.v1` |
//! | `tapedeck.convert` | quorum queue between intake and workers |
//! | `tapedeck.dead` | exchange and quorum queue: what was rejected or delivered too often |

use lapin::{
    Channel, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};

use super::layout::text;
use crate::{BrokerConfig, Topology};

pub(crate) const EVENTS: &str = "tapedeck.events";
const DEAD: &str = "tapedeck.dead";
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
    pub(crate) async fn ensure(&self, channel: &Channel, config: &BrokerConfig) -> lapin::Result<()> {
        if config.broker_topology == Topology::Check {
            let passive = QueueDeclareOptions::default().passive();
            channel.queue_declare(self.name.as_str().into(), passive, FieldTable::default()).await?;
            return Ok(());
        }
        ensure_dead_letters(channel).await?;
        let mut arguments = quorum();
        arguments.insert("x-dead-letter-exchange".into(), text(DEAD));
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(limit(config)));
        channel.queue_declare(self.name.as_str().into(), QueueDeclareOptions::durable(), arguments).await?;
        if let Some(event) = self.event {
            ensure_events(channel, config).await?;
            bind(channel, &self.name, EVENTS, of_type(event)).await?;
        }
        Ok(())
    }
}

/// Makes the exchange of the events, or checks that it is there.
pub(crate) async fn ensure_events(channel: &Channel, config: &BrokerConfig) -> lapin::Result<()> {
    let passive = config.broker_topology == Topology::Check;
    let options = ExchangeDeclareOptions { passive, durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(EVENTS.into(), ExchangeKind::Headers, options, FieldTable::default()).await
}

async fn ensure_dead_letters(channel: &Channel) -> lapin::Result<()> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(DEAD.into(), ExchangeKind::Fanout, durable, FieldTable::default()).await?;
    channel.queue_declare(DEAD.into(), QueueDeclareOptions::durable(), quorum()).await?;
    bind(channel, DEAD, DEAD, FieldTable::default()).await
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

/// The broker's own count stops an event whose handler kills the process before it can say no.
fn limit(config: &BrokerConfig) -> i32 {
    i32::try_from(config.broker_max_deliveries).unwrap_or(i32::MAX)
}
