//! The sweep, each call of it by itself, so that several sweeps may be at it. As in `functions/sweep/src/due.rs`, without
//! its lease: that one spares work, nothing depends on it.

use contracts::{DeliveryDue, Event as _, VideoUploaded};
use db::{Garbage, Retention};

use crate::{
    bench::{Bench, STEP},
    bugs::Bug,
    moves::{Kind, Wrong, failed},
    rows::{Row, TICK},
    world::{State, World, job_id},
};

/// Videos are kept for one step of time after the end, audio for two, the job's row for three.
const KEEP: Retention = Retention { videos: STEP, jobs: STEP.saturating_mul(3) };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    LooksAtJobs,
    /// It looks at a job that was due when it made its list, and is not any more.
    LooksLateAt(usize),
    IssuesTickets,
    LosesTicket,
    Announces,
    /// Deletes a blob; of those that are due this one.
    DeletesBlob(usize),
    CannotDelete(usize),
    /// Says in the row that the blob is gone.
    ForgetsBlob(usize),
    Crashes(usize),
}

pub(crate) fn moves(world: &World, state: &State) -> Vec<(Move, Kind)> {
    use Move::*;
    let mut moves = Vec::new();
    if !state.rows.of("jobs").any(|job| is_out_of_time(state, job)) {
        if state.rows.of("jobs").any(|job| job.ahead("look_at").is_some_and(|ahead| ahead <= 0)) {
            moves.push((LooksAtJobs, Kind::Fair));
        }
        for (job, row) in (0..world.jobs).filter_map(|job| Some((job, state.job(job)?))) {
            // A rest that is cut short so is a rare thing; for all others it changes nothing.
            let rests = row.text("state") == "queued" && row.int("queue_rank").is_none();
            moves.push((LooksLateAt(job), if rests { Kind::Fault } else { Kind::Free }));
        }
    }
    if state.tickets() > 0 {
        moves.push((LosesTicket, Kind::Fault));
    }
    // More tickets than jobs are harmless, but there is no end to them.
    if state.tickets() < world.jobs && state.rows.ticket_due().is_some_and(|due| due <= 0) {
        moves.push((IssuesTickets, Kind::Fair));
    }
    if state.rows.of("deliveries").any(|row| is_unheard(state, row)) {
        moves.push((Announces, Kind::Fair));
    }
    if state.removers.iter().any(Option::is_none) {
        let due = due_blobs(state).count();
        moves.extend(
            (0..due).flat_map(|blob| [(DeletesBlob(blob), Kind::Fair), (CannotDelete(blob), Kind::Fault)]),
        );
    }
    let busy = (0..world.removers).filter(|who| state.removers[*who].is_some());
    moves.extend(busy.flat_map(|who| [(ForgetsBlob(who), Kind::Fair), (Crashes(who), Kind::Fault)]));
    moves
}

/// Whether the job's row would go before its deliveries are over. Rows are kept for a year, deliveries are over after days.
fn is_out_of_time(state: &State, job: &Row) -> bool {
    let mut deliveries = state.rows.of("deliveries").filter(|row| row.text("job_id") == job.text("id"));
    let is_old = job.ahead("finished_at").is_some_and(|finished| finished <= -3 * TICK);
    is_old && deliveries.any(|row| row.text("outcome").is_empty())
}

fn is_unheard(state: &State, delivery: &Row) -> bool {
    let hints = |id: &str| state.rows.events(DeliveryDue::TYPE).any(|row| row.text("subject") == id);
    delivery.ahead("due_at").is_some_and(|due| due <= -TICK) && !hints(delivery.text("id"))
}

pub(crate) async fn step(bench: &mut Bench, state: &mut State, step: Move) -> Result<(), Wrong> {
    if let Move::Crashes(who) = step {
        state.removers[who] = None;
        return Ok(());
    }
    let db = bench.at(&state.rows).await;
    match step {
        Move::LooksAtJobs => drop(db.jobs().look(KEEP, 500).await.map_err(failed)?),
        Move::LooksLateAt(job) => {
            let due = format!("UPDATE jobs SET look_at = {} WHERE id = '{}'", crate::rows::NOW, job_id(job));
            bench.sql(&due).await;
            db.jobs().look(KEEP, 500).await.map_err(failed)?;
        }
        Move::IssuesTickets if bench.bug == Some(Bug::TicketsAreNotIssuedAgain) => {}
        Move::IssuesTickets => drop(db.jobs().issue_tickets(STEP).await.map_err(failed)?),
        Move::LosesTicket => {
            let ticket = state.rows.events(VideoUploaded::TYPE).next().map(|row| row.text("id").to_owned());
            db.outbox().sent(&ticket.unwrap_or_default()).await.map_err(failed)?;
        }
        Move::Announces => drop(db.deliveries().announce(STEP, 8).await.map_err(failed)?),
        Move::DeletesBlob(blob) | Move::CannotDelete(blob) => {
            // The order of those that are due since the same time is the database's.
            let wanted = due_blobs(state).nth(blob).map(|row| row.text("blob_id").to_owned());
            let due = db.due_garbage(500).await.map_err(failed)?;
            let garbage = due.into_iter().find(|garbage| Some(blob_id(*garbage)) == wanted);
            let garbage = garbage.ok_or("garbage is due and not told")?;
            if step == Move::CannotDelete(blob) {
                return db.garbage_stays(garbage).await.map_err(failed);
            }
            state.blobs.remove(&blob_id(garbage));
            if let Some(free) = state.removers.iter_mut().find(|who| who.is_none()) {
                *free = Some(garbage);
            }
        }
        Move::ForgetsBlob(who) => {
            let garbage = state.removers[who].take().ok_or("nothing to forget")?;
            db.garbage_removed(garbage).await.map_err(failed)?;
        }
        Move::Crashes(_) => {}
    }
    Ok(())
}

fn due_blobs(state: &State) -> impl Iterator<Item = &Row> {
    state.rows.of("garbage").filter(|row| row.ahead("due_at").is_some_and(|due| due <= 0))
}

fn blob_id(garbage: Garbage) -> String {
    match garbage {
        Garbage::Video(id) => id.to_string(),
        Garbage::Audio(id) => id.to_string(),
    }
}
