//! Files made to harm, and workers that were taken over by one.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{Bytewise, Memory, engine, path};
use media::{Engine, Error, Limits, Settings};

/// Numbers that look random and are the same in every run (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Converts what is not worth converting: any end will do, as long as it comes soon and is said.
async fn survive(bytes: Vec<u8>, what: &str) {
    let limits = Limits { wall: Duration::from_secs(30), cpu: Duration::from_secs(20), ..Limits::default() };
    let mut sink = Memory::default();
    let source = Bytewise::new(bytes);
    let outcome = engine().limits(limits).convert(&source, &Settings::default(), &mut sink, |_| ()).await;
    let Err(Error::TimedOut | Error::Source(_) | Error::Sink(_) | Error::Crashed(_)) = outcome else {
        return;
    };
    panic!("{what}: {outcome:?}");
}

#[tokio::test]
async fn damaged_files_end_in_a_result_or_a_reason() {
    let mut random = Random(0x7461_7065_6465_636b);
    for name in ["moov-end.mp4", "video.mkv", "video.webm", "video.avi"] {
        let original = std::fs::read(path(name)).unwrap();
        for round in 0..50 {
            let mut bytes = original.clone();
            for _ in 0..=random.below(40) {
                let place = random.below(bytes.len());
                bytes[place] ^= 1 << random.below(8);
            }
            survive(bytes, &format!("{name}, round {round}")).await;
        }
    }
}

#[tokio::test]
async fn damaged_indexes_end_in_a_result_or_a_reason() {
    let mut random = Random(42);
    let original = std::fs::read(path("moov-front.mp4")).unwrap();
    let index = original.windows(4).position(|bytes| bytes == b"mdat").unwrap();
    for round in 0..100 {
        let mut bytes = original.clone();
        bytes[random.below(index)] = random.next() as u8;
        survive(bytes, &format!("round {round}")).await;
    }
}

#[tokio::test]
async fn files_cut_anywhere_end_in_a_result_or_a_reason() {
    for name in ["moov-end.mp4", "moov-front.mp4", "video.mkv", "video.avi"] {
        let original = std::fs::read(path(name)).unwrap();
        for part in 0..16 {
            survive(original[..original.len() * part / 16].to_vec(), &format!("{name}, {part} of 16")).await;
        }
    }
}

#[tokio::test]
async fn garbage_is_unreadable() {
    let mut random = Random(7);
    for length in [1, 100, 10_000, 300_000] {
        let bytes = (0..length).map(|_| random.next() as u8).collect::<Vec<u8>>();
        survive(bytes.clone(), "garbage").await;
        let mut sink = Memory::default();
        let outcome = engine().convert(&Bytewise::new(bytes), &Settings::default(), &mut sink, |_| ()).await;
        assert!(matches!(outcome, Err(Error::Unreadable(_))), "{length}: {outcome:?}");
    }
    let mut sink = Memory::default();
    let empty = engine().convert(&Bytewise::new(vec![]), &Settings::default(), &mut sink, |_| ()).await;
    assert!(matches!(empty, Err(Error::Unreadable(_))), "{empty:?}");
}

/// Whether nothing but the clock ends this worker.
async fn is_ended_by_the_clock(program: &str) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile").join(program);
    let limits = Limits { wall: Duration::from_millis(300), ..Limits::default() };
    let (source, mut sink) = (common::fixture("moov-end.mp4"), Memory::default());
    let engine = Engine::at(program.clone()).limits(limits);
    let outcome = engine.convert(&source, &Settings::default(), &mut sink, |_| ()).await;
    assert!(matches!(outcome, Err(Error::TimedOut)), "{program:?}: {outcome:?}");
}

#[tokio::test]
async fn a_worker_that_hangs_is_ended_by_the_clock() {
    is_ended_by_the_clock("asleep.sh").await;
}

#[tokio::test]
async fn a_worker_that_asks_and_never_listens_is_ended_by_the_clock() {
    is_ended_by_the_clock("deaf.sh").await;
}

#[tokio::test]
async fn a_worker_that_talks_without_end_is_ended_by_the_clock() {
    is_ended_by_the_clock("talkative.sh").await;
}

#[tokio::test]
async fn a_worker_that_breaks_the_rules_is_stopped_at_once() {
    for program in ["too-long.sh", "silent.sh", "wrong-place.sh", "impossible-time.sh"] {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile").join(program);
        let (start, mut sink) = (Instant::now(), Memory::default());
        let source = common::fixture("moov-end.mp4");
        let outcome =
            Engine::at(program.clone()).convert(&source, &Settings::default(), &mut sink, |_| ()).await;
        assert!(matches!(outcome, Err(Error::Crashed(_))), "{program:?}: {outcome:?}");
        assert!(start.elapsed() < Duration::from_secs(5), "{program:?}");
    }
}
