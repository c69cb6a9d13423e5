//! A connection with one channel on it.

use std::time::Duration;

use lapin::{Channel, Connection, ConnectionProperties, uri::AMQPUri};

use crate::Error;

/// How long the broker gets for an answer. A call on a connection that was cut may wait for ever.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Seconds within which each side hears from the other, where the URL says nothing else. RabbitMQ would have it a minute: a
/// consumer whose connection somebody on the way has forgotten would hear nothing for two.
const HEARTBEAT: u16 = 15;
/// The AMQP reply code of a good end.
const OK: u16 = 200;

/// Closed when dropped.
pub(crate) struct Link {
    connection: Connection,
    pub(crate) channel: Channel,
}

impl Link {
    /// `name` is what the broker's management page shows.
    pub(crate) async fn open(url: &str, name: &str) -> Result<Self, Error> {
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let mut uri: AMQPUri = url.parse().map_err(|_| Error::Url)?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        let opening = async {
            let connection = Connection::connect_uri(uri, properties).await?;
            let channel = connection.create_channel().await?;
            Ok(Self { connection, channel })
        };
        in_time(opening).await
    }

    /// Another channel, for a question whose "no" closes it.
    pub(crate) async fn another_channel(&self) -> Result<Channel, Error> {
        Ok(self.connection.create_channel().await?)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }

    /// Says goodbye. What was not acknowledged goes back to its queue.
    pub(crate) async fn close(self) {
        let closing = self.connection.close(OK, "done".into());
        // Gone already or not: nothing is lost with it.
        let _ = tokio::time::timeout(ANSWER_TIMEOUT, closing).await;
    }
}

/// What `call` says, or [`Error::Unavailable`] if the broker does not answer.
pub(crate) async fn in_time<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match tokio::time::timeout(ANSWER_TIMEOUT, call).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::Unavailable("no answer in time".into())),
    }
}
