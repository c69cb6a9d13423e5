//! The broker's exchange and queues on a real RabbitMQ, as eventing-rabbitmq makes them: a durable headers exchange, a
//! quorum queue for each Trigger, bound by the attributes of its filter.

use std::time::Duration;

use lapin::{
    Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind,
    options::{
        BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions,
        QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use tokio::sync::Mutex;

use crate::event::Event;

/// For one answer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Link {
    pub(crate) connection: Connection,
    pub(crate) channel: Channel,
}

pub(crate) struct Rabbit {
    url: String,
    publishing: Mutex<Option<Link>>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Published {
    Queued,
    /// No queue is bound for it: confirmed, and gone.
    Dropped,
}

impl Rabbit {
    pub(crate) fn at(url: &str) -> Self {
        Self { url: url.to_owned(), publishing: Mutex::new(None) }
    }

    pub(crate) async fn open(&self) -> Result<Link, String> {
        let opening = async {
            let connection = Connection::connect(&self.url, ConnectionProperties::default()).await?;
            let channel = connection.create_channel().await?;
            Ok::<_, lapin::Error>(Link { connection, channel })
        };
        in_time(opening).await
    }

    /// The broker's own.
    pub(crate) async fn make_exchange(&self, name: &str) -> Result<(), String> {
        let link = self.open().await?;
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let made =
            link.channel.exchange_declare(name.into(), ExchangeKind::Headers, options, FieldTable::default());
        in_time(made).await
    }

    /// A durable queue of that type.
    pub(crate) async fn make_queue(&self, name: &str, kind: &str) -> Result<(), String> {
        let link = self.open().await?;
        let arguments = table([("x-queue-type", kind)]);
        in_time(link.channel.queue_declare(name.into(), QueueDeclareOptions::durable(), arguments))
            .await
            .map(drop)
    }

    /// From now on the queue gets what has these attributes; with none of them, everything.
    pub(crate) async fn bind<'a>(
        &self,
        queue: &str,
        exchange: &str,
        filter: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), String> {
        let link = self.open().await?;
        let arguments = table([("x-match", "all")].into_iter().chain(filter));
        let options = QueueBindOptions::default();
        in_time(link.channel.queue_bind(queue.into(), exchange.into(), "".into(), options, arguments)).await
    }

    /// Returns when RabbitMQ has it on disk, or has dropped it.
    pub(crate) async fn publish(
        &self,
        exchange: &str,
        key: &str,
        event: &Event,
    ) -> Result<Published, String> {
        let mut publishing = self.publishing.lock().await;
        if publishing.as_ref().is_none_or(|link| !link.channel.status().connected()) {
            let link = self.open().await?;
            in_time(link.channel.confirm_select(ConfirmSelectOptions::default())).await?;
            *publishing = Some(link);
        }
        let Some(link) = publishing.as_ref() else { return Err("no connection".into()) };
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let sending = async {
            let channel = &link.channel;
            channel
                .basic_publish(exchange.into(), key.into(), options, &event.data, event.properties())
                .await?
                .await
        };
        match in_time(sending).await {
            Ok(Confirmation::Ack(None)) => Ok(Published::Queued),
            Ok(Confirmation::Ack(Some(_))) => Ok(Published::Dropped),
            Ok(_) => Err("not confirmed".into()),
            Err(error) => {
                *publishing = None;
                Err(error)
            }
        }
    }
}

fn table<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in pairs {
        table.insert(name.into(), AMQPValue::LongString(value.into()));
    }
    table
}

pub(crate) async fn in_time<T>(call: impl Future<Output = lapin::Result<T>>) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, call).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err("RabbitMQ does not answer".into()),
    }
}
