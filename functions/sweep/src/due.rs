//! What is due.

use std::time::{Duration, Instant};

use blobs::Blob;
use contracts::{EventId, SweepDue};
use db::{Garbage, Task};
use futures_util::{StreamExt as _, stream};
use runtime::{Context, Failure, OrFail as _};
use tokio::time::timeout;

use crate::{BUDGET, LEASE, Sweep, days};

/// Jobs or blobs of one page.
const PAGE: u32 = 500;
/// Blobs that are removed at once.
const AT_ONCE: usize = 8;
/// A delivery due for this long has lost its event: it is published again.
const UNHEARD: Duration = Duration::from_secs(10);
/// Events that say so again, for each channel.
const ANNOUNCED: u32 = 8;

pub(crate) async fn due(cx: Context<Sweep>, _: SweepDue) -> Result<(), Failure> {
    tickets(&cx).await?;
    let (next, now) = (cx.db.next_due().await.or_retry()?, cx.db.now().await.or_retry()?);
    if next.is_none_or(|next| next > now) {
        return Ok(());
    }
    let owner = EventId::generate();
    if cx.db.take_lease(Task::Sweep, owner, LEASE).await.or_retry()?.is_none() {
        return Ok(());
    }
    let looked = timeout(BUDGET, look(&cx)).await;
    cx.db.release_lease(Task::Sweep, owner, "").await.or_retry()?;
    looked.unwrap_or(Ok(()))
}

/// Has a turn of its own in the database, and needs no lease.
async fn tickets(cx: &Sweep) -> Result<(), Failure> {
    let after = Duration::from_secs(cx.config.ticket_seconds);
    let tickets = cx.db.jobs().issue_tickets(after).await.or_retry()?;
    let tickets: Vec<_> = tickets.into_iter().map(|ticket| ticket.envelope).collect();
    if !tickets.is_empty() {
        tracing::warn!(tickets = tickets.len(), "waiting jobs are not claimed: tickets issued again");
        cx.broker.publish_all(&tickets).await;
    }
    Ok(())
}

/// A part that fails does not keep the others from their turn. Being cut off anywhere loses nothing: rows stay due, and
/// events stay in the outbox.
async fn look(cx: &Context<Sweep>) -> Result<(), Failure> {
    cx.broker.publish_pending().await;
    let parts = [pages(cx).await, deliveries(cx).await, delete_expired(cx).await];
    parts.into_iter().collect()
}

/// A page of jobs and a page of blobs in turn until nothing is due, so that a backlog of one does not hold up the other; a
/// part of the time is left to what comes after. At the shutdown the pages in hand are the last ones.
async fn pages(cx: &Context<Sweep>) -> Result<(), Failure> {
    let until = Instant::now() + BUDGET / 2;
    loop {
        let (jobs, blobs) = (jobs(cx).await, garbage(cx).await);
        if jobs? + blobs? == 0 || Instant::now() >= until || cx.call.shutdown.is_cancelled() {
            return Ok(());
        }
    }
}

/// What a page has written to the outbox is published before the next one is asked for. Returns how many jobs were due.
async fn jobs(cx: &Sweep) -> Result<usize, Failure> {
    let looked = cx.db.jobs().look(cx.config.retention(), PAGE).await.or_retry()?;
    if !looked.events.is_empty() {
        tracing::info!(jobs = looked.jobs, events = looked.events.len(), "jobs were due");
        cx.broker.publish_all(&looked.events).await;
    }
    Ok(looked.jobs)
}

/// Says again that they are due.
async fn deliveries(cx: &Sweep) -> Result<(), Failure> {
    let announced = cx.db.deliveries().announce(UNHEARD, ANNOUNCED).await.or_retry()?;
    let announced: Vec<_> = announced.into_iter().map(|due| due.envelope).collect();
    cx.broker.publish_all(&announced).await;
    Ok(())
}

/// Removes expired rows.
async fn delete_expired(cx: &Sweep) -> Result<(), Failure> {
    cx.db.delete_expired_tokens(PAGE).await.or_retry()?;
    cx.db.uploads().delete_expired_uploads(PAGE).await.or_retry()?;
    cx.db.delete_expired_request_keys(PAGE).await.or_retry()?;
    cx.db.delete_expired_guests(PAGE).await.or_retry()?;
    let before = cx.db.now().await.or_retry()?.before(days(cx.config.keep_deliveries_days));
    cx.db.deliveries().delete_ended(before, PAGE).await.or_retry()?;
    Ok(())
}

/// Removes a page of blobs. What can't be removed now is due again later. Returns how many were due.
async fn garbage(cx: &Sweep) -> Result<usize, Failure> {
    let begun = Instant::now();
    let due = cx.db.due_garbage(PAGE).await.or_retry()?;
    let (count, mut removed) = (due.len(), 0);
    let mut done = stream::iter(due).map(|blob| remove(cx, blob)).buffer_unordered(AT_ONCE);
    while let Some(outcome) = done.next().await {
        removed += usize::from(outcome?);
    }
    if removed > 0 {
        tracing::info!(removed, seconds = begun.elapsed().as_secs_f32(), "blobs removed");
    }
    Ok(count)
}

/// Returns whether there was anything.
async fn remove(cx: &Sweep, garbage: Garbage) -> Result<bool, Failure> {
    let blobs = match garbage {
        Garbage::Video(id) => vec![Blob::Video(id)],
        Garbage::Audio(id) => vec![Blob::Audio(id), Blob::Peaks(id)],
    };
    let mut removed = false;
    for blob in blobs {
        match cx.blobs.delete(blob).await {
            Ok(was_there) => removed |= was_there,
            Err(error) => {
                tracing::warn!(%blob, %error, "delete failed; retried later");
                cx.db.garbage_stays(garbage).await.or_retry()?;
                return Ok(removed);
            }
        }
    }
    cx.db.garbage_removed(garbage).await.or_retry()?;
    Ok(removed)
}
