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
//! `MODEL=long` explores larger worlds, for minutes.

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
use search::{Found, explore};
use world::{Mail, Media, World};

const WORLD: World = World {
    name: "",
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

/// Small worlds, each of which is explored to its end.
const WORLDS: [World; 9] = [
    World { name: "an upload and a fault", uploads: true, faults: 1, ..WORLD },
    World { name: "two converters and a fault", workers: 2, faults: 1, ..WORLD },
    World { name: "an owner who changes their mind", wishes: 2, ..WORLD },
    World { name: "an owner and a fault", faults: 1, wishes: 1, ..WORLD },
    World { name: "two senders and a fault", senders: 2, faults: 1, ..WORLD },
    World { name: "two users and two sweeps", jobs: 2, removers: 2, mail: Mail::Unwanted, ..WORLD },
    World { name: "a video that crashes every converter", media: Media::Crash, ..WORLD },
    World { name: "a store that stays away", media: Media::Outage, ..WORLD },
    World { name: "a mail server that stays away", mail: Mail::Away, ..WORLD },
];

/// The same with more faults and wishes, for minutes.
const LONG: [World; 7] = [
    World { name: "an upload, an owner and a fault", uploads: true, faults: 1, wishes: 1, ..WORLD },
    World { name: "two converters and two faults", workers: 2, faults: 2, ..WORLD },
    World { name: "an owner who changes their mind often", wishes: 3, ..WORLD },
    World { name: "two converters, an owner and a fault", workers: 2, faults: 1, wishes: 1, ..WORLD },
    World { name: "senders and sweeps side by side", senders: 2, removers: 2, faults: 1, ..WORLD },
    World { name: "two users, two converters", jobs: 2, workers: 2, mail: Mail::Unwanted, ..WORLD },
    World { name: "crashes of all kinds", media: Media::Crash, faults: 1, ..WORLD },
];

#[tokio::test(flavor = "multi_thread")]
async fn no_job_is_lost_or_doubled_whoever_crashes_when() {
    let worlds = if is_long() { &LONG[..] } else { &WORLDS };
    let mut all = Found::default();
    for world in worlds {
        let found = explore(*world, None).await;
        println!("{found}  {}", world.name);
        if let Some((wrong, way)) = &found.wrong {
            panic!("{}: {wrong}\nafter\n  {}", world.name, way_of(way));
        }
        all.add(&found);
    }
    println!("{all}  in all");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bug_that_is_put_in_is_found() {
    for bug in Bug::ALL {
        let found = explore(bug.ground(&WORLD), Some(bug)).await;
        let Some((wrong, way)) = &found.wrong else { panic!("{bug:?} was not found: {found}") };
        println!("{found}  {bug:?}: {}", wrong.lines().next().unwrap_or_default());
        println!("    {}", way.iter().map(|step| format!("{step:?}")).collect::<Vec<_>>().join(", "));
    }
}

fn way_of(way: &[Move]) -> String {
    way.iter().map(|step| format!("{step:?}")).collect::<Vec<_>>().join("\n  ")
}

#[expect(clippy::disallowed_methods, reason = "asked for by whoever starts the test")]
fn is_long() -> bool {
    std::env::var("MODEL").is_ok_and(|text| text == "long")
}
