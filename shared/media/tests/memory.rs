//! Ten hours take no more memory than a minute.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::time::Duration;

use common::silence::Silence;
use common::{Counted, Program, highest};
use media::{Engine, Format, Settings, Warning};

#[tokio::test]
async fn ten_hours_take_little_memory_on_both_sides() {
    let (program, hours) = (Program::new(), 10);
    let engine = Engine::at(program.path.clone()).threads(2);
    let (before, mut worker) = (highest("self").unwrap(), 0);
    let look = |_| worker = worker.max(program.pids().first().and_then(highest).unwrap_or(0));
    let (source, mut sink) = (Silence::new(hours * 3600), Counted(0));
    let summary = engine.convert(&source, &Settings::default(), &mut sink, look).await.unwrap();
    assert_eq!((summary.duration.as_secs(), summary.bytes), (u64::from(hours) * 3600, sink.0));
    let parent = highest("self").unwrap() - before;
    assert!((1..=40 << 10).contains(&worker), "worker: {worker} KiB");
    assert!(parent <= 16 << 10, "parent: {parent} KiB");
}

/// A box of an MP4 (ISO/IEC 14496-12, 4.2).
fn boxed(kind: &[u8; 4], content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    [&(content.len() as u32 + 8).to_be_bytes(), &kind[..], &content].concat()
}

/// Big-endian numbers, in a row.
fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// As many frames of AAC as ten hours at 44.1 kHz have, each of them silence and a second's 8000/1024th, 1024 to a chunk.
fn long_mp4() -> Vec<u8> {
    const FRAME: [u8; 6] = [0x00, 0xc8, 0x00, 0x80, 0x23, 0x80];
    const CHUNKS: u32 = 1515;
    let (frames, chunk) = (CHUNKS * 1024, 1024 * FRAME.len() as u32);
    let esds = b"\0\0\0\0\x03\x19\0\x01\0\x04\x11\x40\x15\0\0\0\0\0\0\0\0\0\0\0\x05\x02\x15\x88\x06\x01\x02";
    let entry = [&numbers(&[0, 1, 0, 0, 0x1_0010, 0, 8000 << 16])[..], &boxed(b"esds", &[esds])].concat();
    let stsd = boxed(b"stsd", &[&numbers(&[0, 1]), &boxed(b"mp4a", &[&entry])]);
    let stts = boxed(b"stts", &[&numbers(&[0, 1, frames, 1024])]);
    let stsc = boxed(b"stsc", &[&numbers(&[0, 1, 1, 1024, 1])]);
    let stsz = boxed(b"stsz", &[&numbers(&[0, 0, frames]), &numbers(&[6]).repeat(frames as usize)]);
    let places: Vec<_> = (0..CHUNKS).map(|place| 24 + place * chunk).collect();
    let stco = boxed(b"stco", &[&numbers(&[0, CHUNKS]), &numbers(&places)]);
    let stbl = boxed(b"stbl", &[&stsd, &stts, &stsc, &stsz, &stco]);
    let dref = boxed(b"dref", &[&numbers(&[0, 1]), &boxed(b"url ", &[&numbers(&[1])])]);
    let minf = boxed(b"minf", &[&boxed(b"smhd", &[&[0; 8]]), &boxed(b"dinf", &[&dref]), &stbl]);
    let times = numbers(&[0, 0, 0, 8000, frames * 1024]);
    let hdlr = boxed(b"hdlr", &[&[0; 8], b"soun", &[0; 13]]);
    let mdia = boxed(b"mdia", &[&boxed(b"mdhd", &[&times, &[0x55, 0xc4, 0, 0]]), &hdlr, &minf]);
    let tkhd = boxed(b"tkhd", &[&numbers(&[3, 0, 0, 1, 0, frames * 1024]), &[0; 60]]);
    let moov = boxed(b"moov", &[&boxed(b"mvhd", &[&times, &[0; 80]]), &boxed(b"trak", &[&tkhd, &mdia])]);
    let ftyp = boxed(b"ftyp", &[b"isom\0\0\0\0"]);
    [ftyp, boxed(b"mdat", &[&FRAME.repeat(frames as usize)]), moov].concat()
}

#[tokio::test]
async fn an_index_of_ten_hours_takes_little_memory_on_both_sides() {
    let (program, source) = (Program::new(), common::Bytewise::new(long_mp4()));
    let engine = Engine::at(program.path.clone()).threads(2);
    let (before, mut worker) = (highest("self").unwrap(), 0);
    let look = |_| worker = worker.max(program.pids().first().and_then(highest).unwrap_or(0));
    let hour = Duration::from_secs(3600);
    let settings = Settings { format: Format::Wav, end: Some(hour), ..Settings::default() };
    let summary = engine.convert(&source, &settings, &mut Counted(0), look).await.unwrap();
    assert_eq!((summary.duration, summary.warnings), (hour, vec![Warning::Silent { audible: vec![] }]));
    let parent = highest("self").unwrap() - before;
    assert!((1..=40 << 10).contains(&worker), "worker: {worker} KiB");
    assert!(parent <= 16 << 10, "parent: {parent} KiB");
}
