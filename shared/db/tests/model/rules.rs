//! What must be true, whatever has happened.

use contracts::{AudioReady, ConversionFailed, Event as _};
use db::MAX_ATTEMPTS;

use crate::{
    actors::owner,
    moves::{Move, Wrong},
    rows::Row,
    world::{Fate, Mail, State, World, number},
};

/// Notes what a step has done to each job. Facts are taken out of the outbox: nobody hears them.
///
/// # Errors
/// If an accepted job is gone.
pub(crate) fn remember(before: &State, state: &mut State, chosen: Move) -> Result<(), Wrong> {
    for row in before.rows.0.iter().chain(&state.rows.0).filter(|row| row.is_of("outbox")) {
        let memory = state.memory.get_mut(number_or_none(row.text("subject")));
        match (row.text("kind"), memory) {
            (AudioReady::TYPE, Some(memory)) => memory.ready += 1,
            (ConversionFailed::TYPE, Some(memory)) => memory.failed += 1,
            _ => {}
        }
    }
    state.rows.0.retain(|row| {
        !row.is_of("outbox") || ![AudioReady::TYPE, ConversionFailed::TYPE].contains(&row.text("kind"))
    });
    for job in 0..state.memory.len() {
        let claimed = |other: usize| other != job && has_begun(before, state, other);
        let passed = (0..state.memory.len()).filter(|other| claimed(*other)).count();
        let row = state.job(job);
        let waits = row.is_some_and(|row| row.int("queue_rank").is_some());
        let fate = fate(state.memory[job].fate, row, chosen == Move::Owner(job, owner::Move::Deletes))?;
        let memory = &mut state.memory[job];
        memory.fate = fate;
        memory.passed = if waits { memory.passed + u8::try_from(passed).unwrap() } else { 0 };
    }
    Ok(())
}

/// Deliveries have random ids; jobs have ours.
fn number_or_none(subject: &str) -> usize {
    if subject.starts_with("0000") { number(subject) } else { usize::MAX }
}

fn has_begun(before: &State, state: &State, job: usize) -> bool {
    let converts = |state: &State| state.job(job).is_some_and(|row| row.text("state") == "converting");
    converts(state) && !converts(before)
}

fn fate(fate: Fate, row: Option<&Row>, deleted: bool) -> Result<Fate, Wrong> {
    Ok(match (row.map(|row| row.text("state")), fate) {
        (Some("uploading"), _) => Fate::Uploading,
        (Some("queued" | "converting"), _) => Fate::Accepted,
        (Some(_), _) => Fate::Ended,
        (None, Fate::Uploading) => Fate::Gone,
        (None, _) if deleted => Fate::Gone,
        (None, Fate::Accepted) => return Err("an accepted job is gone, and nobody has deleted it".into()),
        (None, fate) => fate,
    })
}

/// What must be true in every state.
///
/// # Errors
/// What is not.
pub(crate) fn always(world: &World, state: &State) -> Result<(), Wrong> {
    for row in state.rows.of("jobs") {
        blobs_exist(state, row)?;
        is_told(world, state, row)?;
        let memory = &state.memory[number(row.text("id"))];
        holds(row.int("attempts") <= Some(MAX_ATTEMPTS.into()), "a job is tried more often than the limit")?;
        let ends = i64::from(memory.ready + memory.failed);
        holds(Some(ends) <= row.int("end_no"), "an end was published twice")?;
    }
    for memory in &state.memory {
        holds(memory.ready <= 1, "a job was done twice")?;
        let doubled = memory.mails.values().any(|(sent, excused)| *sent > 1 + excused);
        holds(!doubled, "an end was told twice, and not in SMTP's window")?;
        let bound = 1 + world.faults - state.faults;
        holds(memory.passed <= bound, "a job waits and others are claimed again and again")?;
    }
    leases_hold(state)?;
    mails_are_what_they_say(state)?;
    all_blobs_are_named(state)
}

/// What must be true when nothing is left to be done and nothing will be due.
///
/// # Errors
/// What is not.
pub(crate) fn at_rest(state: &State) -> Result<(), Wrong> {
    let lost = state.memory.iter().any(|memory| memory.fate == Fate::Accepted);
    holds(!lost, "an accepted job never ends")?;
    let untold = state.rows.of("deliveries").any(|row| row.text("outcome").is_empty());
    holds(!untold, "an end is never told, nor dropped")?;
    holds(state.rows.of("jobs").next().is_none(), "a job's row is never removed")?;
    holds(state.blobs.is_empty(), "a blob is never removed")?;
    holds(state.rows.of("garbage").next().is_none(), "garbage is never removed")
}

fn holds(rule: bool, otherwise: &str) -> Result<(), Wrong> {
    if rule { Ok(()) } else { Err(otherwise.into()) }
}

/// No row names a blob that is not there.
fn blobs_exist(state: &State, job: &Row) -> Result<(), Wrong> {
    let video = job.int("video_removed_at").is_none() && state.is_whole(job.text("video_id"));
    match job.text("state") {
        "queued" | "converting" => holds(video, "a job waits or is converted and its video is not there"),
        "failed" | "canceled" if job.int("video_removed_at").is_none() => {
            holds(video, "a job could be tried again and its video is not there")
        }
        "done" => holds(state.is_whole(job.text("audio_id")), "a job is done and its audio is not there"),
        _ => Ok(()),
    }
}

/// No blob, whole or in part, that no row names.
fn all_blobs_are_named(state: &State) -> Result<(), Wrong> {
    let named = |id: &str| {
        let garbage = state.rows.of("garbage").any(|row| row.text("blob_id") == id);
        let job = state.rows.of("jobs").any(|job| {
            let video = job.text("video_id") == id && job.int("video_removed_at").is_none();
            let audio = job.text("audio_id") == id && ["converting", "done"].contains(&job.text("state"));
            video || audio
        });
        garbage || job
    };
    holds(state.blobs.keys().all(|id| named(id)), "a blob is stored that no row names")
}

/// Who is done or has failed has a delivery; each end has one.
fn is_told(world: &World, state: &State, job: &Row) -> Result<(), Wrong> {
    let deliveries = |end: Option<i64>| {
        let of_job = state.rows.of("deliveries").filter(|row| row.text("job_id") == job.text("id"));
        of_job.filter(|row| row.int("end_no") == end).count()
    };
    let end = job.int("end_no");
    if ["done", "failed"].contains(&job.text("state")) {
        let wanted = usize::from(world.mail != Mail::Unwanted);
        holds(deliveries(end) == wanted, "an end has no delivery, or several")?;
    }
    let earlier = (1..=end.unwrap_or(0)).all(|end| deliveries(Some(end)) <= 1);
    holds(earlier, "an end has several deliveries")
}

/// Who holds a lease by its own clock has the job, unless its owner has taken it away.
fn leases_hold(state: &State) -> Result<(), Wrong> {
    let theirs = state.workers.iter().flatten().filter(|busy| busy.held > 0 && !busy.taken);
    for busy in theirs {
        let lease = &busy.claimed.lease;
        let row = state.rows.find("jobs", &lease.job_id.to_string());
        let ours = row.is_some_and(|row| {
            row.text("state") == "converting" && row.text("lease_owner") == lease.owner.to_string()
        });
        holds(ours, "a job was taken from a converter whose lease has not run out")?;
    }
    Ok(())
}

fn mails_are_what_they_say(state: &State) -> Result<(), Wrong> {
    for row in state.rows.of("deliveries") {
        let end = u32::try_from(row.int("end_no").unwrap_or(0)).unwrap();
        let (sent, _) = state.memory[number(row.text("job_id"))].mails.get(&end).copied().unwrap_or_default();
        let outcome = row.text("outcome");
        holds(outcome != "sent" || sent > 0, "a delivery counts as sent and nothing was")?;
        let why = !row.text("detail").is_empty();
        holds(outcome.is_empty() || outcome == "sent" || why, "a delivery has ended without a reason")?;
    }
    Ok(())
}
