//! A job's life, explored exhaustively: the real transitions of this crate on a real database, with a small world around
//! them, in which everybody may act between any two calls and everything may go wrong a few times.
//!
//! Read it to learn the state machine:
//! - `world.rs`: what a state is. `moves.rs`: what may happen next.
//! - `actors/`: who does something: `upload.rs`, `worker.rs` (converters), `sender.rs` (mails), `sweeper.rs`, `owner.rs`.
//! - `rules.rs`: what must be true always, and when the world has come to rest.
//! - `search.rs`: all states, the nearest first; from each there must be a way to rest.
//! - `bugs.rs`: bugs that the search must find.
//! - `rows.rs`, `bench.rs`, `key.rs`: rows in and out of SQLite, time, and what makes two states the same.
//!
//! What it can't see: what happens between two statements of one transaction (SQLite runs one at a time), the transports
//! beyond "a message is lost, late or comes twice", webhooks (the same rows as mails), and more than a few faults at once.
//!
//! `MODEL=long` explores larger worlds, for many minutes.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test")]

mod actors;
mod bench;
mod bugs;
mod key;
mod moves;
mod rows;
mod rules;
mod search;
mod world;

use bugs::Bug;
use moves::Move;
use search::explore;
use world::{Mail, Media, World};

const WORLD: World = World {
    jobs: 1,
    uploads: false,
    workers: 1,
    senders: 1,
    removers: 1,
    faults: 0,
    wishes: 0,
    media: Media::Audio,
    mail: Mail::Works,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_ends_well_whatever_fails_once() {
    let small = World { uploads: true, faults: 1, ..WORLD };
    holds_in("an upload", small, World { wishes: 1, ..small }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn converters_that_crash_stall_and_lose_answers_neither_lose_nor_double_a_job() {
    let small = World { workers: 2, faults: 1, ..WORLD };
    holds_in("two converters", small, World { faults: 2, ..small }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_may_cancel_retry_and_delete_and_be_locked_at_any_time() {
    let small = World { wishes: 2, ..WORLD };
    holds_in("an owner", small, World { wishes: 3, ..small }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_owner_wants_while_something_fails_leaves_nothing_behind() {
    let small = World { faults: 1, wishes: 1, mail: Mail::Unwanted, ..WORLD };
    holds_in("an owner and a fault", small, World { workers: 2, mail: Mail::Works, ..small }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_end_is_told_once_but_for_the_window_of_smtp() {
    let small = World { senders: 2, faults: 1, ..WORLD };
    holds_in("two senders", small, World { removers: 2, faults: 2, ..small }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_users_wait_for_each_other_but_not_for_long() {
    let small = World { jobs: 2, removers: 2, mail: Mail::Unwanted, ..WORLD };
    holds_in("two users", small, World { workers: 2, wishes: 1, ..small }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_works_comes_to_an_end() {
    let crash = World { media: Media::Crash, ..WORLD };
    holds_in("a video that crashes every converter", crash, World { faults: 1, ..crash }).await;
    let outage = World { media: Media::Outage, ..WORLD };
    holds_in("a store that stays away", outage, World { wishes: 1, ..outage }).await;
    let away = World { mail: Mail::Away, ..WORLD };
    holds_in("a mail server that stays away", away, World { wishes: 1, ..away }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bug_that_is_put_in_is_found() {
    for bug in Bug::ALL {
        let found = explore(bug.ground(&WORLD), Some(bug)).await;
        let Some((wrong, way)) = &found.wrong else { panic!("{bug:?} was not found: {found}") };
        println!(
            "{found}  {bug:?}: {}, after {}",
            wrong.lines().next().unwrap_or_default(),
            way_of(way, ", ")
        );
    }
}

/// Explores the first world, or where the test is to take long the second one.
async fn holds_in(name: &str, small: World, large: World) {
    let found = explore(if is_long() { large } else { small }, None).await;
    println!("{found}  {name}");
    if let Some((wrong, way)) = &found.wrong {
        panic!("{name}: {wrong}\nafter\n  {}", way_of(way, "\n  "));
    }
}

fn way_of(way: &[Move], between: &str) -> String {
    way.iter().map(|step| format!("{step:?}")).collect::<Vec<_>>().join(between)
}

#[expect(clippy::disallowed_methods, reason = "asked for by whoever starts the test")]
fn is_long() -> bool {
    std::env::var("MODEL").is_ok_and(|text| text == "long")
}
