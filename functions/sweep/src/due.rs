//! What is due.

use std::time::{Duration, Instant};

use blobs::Blob;
use contracts::SweepDue;
use db::{Garbage, Task};
use futures_util::{StreamExt as _, stream};
use runtime::{Context, Failure, OrFail as _};

use crate::{Sweep, days};

/// How long one look goes on; the next tick goes on where it ended.
const BUDGET: Duration = Duration::from_secs(45);
/// How long the lease is: longer than a look.
const LEASE: Duration = Duration::from_secs(120);
/// Jobs or blobs of one page.
const PAGE: u32 = 500;
/// Blobs that are removed at once.
const AT_ONCE: usize = 8;
/// A delivery that is due for so long has nobody who comes to it by himself.
const UNHEARD: Duration = Duration::from_secs(10);
/// Events that say so again, for each channel.
const ANNOUNCED: u32 = 8;

pub(crate) async fn due(cx: Context<Sweep>, _: SweepDue) -> Result<(), Failure> {
    let tickets =
        cx.db.jobs().issue_tickets(Duration::from_secs(cx.config.ticket_seconds)).await.or_retry()?;
    let tickets: Vec<_> = tickets.into_iter().map(|ticket| ticket.envelope).collect();
    if !tickets.is_empty() {
        tracing::warn!(tickets = tickets.len(), "jobs wait and nobody takes them: tickets are issued again");
        cx.broker.publish_all(&tickets).await;
    }
    let (next, now) = (cx.db.next_due().await.or_retry()?, cx.db.now().await.or_retry()?);
    if next.is_none_or(|next| next > now) {
        return Ok(());
    }
    if cx.db.take_lease(Task::Sweep, cx.owner, LEASE).await.or_retry()?.is_none() {
        return Ok(());
    }
    let looked = tokio::time::timeout(BUDGET, look(&cx)).await;
    cx.db.release_lease(Task::Sweep, cx.owner, "").await.or_retry()?;
    looked.unwrap_or(Ok(()))
}

/// Each part goes on until nothing of it is due. Being cut off in the middle loses nothing.
async fn look(cx: &Context<Sweep>) -> Result<(), Failure> {
    cx.broker.publish_pending().await;
    while let Some(events) = jobs(cx).await? {
        cx.broker.publish_all(&events).await;
    }
    let announced = cx.db.deliveries().announce(UNHEARD, ANNOUNCED).await.or_retry()?;
    let announced: Vec<_> = announced.into_iter().map(|due| due.envelope).collect();
    cx.broker.publish_all(&announced).await;
    garbage(cx).await?;
    cx.db.forget_expired_tokens(PAGE).await.or_retry()?;
    let before = cx.db.now().await.or_retry()?.before(days(cx.config.keep_deliveries_days));
    cx.db.deliveries().forget(before, PAGE).await.or_retry()?;
    Ok(())
}

/// A page of jobs; `None` when none was due.
async fn jobs(cx: &Context<Sweep>) -> Result<Option<Vec<contracts::Envelope>>, Failure> {
    let looked = cx.db.jobs().look(cx.config.keep(), PAGE).await.or_retry()?;
    let go_on = looked.jobs > 0 && !cx.call.shutdown.is_cancelled();
    if !looked.events.is_empty() {
        tracing::info!(jobs = looked.jobs, events = looked.events.len(), "jobs were due");
    }
    Ok(go_on.then_some(looked.events))
}

/// Removes blobs until none is due. What can't be removed now is due again later.
async fn garbage(cx: &Context<Sweep>) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut removed = 0;
    loop {
        let due = cx.db.due_garbage(PAGE).await.or_retry()?;
        if due.is_empty() || cx.call.shutdown.is_cancelled() {
            break;
        }
        let mut done = stream::iter(due).map(|blob| remove(cx, blob)).buffer_unordered(AT_ONCE);
        while let Some(outcome) = done.next().await {
            removed += usize::from(outcome?);
        }
    }
    if removed > 0 {
        tracing::info!(removed, seconds = begun.elapsed().as_secs_f32(), "blobs removed");
    }
    Ok(())
}

async fn remove(cx: &Sweep, garbage: Garbage) -> Result<bool, Failure> {
    let blob = match garbage {
        Garbage::Video(id) => Blob::Video(id),
        Garbage::Audio(id) => Blob::Audio(id),
    };
    match cx.blobs.delete(blob).await {
        Ok(removed) => {
            cx.db.garbage_removed(garbage).await.or_retry()?;
            Ok(removed)
        }
        Err(error) => {
            tracing::warn!(%blob, %error, "not removed; tried again later");
            cx.db.garbage_stays(garbage).await.or_retry()?;
            Ok(false)
        }
    }
}
