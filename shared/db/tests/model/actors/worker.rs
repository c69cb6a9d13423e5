//! A converter: a ticket, a claim, audio, an end. As in `functions/convert/src/{convert,lease,run}.rs`.

use std::time::Duration;

use contracts::{Event as _, FailureCode, VideoUploaded};
use db::{Audio, Finished, Release};

use crate::{
    bench::{Bench, STEP},
    bugs::Bug,
    moves::{Kind, Wrong, failed},
    rows::TICK,
    world::{At, Busy, Media, State, World},
};

/// A lease: two steps of time.
const LEASE: Duration = STEP.saturating_mul(2);
const HELD: i64 = 2 * TICK;
/// How long audio is kept.
const KEEP: Duration = STEP.saturating_mul(2);

/// While so many blobs are to be removed nobody begins anything.
const GARBAGE: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    TakesTicket,
    /// It takes a ticket that comes a second time.
    TakesTicketTwice,
    Begins,
    StoresAudio,
    Finishes,
    /// The answer of the database is lost, and the end written a second time.
    FinishesTwice,
    /// The answer is lost for good.
    FinishesUnheard,
    FindsNoAudio,
    GivesBack(Release),
    Heartbeat,
    /// Its heartbeats do not get through any more.
    Stalls,
    /// Its lease is over by its own clock.
    Stops,
    Crashes,
}

pub(crate) fn moves(world: &World, state: &State, who: usize) -> Vec<(Move, Kind)> {
    use Move::*;
    let Some(busy) = &state.workers[who] else {
        // All idle workers are the same.
        let first = state.workers.iter().position(Option::is_none) == Some(who);
        // Blobs of attempts must not pile up without end.
        let takes = first && state.tickets() > 0 && state.rows.of("garbage").count() < GARBAGE;
        return if takes {
            vec![(TakesTicket, Kind::Fair), (TakesTicketTwice, Kind::Fault)]
        } else {
            Vec::new()
        };
    };
    let mut moves = vec![(Crashes, Kind::Fault), (GivesBack(Release::Shutdown), Kind::Fault)];
    match (busy.at, world.media) {
        (At::Claimed, _) => moves.push((Begins, Kind::Fair)),
        (At::Converting, Media::Audio) => moves.extend([
            (StoresAudio, Kind::Fair),
            (FindsNoAudio, Kind::Fault),
            (GivesBack(Release::Crashed), Kind::Fault),
            (GivesBack(Release::Outage), Kind::Fault),
        ]),
        (At::Converting, Media::Crash) => moves.push((GivesBack(Release::Crashed), Kind::Fair)),
        (At::Converting, Media::Outage) => moves.push((GivesBack(Release::Outage), Kind::Fair)),
        (At::Stored, _) => {
            moves.extend([
                (Finishes, Kind::Fair),
                (FinishesTwice, Kind::Free),
                (FinishesUnheard, Kind::Fault),
            ]);
        }
    }
    match busy.held {
        0 => moves.push((Stops, Kind::Fair)),
        HELD if !busy.stalled => moves.push((Stalls, Kind::Fault)),
        _ => moves.push((Heartbeat, Kind::Fair)),
    }
    moves
}

pub(crate) async fn step(bench: &mut Bench, state: &mut State, who: usize, step: Move) -> Result<(), Wrong> {
    match step {
        Move::TakesTicket | Move::TakesTicketTwice => {
            let ticket = state.rows.events(VideoUploaded::TYPE).next().map(|row| row.text("id").to_owned());
            if let (Some(ticket), Move::TakesTicket) = (ticket, step) {
                bench.at(&state.rows).await.outbox().sent(&ticket).await.map_err(failed)?;
            }
            return claim(bench, state, who).await;
        }
        Move::Crashes | Move::Stops => {
            state.workers[who] = None;
            return Ok(());
        }
        _ => {}
    }
    let Some(mut busy) = state.workers[who].clone() else { return Ok(()) };
    match step {
        Move::Begins => return begin(bench, state, who).await,
        Move::StoresAudio => {
            state.blobs.insert(busy.claimed.lease.audio_id.to_string(), true);
            busy.at = At::Stored;
        }
        Move::Stalls => busy.stalled = true,
        Move::Heartbeat => {
            let db = bench.at(&state.rows).await;
            let kept = db
                .jobs()
                .extend_lease(&busy.claimed.lease, LEASE, 0.5, contracts::Stage::Encoding)
                .await
                .map_err(failed)?;
            state.workers[who] = kept.then_some(Busy { held: HELD, stalled: false, ..busy });
            return Ok(());
        }
        _ => {
            end(bench, state, &busy, step).await?;
            state.workers[who] = None;
            return Ok(());
        }
    }
    state.workers[who] = Some(busy);
    Ok(())
}

async fn claim(bench: &mut Bench, state: &mut State, who: usize) -> Result<(), Wrong> {
    let db = bench.at(&state.rows).await;
    let Some(claimed) = db.jobs().claim_next(LEASE).await.map_err(failed)? else { return Ok(()) };
    let busy = Busy { claimed, at: At::Claimed, held: HELD, stalled: false, taken: false };
    state.workers[who] = Some(busy);
    Ok(())
}

/// Jobs of locked accounts are canceled, and the next one is taken. A video that is not there is damaged.
async fn begin(bench: &mut Bench, state: &mut State, who: usize) -> Result<(), Wrong> {
    let Some(mut busy) = state.workers[who].take() else { return Ok(()) };
    let (db, job) = (bench.at(&state.rows).await, &busy.claimed.job);
    let owner = db.user(job.user_id).await.map_err(failed)?;
    if owner.is_some_and(|owner| owner.disabled_at.is_some()) {
        db.jobs().cancel(job.id).await.map_err(failed)?;
        state.take_away(job.id);
        return claim(bench, state, who).await;
    }
    if !state.is_whole(&job.video_id.to_string()) {
        return end(bench, state, &busy, Move::FindsNoAudio).await;
    }
    state.blobs.insert(busy.claimed.lease.audio_id.to_string(), false);
    busy.at = At::Converting;
    state.workers[who] = Some(busy);
    Ok(())
}

/// The end of an attempt. What was written of its audio stays in the store.
async fn end(bench: &mut Bench, state: &mut State, busy: &Busy, step: Move) -> Result<(), Wrong> {
    let (db, lease) = (bench.at(&state.rows).await, &busy.claimed.lease);
    match step {
        Move::GivesBack(why) => drop(db.jobs().release(&busy.claimed, why).await.map_err(failed)?),
        Move::FindsNoAudio => {
            drop(db.jobs().fail(&busy.claimed, FailureCode::NoAudio, "").await.map_err(failed)?)
        }
        _ => {
            let first = db.jobs().finish(&busy.claimed, &finished(busy), "1").await.map_err(failed)?;
            if step == Move::FinishesTwice {
                let again = db.jobs().finish(&busy.claimed, &finished(busy), "1").await.map_err(failed)?;
                if first.is_some() != again.is_some() {
                    return Err("who writes an end a second time hears something else".into());
                }
            }
            let lost = step == Move::FinishesUnheard || first.is_none();
            if lost && bench.bug == Some(Bug::UnsureConverterDeletesItsAudio) {
                state.blobs.remove(&lease.audio_id.to_string());
            }
        }
    }
    Ok(())
}

fn finished(busy: &Busy) -> Finished {
    Finished {
        audio: Audio {
            id: busy.claimed.lease.audio_id,
            bytes: 7,
            duration: Duration::from_secs(1),
            codec: "mp3".into(),
            bitrate: 190_000,
        },
        peaks: None,
        source_codec: None,
        source_duration: None,
        warning: None,
        keep: KEEP,
    }
}
