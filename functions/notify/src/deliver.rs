//! The handler: claim what is due, send it, note what became of it.

use std::time::{Duration, Instant};

use contracts::{Channel, DeliveryDue, DeliveryId};
use db::{Attempt, Delivery};
use runtime::{Context, Failure};

use crate::{Notify, mails, webhook};

/// How long a sender may take before another one takes over.
const CLAIM: Duration = Duration::from_secs(60);
/// How long one event keeps its slot at work; below the time after which a Trigger gives up.
const AT_WORK: Duration = Duration::from_secs(45);
/// How many that are due are looked at in one turn.
const TURN: u32 = 16;

/// Delivers what the event names, and then whatever else is due by the same channel. Without a free slot nothing is done:
/// those who have one will come to it.
pub(crate) async fn delivery_due(cx: Context<Notify>, event: DeliveryDue) -> Result<(), Failure> {
    let Some(delivery) = cx.db.deliveries().get(event.delivery_id).await.map_err(Failure::of)? else {
        return Ok(());
    };
    let Some(_slot) = cx.gate.slot(delivery.channel) else { return Ok(()) };
    let until = Instant::now() + AT_WORK;
    let mut may_go_on = deliver(&cx, event.delivery_id).await?;
    while may_go_on {
        let due =
            cx.db.deliveries().due(delivery.channel, Duration::ZERO, TURN).await.map_err(Failure::of)?;
        if due.is_empty() {
            return Ok(());
        }
        for id in due {
            if !may_go_on || Instant::now() >= until || cx.call.shutdown.is_cancelled() {
                return Ok(());
            }
            may_go_on = deliver(&cx, id).await?;
        }
    }
    Ok(())
}

/// Whether others by the same channel may go: not while the one mail server is left alone.
async fn deliver(cx: &Notify, id: DeliveryId) -> Result<bool, Failure> {
    let Some(claim) = cx.db.deliveries().claim(id, CLAIM).await.map_err(Failure::of)? else {
        return Ok(true);
    };
    let attempt = attempt(cx, &claim.delivery).await.map_err(Failure::of)?;
    let postponed = matches!(attempt, Attempt::Postponed(_));
    match &attempt {
        Attempt::Failed(cause) => {
            tracing::warn!(delivery = %id, attempt = claim.delivery.attempts, cause, "not delivered");
        }
        Attempt::Refused(cause) => tracing::warn!(delivery = %id, cause, "refused"),
        Attempt::Dropped(cause) => tracing::info!(delivery = %id, cause, "dropped"),
        Attempt::Sent | Attempt::Postponed(_) => {}
    }
    cx.db.deliveries().settle(&claim, attempt).await.map_err(Failure::of)?;
    Ok(!postponed || claim.delivery.channel == Channel::Webhook)
}

async fn attempt(cx: &Notify, delivery: &Delivery) -> db::Result<Attempt> {
    match delivery.channel {
        Channel::Mail => mails::send(cx, delivery).await,
        Channel::Webhook => webhook::call(cx, delivery).await,
    }
}
