//! One supervised consumer per queue, each on a connection of its own, so that trouble with one queue
//! is no trouble for the others.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use lapin::{
    Consumer as Deliveries,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicQosOptions},
    types::FieldTable,
};
use runtime::CancellationToken;
use tokio::{task::JoinSet, time::Instant};

use super::{
    link::{ANSWER_TIMEOUT, Link, in_time},
    settle::{ChannelLost, Settler},
    topology::Queue,
};
use crate::{BrokerConfig, Error};

/// First and longest pause before the next attempt to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_secs(15);
/// How long handlers get to give back what they have in hand, after the drain time.
const RELEASE_TIME: Duration = Duration::from_secs(5);
/// How often an empty queue is asked again.
const POLL: Duration = Duration::from_millis(500);

/// Consumes one queue.
#[derive(Clone)]
pub(crate) struct Consumer {
    pub(crate) queue: Queue,
    /// Deliveries in hand at once.
    pub(crate) prefetch: u16,
    pub(crate) settler: Settler,
    pub(crate) config: Arc<BrokerConfig>,
}

impl Consumer {
    /// Consumes until `shutdown`, then finishes what is in hand. A lost connection is replaced, however long it takes.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut pause = FIRST_PAUSE;
        while !shutdown.is_cancelled() {
            let begun = Instant::now();
            let Err(error) = self.session(&shutdown).await else { return };
            if begun.elapsed() > MAX_PAUSE {
                pause = FIRST_PAUSE;
            }
            tracing::warn!(queue = self.queue.name, %error, ?pause, "not consuming; reconnecting");
            tokio::select! { () = tokio::time::sleep(pause) => {}, () = shutdown.cancelled() => {} }
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    /// One connection's life.
    async fn session(&self, shutdown: &CancellationToken) -> Result<(), Error> {
        let link = self.connect().await?;
        let mut deliveries = in_time(self.subscribe(&link)).await?;
        tracing::info!(queue = self.queue.name, "consuming");
        let (mut in_hand, end) = (JoinSet::new(), CancellationToken::new());
        let ended = self.consume(&mut deliveries, &mut in_hand, (shutdown, &end)).await;
        if ended.is_ok() {
            // Nothing new while the rest is finished. If it fails the connection is gone, and nothing comes either.
            let canceled = link.channel.basic_cancel(deliveries.tag(), BasicCancelOptions::default());
            let _ = tokio::time::timeout(ANSWER_TIMEOUT, canceled).await;
        }
        // After a lost connection too: the work is worth finishing, and a second one would be one too many.
        drain(&mut in_hand, shutdown, &self.config, &end).await;
        link.close().await;
        ended
    }

    async fn connect(&self) -> Result<Link, Error> {
        let link = Link::open(self.config.amqp_url()?, &self.queue.name).await?;
        in_time(self.queue.ensure(&link, &self.config)).await?;
        Ok(link)
    }

    async fn subscribe(&self, link: &Link) -> Result<Deliveries, Error> {
        let (queue, options) = (self.queue.name.as_str(), BasicConsumeOptions::default());
        link.channel.basic_qos(self.prefetch, BasicQosOptions::default()).await?;
        Ok(link.channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await?)
    }

    async fn consume(
        &self,
        deliveries: &mut Deliveries,
        in_hand: &mut JoinSet<Result<(), ChannelLost>>,
        (shutdown, end): (&CancellationToken, &CancellationToken),
    ) -> Result<(), Error> {
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                Some(settled) = in_hand.join_next() => {
                    // One that panicked never will be acknowledged on this connection.
                    if !matches!(settled, Ok(Ok(()))) {
                        return Err(gone("an acknowledgement came too late"));
                    }
                }
                next = deliveries.next() => {
                    let delivery = next.ok_or_else(|| gone("the consumer was canceled"))??;
                    in_hand.spawn(self.settler.clone().settle(delivery, shutdown.clone(), end.clone()));
                }
            }
        }
    }

    /// Takes one message, if one comes within `wait`; says whether one came.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the broker is away or goes away.
    pub(crate) async fn one(&self, wait: Duration, shutdown: &CancellationToken) -> Result<bool, Error> {
        let link = self.connect().await?;
        let until = Instant::now() + wait;
        while !shutdown.is_cancelled() {
            let get = link.channel.basic_get(self.queue.name.as_str().into(), BasicGetOptions::default());
            if let Some(message) = in_time(async { Ok(get.await?) }).await? {
                let mut in_hand = JoinSet::new();
                let end = CancellationToken::new();
                let settling = self.settler.clone().settle(message.delivery, shutdown.clone(), end.clone());
                in_hand.spawn(settling);
                let settled = drain(&mut in_hand, shutdown, &self.config, &end).await;
                link.close().await;
                return if settled { Ok(true) } else { Err(gone("the acknowledgement came too late")) };
            }
            if Instant::now() >= until {
                break;
            }
            tokio::select! { () = tokio::time::sleep(POLL) => {}, () = shutdown.cancelled() => {} }
        }
        link.close().await;
        Ok(false)
    }
}

/// Waits for what is in hand; after the shutdown for the drain time at the most, then it is given back. Whether all of it
/// was acknowledged; what was not goes back to its queue.
async fn drain(
    in_hand: &mut JoinSet<Result<(), ChannelLost>>,
    shutdown: &CancellationToken,
    config: &BrokerConfig,
    end: &CancellationToken,
) -> bool {
    let late = async {
        shutdown.cancelled().await;
        tokio::time::sleep(Duration::from_secs(config.broker_drain_seconds)).await;
        end.cancel();
        tokio::time::sleep(RELEASE_TIME).await;
        tracing::warn!("running handlers were aborted");
    };
    let finished = async {
        let mut all = true;
        while let Some(settled) = in_hand.join_next().await {
            all &= matches!(settled, Ok(Ok(())));
        }
        all
    };
    tokio::select! { all = finished => all, () = late => false }
}

fn gone(what: &str) -> Error {
    Error::Unavailable(what.into())
}
