//! What may happen next.

use crate::{
    actors::{owner, sender, sweeper, upload, worker},
    bench::Bench,
    rows::TICK,
    world::{State, World},
};

/// One thing that happens. The numbers say to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    Upload(usize, upload::Move),
    Worker(usize, worker::Move),
    Sender(usize, sender::Move),
    Sweeper(sweeper::Move),
    Owner(usize, owner::Move),
    /// Time passes, until something is due.
    Time,
}

/// Why it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By itself, sooner or later.
    Fair,
    /// It need not, and costs nothing.
    Free,
    /// Something goes wrong.
    Fault,
    /// Somebody wants it.
    Wish,
}

/// Why a step can't be right.
pub(crate) type Wrong = String;

/// All that may happen in this state.
pub(crate) fn moves(world: &World, state: &State) -> Vec<(Move, Kind)> {
    let mut moves = Vec::new();
    for job in 0..world.jobs {
        moves.extend(
            upload::moves(state, job).into_iter().map(|(step, kind)| (Move::Upload(job, step), kind)),
        );
        moves.extend(owner::moves(state, job).into_iter().map(|step| (Move::Owner(job, step), Kind::Wish)));
    }
    for who in 0..world.workers {
        moves.extend(
            worker::moves(world, state, who).into_iter().map(|(step, kind)| (Move::Worker(who, step), kind)),
        );
    }
    for who in 0..world.senders {
        moves.extend(
            sender::moves(world, state, who).into_iter().map(|(step, kind)| (Move::Sender(who, step), kind)),
        );
    }
    moves.extend(sweeper::moves(world, state).into_iter().map(|(step, kind)| (Move::Sweeper(step), kind)));
    if may_pass(state).is_some() {
        moves.push((Move::Time, Kind::Fair));
    }
    moves.retain(|(_, kind)| match kind {
        Kind::Fault => state.faults > 0,
        Kind::Wish => state.wishes > 0,
        Kind::Fair | Kind::Free => true,
    });
    moves
}

/// How long until something is due, if nobody has to act before.
fn may_pass(state: &State) -> Option<i64> {
    let span = state.rows.next_due()?;
    // Or blobs would pile up without end.
    let garbage =
        state.rows.of("garbage").filter(|row| row.ahead("due_at").is_some_and(|due| due <= 0)).count();
    if garbage > 1 {
        return None;
    }
    // An upload sends a heartbeat before it counts as abandoned, and stops soon when its job is gone.
    let arrivals = state.arrivals.iter().enumerate().all(|(number, arrival)| {
        let dies = state.job(number).and_then(|job| job.ahead("look_at"));
        arrival.is_none() || dies.is_some_and(|dies| span < dies)
    });
    // So does a converter; one whose heartbeats don't get through stops when its lease is over.
    let workers = state.workers.iter().flatten();
    let workers = workers.into_iter().all(|busy| span < busy.held || busy.stalled && span <= busy.held);
    // A mail takes less time than its claim, but for a stall.
    let senders = state.senders.iter().flatten().all(|sending| span < sending.left || sending.stalled);
    (arrivals && workers && senders).then_some(span)
}

/// Lets it happen.
///
/// # Errors
/// If something was answered that can't be right.
pub(crate) async fn step(
    world: &World,
    bench: &mut Bench,
    before: &State,
    (chosen, kind): (Move, Kind),
) -> Result<State, Wrong> {
    let mut state = before.clone();
    state.pay(kind);
    let done = match chosen {
        Move::Upload(job, step) => upload::step(world, bench, &mut state, (job, step)).await,
        Move::Worker(who, step) => worker::step(bench, &mut state, who, step).await,
        Move::Sender(who, step) => sender::step(bench, &mut state, who, step).await,
        Move::Sweeper(step) => sweeper::step(bench, &mut state, step).await,
        Move::Owner(job, step) => owner::step(bench, &mut state, job, step).await,
        Move::Time => {
            pass(&mut state, may_pass(before).unwrap_or(TICK));
            Ok(())
        }
    };
    done?;
    if let Some(sql) = bench.bug.and_then(|bug| bug.sql(chosen, before)) {
        bench.at(&state.rows).await;
        bench.sql(&sql).await;
    }
    if bench.was_used() {
        state.rows = bench.read().await;
    }
    crate::rules::remember(before, &mut state, chosen)?;
    Ok(state)
}

fn pass(state: &mut State, span: i64) {
    state.rows.pass(span);
    for busy in state.workers.iter_mut().flatten() {
        busy.held = (busy.held - span).max(0);
    }
    for sending in state.senders.iter_mut().flatten() {
        sending.left = (sending.left - span).max(0);
    }
}

/// A database that fails is not part of the model.
pub(crate) fn failed(error: db::Error) -> Wrong {
    format!("the database failed: {error}")
}

/// Whether nothing happens any more by itself.
pub(crate) fn is_rest(world: &World, state: &State) -> bool {
    !moves(world, state).iter().any(|(_, kind)| *kind == Kind::Fair)
}
