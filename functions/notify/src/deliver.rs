//! The handler: claim what is due, send it, note what became of it.

use std::time::{Duration, Instant};

use contracts::{Channel, DeliveryDue, DeliveryId, Outage as _, Trace};
use db::{Attempt, Delivery};
use metrics::counter;
use runtime::{Context, Failure, OrFail as _, SpanKind, Traced};
use tracing::Instrument as _;

use crate::{Notify, caller, destinations, mails, webhook};

/// How long it may take to note what became of an attempt, and a bit.
const NOTE: Duration = Duration::from_secs(22);
/// How long one event keeps its slot at work.
const AT_WORK: Duration = Duration::from_secs(45);
/// How long a delivery is put off about which the database does not answer.
const DATABASE_PAUSE: Duration = Duration::from_secs(2);
/// How many that are due are looked at in one turn.
const TURN: u32 = 16;

/// Delivers what the event names, and then whatever else is due by the same channel.
///
/// In a task of its own: a transport that gives up waiting must not cut off a mail that the server may have taken.
pub(crate) async fn delivery_due(cx: Context<Notify>, event: DeliveryDue) -> Result<(), Failure> {
    tokio::spawn(work(cx, event).in_current_span()).await.or_retry()?
}

/// Without a free slot it returns: a handler that has one takes the rest.
async fn work(cx: Context<Notify>, event: DeliveryDue) -> Result<(), Failure> {
    let deliveries = cx.db.deliveries();
    let Some(delivery) = deliveries.get(event.delivery_id).await.map_err(Failure::of)? else {
        return Ok(());
    };
    let longest = match delivery.channel {
        Channel::Mail => cx.mailer.longest(),
        Channel::Webhook | Channel::Destination => caller::LIMIT,
    };
    let until = Instant::now() + AT_WORK;
    let mut turn = vec![delivery.id];
    while !turn.is_empty() {
        let Some(slot) = cx.gate.slot(delivery.channel) else { return Ok(()) };
        for id in turn {
            let over = Instant::now() >= until || cx.call.shutdown.is_cancelled();
            if over || !deliver(&cx, id, longest + NOTE, &cx.call.trace).await? {
                return Ok(());
            }
        }
        // Free the slot before the next query: handlers that found no slot rely on it.
        drop(slot);
        turn = deliveries.due(delivery.channel, Duration::ZERO, TURN).await.map_err(Failure::of)?;
    }
    Ok(())
}

/// Whether to go on with this channel: not while the mail server's circuit is open. Another sender takes over
/// after `span`: a receiver that is only slow is not called twice.
async fn deliver(cx: &Notify, id: DeliveryId, span: Duration, event: &Trace) -> Result<bool, Failure> {
    let claim = match cx.db.deliveries().claim(id, span).await {
        Ok(Some(claim)) => claim,
        Ok(None) => return Ok(true),
        Err(error) if error.is_outage() => return Err(Failure::of(error)),
        Err(error) => {
            // Another version has written it, and will make it. It holds up nobody.
            tracing::error!(delivery = %id, %error, "unreadable");
            return Ok(true);
        }
    };
    let mut traced = traced(&claim.delivery, event);
    let attempt = attempt(cx, &claim.delivery).await;
    if matches!(attempt, Attempt::Failed(_) | Attempt::Refused(_)) {
        // What the other side has said may name somebody.
        traced.failed("");
    }
    drop(traced);
    log(&claim.delivery, &attempt);
    count(claim.delivery.channel, &attempt);
    let postponed = matches!(attempt, Attempt::Postponed(_));
    cx.db.deliveries().settle(&claim, attempt).await.map_err(Failure::of)?;
    Ok(!postponed || claim.delivery.channel != Channel::Mail)
}

/// An attempt belongs to the trace of what is told, which may be another than the event's.
fn traced(delivery: &Delivery, event: &Trace) -> Traced {
    let cause = event.within(&delivery.trace);
    let mut traced = Traced::begin(SpanKind::Client, "deliver", delivery.channel.as_str(), cause);
    traced.set("tapedeck.delivery.id", delivery.id.to_string());
    traced.set("tapedeck.delivery.attempt", i64::from(delivery.attempts));
    if let Some((job, _)) = delivery.about {
        traced.set("tapedeck.job.id", job.to_string());
    }
    traced
}

async fn attempt(cx: &Notify, delivery: &Delivery) -> Attempt {
    let attempt = match delivery.channel {
        Channel::Mail => mails::send(cx, delivery).await,
        Channel::Webhook => webhook::call(cx, delivery).await,
        Channel::Destination => destinations::call(cx, delivery).await,
    };
    match attempt {
        Ok(attempt) => attempt,
        // Nobody was asked for anything: not a reason to wait for the end of the claim.
        Err(error) if error.is_outage() => {
            tracing::warn!(delivery = %delivery.id, %error, "delayed");
            Attempt::Postponed(DATABASE_PAUSE)
        }
        // A row that can't be read: somebody may mend it.
        Err(error) => Attempt::Failed(error.to_string()),
    }
}

fn count(channel: Channel, attempt: &Attempt) {
    let outcome = match attempt {
        Attempt::Sent => "sent",
        Attempt::Failed(_) => "failed",
        Attempt::Refused(_) => "refused",
        Attempt::Dropped(_) => "dropped",
        Attempt::Postponed(_) => "postponed",
    };
    counter!("tapedeck_deliveries_total", "channel" => channel.as_str(), "outcome" => outcome).increment(1);
}

fn log(delivery: &Delivery, attempt: &Attempt) {
    let Delivery { id, attempts, .. } = delivery;
    match attempt {
        Attempt::Failed(cause) => tracing::warn!(delivery = %id, attempts, cause, "not delivered"),
        Attempt::Refused(cause) => tracing::warn!(delivery = %id, cause, "refused"),
        Attempt::Dropped(cause) => tracing::info!(delivery = %id, cause, "dropped"),
        Attempt::Sent | Attempt::Postponed(_) => {}
    }
}
