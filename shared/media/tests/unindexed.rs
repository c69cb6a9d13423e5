//! What libav would note down for each packet takes no memory, however long a file is.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test, which says what it measured")]

mod common;

use common::long::{self, FRAMES};
use common::recipe::Recipe;
use common::{Counted, Program, highest};
use media::{Engine, Format, Settings};

/// Copies into an M4A as many frames as ten hours have, at so many samples a second; how much memory that took, in KiB.
async fn copied(file: Vec<u8>, rate: f64) -> u64 {
    let (program, source) = (Program::new(), common::Bytewise::new(file));
    let engine = Engine::at(program.path.clone()).threads(1);
    let mut worker = 0;
    let look = |_| worker = worker.max(program.pids().first().copied().and_then(highest).unwrap_or(0));
    let settings = Settings { format: Format::M4a, copy: true, ..Settings::default() };
    let summary = engine.convert(&source, &settings, &mut Counted(0), look).await.unwrap();
    let frames = summary.duration.as_secs_f64() * rate / 1024.0;
    assert!((frames - f64::from(FRAMES)).abs() <= 1.0, "{frames}");
    println!("{worker} KiB");
    worker
}

#[tokio::test]
async fn ten_hours_of_flv_take_little_memory() {
    let worker = copied(long::flv(), 8000.0).await;
    assert!((1..=40 << 10).contains(&worker), "worker: {worker} KiB");
}

#[tokio::test]
async fn ten_hours_of_avi_take_little_memory() {
    let worker = copied(long::avi(FRAMES), 8000.0).await;
    assert!((1..=40 << 10).contains(&worker), "worker: {worker} KiB");
}

#[tokio::test]
async fn ten_hours_in_fragments_take_little_memory() {
    let worker = copied(long::fragments(), 8000.0).await;
    assert!((1..=40 << 10).contains(&worker), "worker: {worker} KiB");
}

#[tokio::test]
async fn ten_hours_of_matroska_take_little_memory() {
    let worker = copied(long::matroska(), 44_100.0).await;
    assert!((1..=24 << 10).contains(&worker), "worker: {worker} KiB");
}

/// The same AVI, once with its index and once with one that is long: empty entries of a stream that isn't there.
#[tokio::test]
async fn an_avi_is_the_same_whether_its_index_is_read_or_not() {
    let recipe = Recipe::empty();
    let tones = "-f lavfi -i aevalsrc=0.3*sin(2000*t+20*sin(t))|0.2*sin(3000*t+t*t):s=44100:d=20";
    let pictures = "-f lavfi -i testsrc2=s=64x48:r=25:d=20";
    for codec in ["libmp3lame", "aac", "pcm_s16le", "ac3", "adpcm_ima_wav"] {
        recipe.run(&format!("{pictures} {tones} -c:v mpeg4 -c:a {codec}"), "short.avi");
        recipe.write("long.avi", &with_a_long_index(&recipe.read("short.avi")));
        let (short, expected) = recipe.samples("short.avi", Settings::default()).await;
        let (long, found) = recipe.samples("long.avi", Settings::default()).await;
        assert!(expected == found, "{codec}: {} and {} samples", expected.len(), found.len());
        assert_eq!((short.source.duration, short.warnings), (long.source.duration, long.warnings), "{codec}");
    }
}

fn with_a_long_index(avi: &[u8]) -> Vec<u8> {
    let place = avi.windows(4).rposition(|four| four == b"idx1").unwrap();
    let size = u32::from_le_bytes(avi[place + 4..place + 8].try_into().unwrap()) as usize;
    let (index, rest) = avi[place + 8..].split_at(size);
    let more = 100_001 * 16;
    let empty = b"99wb\0\0\0\0\0\0\0\0\0\0\0\0".repeat(100_001);
    let all = ((size + more) as u32).to_le_bytes();
    let mut long = [&avi[..place + 4], &all, index, &empty, rest].concat();
    let riff = u32::from_le_bytes(long[4..8].try_into().unwrap()) + more as u32;
    long[4..8].copy_from_slice(&riff.to_le_bytes());
    long
}
