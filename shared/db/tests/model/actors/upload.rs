//! An upload: a row, then the video, then the yes. As in `functions/upload/src/{receive,create}.rs`.

use contracts::{NotifyBy, Options};
use db::{NewJob, Source};

use crate::{
    bench::Bench,
    bugs::Bug,
    moves::{Kind, Wrong, failed},
    rows::TICK,
    world::{Arrival, Fate, Mail, State, World, job_id, user_id, video_id},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    Begins,
    Arrives,
    IsStored,
    IsAccepted,
    /// It is accepted, but the answer of the database is lost.
    IsAcceptedUnheard,
    GivesSignOfLife,
    /// The client hangs up.
    IsGivenUp,
    Crashes,
}

pub(crate) fn moves(state: &State, job: usize) -> Vec<(Move, Kind)> {
    use Move::*;
    let Some(arrival) = state.arrivals[job] else {
        let unborn = state.memory[job].fate == Fate::Unborn;
        return if unborn { vec![(Begins, Kind::Free)] } else { Vec::new() };
    };
    let mut moves = vec![(IsGivenUp, Kind::Wish), (Crashes, Kind::Fault)];
    match arrival {
        Arrival::Named => moves.push((Arrives, Kind::Fair)),
        Arrival::Arriving => moves.push((IsStored, Kind::Fair)),
        Arrival::Stored => moves.extend([(IsAccepted, Kind::Fair), (IsAcceptedUnheard, Kind::Fault)]),
    }
    let fresh = state.job(job).and_then(|row| row.ahead("look_at")).is_some_and(|dies| dies == 3 * TICK);
    if !fresh {
        moves.push((GivesSignOfLife, Kind::Fair));
    }
    moves
}

pub(crate) async fn step(
    world: &World,
    bench: &mut Bench,
    state: &mut State,
    (job, step): (usize, Move),
) -> Result<(), Wrong> {
    let (id, video) = (job_id(job), video_id(job).to_string());
    match step {
        Move::Begins => {
            let new = NewJob { id, user_id: user_id(job), video_id: video_id(job) };
            bench.at(&state.rows).await.jobs().create(&new).await.map_err(failed)?;
            state.arrivals[job] = Some(Arrival::Named);
        }
        Move::Arrives => {
            state.blobs.insert(video, false);
            state.arrivals[job] = Some(Arrival::Arriving);
        }
        Move::IsStored => {
            state.blobs.insert(video, true);
            state.arrivals[job] = Some(Arrival::Stored);
        }
        Move::IsAccepted | Move::IsAcceptedUnheard => {
            let db = bench.at(&state.rows).await;
            let source =
                Source { name: "clip.mp4".into(), bytes: 7, container: "mp4".into(), ..Source::default() };
            let notify = Some(if world.mail == Mail::Unwanted { NotifyBy::None } else { NotifyBy::Mail });
            let options = Options { notify, ..Options::default() };
            let queued = db.jobs().queue(id, &source, &options).await.map_err(failed)?;
            state.arrivals[job] = None;
            let unheard = step == Move::IsAcceptedUnheard;
            if unheard && bench.bug == Some(Bug::UnsureUploadDeletesItsVideo) {
                state.blobs.remove(&video);
            }
            // Who is not sure, or hears that the job is gone, gives up what was not accepted.
            if (queued.is_none() || unheard) && db.jobs().abandon_upload(id).await.map_err(failed)? {
                return Err("an upload was accepted and could still be given up".into());
            }
        }
        Move::GivesSignOfLife => {
            let wanted = bench.at(&state.rows).await.jobs().touch_upload(id).await.map_err(failed)?;
            if !wanted {
                state.arrivals[job] = None;
            }
        }
        Move::IsGivenUp => {
            bench.at(&state.rows).await.jobs().abandon_upload(id).await.map_err(failed)?;
            state.arrivals[job] = None;
        }
        Move::Crashes => state.arrivals[job] = None,
    }
    Ok(())
}
