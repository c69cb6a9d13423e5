//! A Trigger's dispatcher: from its queue to its subscriber, a hundred events at a time, each tried as its `delivery` says.
//! What is not taken in the end goes to the dead letters; those are offered once and acknowledged whatever the answer is.

use std::{
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::http::StatusCode;
use futures_util::StreamExt as _;
use lapin::{
    message::Delivery as Message,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    Pace,
    event::Event,
    ingress::Ingress,
    log::Log,
    rabbit::{Link, in_time},
    wiring::Delivery,
};

/// Fixed in the real one.
const PREFETCH: u16 = 100;
/// Until a dispatcher that lost RabbitMQ is there again.
const RESTART: Duration = Duration::from_secs(10);

/// What the real broker does at times, and a subscriber must stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Every event comes twice.
    pub twice: bool,
    /// Every event comes late by some milliseconds of this range, each by others: so they come in another order.
    pub late: Range<u64>,
}

/// Of one Trigger, or of its dead letters.
pub(crate) struct Dispatcher {
    pub(crate) name: String,
    pub(crate) queue: String,
    /// The subscriber's address.
    pub(crate) to: String,
    pub(crate) delivery: Delivery,
    /// The queue of its dead letters, if it has any.
    pub(crate) dead: Option<String>,
    pub(crate) ingress: Arc<Ingress>,
    pub(crate) client: reqwest::Client,
    pub(crate) trouble: Arc<Mutex<Trouble>>,
    pub(crate) pace: Pace,
    pub(crate) log: Log,
    /// How many events the dead letters got.
    pub(crate) buried: AtomicUsize,
}

/// Why an event was not taken.
enum Refused {
    /// Trying again may help.
    Now(String),
    ForGood(String),
}

impl Dispatcher {
    /// Until `end`: as at a SIGTERM, what is in hand goes to the dead letters. Dropping the future is `kill -9`.
    pub(crate) async fn run(self: Arc<Self>, end: CancellationToken) {
        while !end.is_cancelled() {
            if let Err(error) = self.session(&end).await {
                self.log.line(&format!("the dispatcher of {} starts again: {error}", self.name));
                tokio::select! { () = end.cancelled() => {}, () = tokio::time::sleep(self.pace.real(RESTART)) => {} }
            }
        }
    }

    async fn session(self: &Arc<Self>, end: &CancellationToken) -> Result<(), String> {
        let Link { connection, channel } = self.ingress.rabbit.open().await?;
        in_time(channel.basic_qos(PREFETCH, BasicQosOptions::default())).await?;
        let options = BasicConsumeOptions::default();
        let consumer =
            channel.basic_consume(self.queue.as_str().into(), "".into(), options, FieldTable::default());
        let mut messages = in_time(consumer).await?;
        let mut in_hand = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = end.cancelled() => break,
                Some(_) = in_hand.join_next() => {}
                next = messages.next() => {
                    let message = next.ok_or("RabbitMQ went away")?.map_err(|error| error.to_string())?;
                    in_hand.spawn(self.clone().settle(message, end.clone()));
                }
            }
        }
        while in_hand.join_next().await.is_some() {}
        let _ = in_time(connection.close(200, "done".into())).await;
        Ok(())
    }

    async fn settle(self: Arc<Self>, message: Message, end: CancellationToken) {
        let event = Event::of_message(&message.properties, &message.data);
        let taken = tokio::select! {
            taken = self.deliver(&event) => taken,
            () = end.cancelled() => Err("the dispatcher had to end".into()),
        };
        // The real one acknowledges before the dead letter is published, too.
        let acknowledged = in_time(message.acker.ack(BasicAckOptions::default())).await;
        if let Err(why) = taken.and(acknowledged.map(drop)) {
            self.log.line(&format!("{}: {} {} was not taken: {why}", self.name, event.kind(), event.id()));
            self.buried.fetch_add(1, Ordering::SeqCst);
            if let Some(dead) = &self.dead {
                let _ = self.ingress.rabbit.publish("", dead, &event).await;
            }
        }
    }

    async fn deliver(&self, event: &Event) -> Result<(), String> {
        let trouble = self.trouble.lock().unwrap().clone();
        if !trouble.late.is_empty() {
            tokio::time::sleep(Duration::from_millis(scattered(event.id(), &trouble.late))).await;
        }
        self.deliver_once(event).await?;
        if trouble.twice {
            let _ = self.deliver_once(event).await;
        }
        Ok(())
    }

    async fn deliver_once(&self, event: &Event) -> Result<(), String> {
        for tried in 1.. {
            match self.post(event).await {
                Ok(None) => return Ok(()),
                Ok(Some(reply)) => return self.ingress.publish(&reply).await,
                Err(Refused::ForGood(why)) => return Err(why),
                Err(Refused::Now(why)) if tried > self.delivery.retry => return Err(why),
                Err(Refused::Now(_)) => tokio::time::sleep(self.pace.real(self.delivery.pause(tried))).await,
            }
        }
        Ok(())
    }

    async fn post(&self, event: &Event) -> Result<Option<Event>, Refused> {
        let mut request = self.client.post(&self.to).headers(event.headers()).body(event.data.clone());
        if let Some(timeout) = self.delivery.timeout {
            request = request.timeout(timeout);
        }
        let passing = |error: reqwest::Error| Refused::Now(error.to_string());
        let answer = request.send().await.map_err(passing)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        if !status.is_success() {
            let why = status.to_string();
            return Err(if may_pass(status) { Refused::Now(why) } else { Refused::ForGood(why) });
        }
        Event::read(&headers, answer.bytes().await.map_err(passing)?).map_err(Refused::ForGood)
    }
}

fn may_pass(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 404 | 408 | 409 | 429)
}

/// A number of the range that an id has for itself.
fn scattered(id: &str, range: &Range<u64>) -> u64 {
    let sum = id.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    range.start + sum % (range.end - range.start)
}
