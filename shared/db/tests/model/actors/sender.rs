//! A sender of mails: a hint, a claim, the mail server, the mark. As in `functions/notify/src/{deliver,mails,subject}.rs`.

use std::time::Duration;

use contracts::{Channel, DeliveryDue, Event as _, Message, State as JobState};
use db::{Attempt, Db, Delivery};

use crate::{
    bench::{Bench, STEP},
    bugs::Bug,
    moves::{Kind, Wrong, failed},
    rows::TICK,
    world::{Mail, Sending, State, World, number},
};

/// A claim: two steps of time.
const CLAIM: Duration = STEP.saturating_mul(2);
const LEFT: i64 = 2 * TICK;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// It hears that something is due; of several hints this one.
    Hears(usize),
    /// A hint comes to nobody.
    IsNotHeard(usize),
    Sends,
    CannotSend,
    Settles,
    /// It takes longer than its claim, before or after the mail server has the mail.
    Stalls,
    Crashes,
}

pub(crate) fn moves(world: &World, state: &State, who: usize) -> Vec<(Move, Kind)> {
    use Move::*;
    let Some(sending) = &state.senders[who] else {
        let first = state.senders.iter().position(Option::is_none) == Some(who);
        let hints = if first { state.rows.events(DeliveryDue::TYPE).count() } else { 0 };
        return (0..hints)
            .flat_map(|hint| [(Hears(hint), Kind::Fair), (IsNotHeard(hint), Kind::Fault)])
            .collect();
    };
    let mut moves = vec![(Crashes, Kind::Fault)];
    match (sending.sent, world.mail) {
        (true, _) => moves.push((Settles, Kind::Fair)),
        (false, Mail::Away) => moves.push((CannotSend, Kind::Fair)),
        // Who has stalled gets no answer from the mail server.
        (false, _) if sending.stalled => moves.push((CannotSend, Kind::Fair)),
        (false, _) => moves.extend([(Sends, Kind::Fair), (CannotSend, Kind::Fault)]),
    }
    if !sending.stalled {
        moves.push((Stalls, Kind::Fault));
    }
    moves
}

pub(crate) async fn step(bench: &mut Bench, state: &mut State, who: usize, step: Move) -> Result<(), Wrong> {
    if let Move::Hears(hint) | Move::IsNotHeard(hint) = step {
        let Some(row) = state.rows.events(DeliveryDue::TYPE).nth(hint) else { return Ok(()) };
        let (event, about) = (row.text("id").to_owned(), row.text("subject").to_owned());
        bench.at(&state.rows).await.outbox().sent(&event).await.map_err(failed)?;
        return if step == Move::IsNotHeard(hint) { Ok(()) } else { hear(bench, state, who, &about).await };
    }
    let Some(mut sending) = state.senders[who].take() else { return Ok(()) };
    match step {
        Move::Stalls => {
            sending.stalled = true;
            excuse(state, &sending);
            state.senders[who] = Some(sending);
        }
        Move::Crashes => excuse(state, &sending),
        Move::Sends => send(bench, state, who, sending).await?,
        Move::Settles => settle(bench, state, &sending, Attempt::Sent).await?,
        _ => {
            let attempt = Attempt::Failed("the mail server is away".into());
            settle(bench, state, &sending, attempt).await?;
        }
    }
    Ok(())
}

/// Claims what the event names, or else what is due.
async fn hear(bench: &mut Bench, state: &mut State, who: usize, about: &str) -> Result<(), Wrong> {
    let db = bench.at(&state.rows).await;
    let mut ids = vec![about.parse().map_err(|_| "a hint at nothing")?];
    let mut due = db.deliveries().due(Channel::Mail, Duration::ZERO, 16).await.map_err(failed)?;
    due.sort_by_key(|id| state.rows.find("deliveries", &id.to_string()).and_then(|row| row.int("end_no")));
    ids.extend(due);
    for id in ids {
        if let Some(claim) = db.deliveries().claim(id, CLAIM).await.map_err(failed)? {
            let rows = bench.read().await;
            let name = rows.find("deliveries", &id.to_string()).map(|row| row.text("claim").to_owned());
            let name = name.unwrap_or_default();
            state.senders[who] = Some(Sending { claim, name, sent: false, left: LEFT, stalled: false });
            break;
        }
    }
    Ok(())
}

/// Reads the state again, and then the mail leaves the house.
async fn send(bench: &mut Bench, state: &mut State, who: usize, sending: Sending) -> Result<(), Wrong> {
    let db = bench.at(&state.rows).await;
    match subject(&db, &sending.claim.delivery).await.map_err(failed)? {
        Ok(()) => {
            mails(state, &sending).0 += 1;
            state.senders[who] = Some(Sending { sent: true, ..sending });
            Ok(())
        }
        Err("the account is locked") if bench.bug == Some(Bug::LockedAccountIsAnnouncedForEver) => Ok(()),
        Err(why) => settle(bench, state, &sending, Attempt::Dropped(why.into())).await,
    }
}

async fn settle(
    bench: &mut Bench,
    state: &mut State,
    sending: &Sending,
    attempt: Attempt,
) -> Result<(), Wrong> {
    let db = bench.at(&state.rows).await;
    db.deliveries().settle(&sending.claim, attempt).await.map_err(failed)
}

/// Why nobody is to be told any more.
async fn subject(db: &Db, delivery: &Delivery) -> db::Result<Result<(), &'static str>> {
    if db.user(delivery.user_id).await?.is_none_or(|user| user.disabled_at.is_some()) {
        return Ok(Err("the account is locked"));
    }
    let Some((id, end)) = delivery.about else { return Ok(Ok(())) };
    let Some(job) = db.jobs().get(id).await? else { return Ok(Err("the job was deleted")) };
    let state = if delivery.message == Message::Ready { JobState::Done } else { JobState::Failed };
    Ok(if job.end_no == end && job.state == state { Ok(()) } else { Err("the job was tried again") })
}

/// SMTP's window: between the yes of the mail server and the mark in the row nobody can tell whether it has left.
fn excuse(state: &mut State, sending: &Sending) {
    if sending.sent {
        mails(state, sending).1 += 1;
    }
}

fn mails<'a>(state: &'a mut State, sending: &Sending) -> &'a mut (u8, u8) {
    let (job, end) = sending.claim.delivery.about.unwrap();
    state.memory[number(&job.to_string())].mails.entry(end).or_default()
}
