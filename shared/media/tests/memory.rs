//! Ten hours take no more memory than a minute.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::io;

use bytes::Bytes;
use common::Program;
use media::{Engine, Settings, Sink, Source};

/// Silence as WAV with 8-bit samples, 8 kHz, one channel, made as it is read.
struct Silence {
    header: Vec<u8>,
    size: u64,
}

impl Silence {
    fn new(seconds: u32) -> Self {
        let bytes = 8000 * seconds;
        let format =
            b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data";
        let header = [format.as_slice(), &bytes.to_le_bytes()].concat();
        Self { size: u64::from(bytes) + header.len() as u64, header }
    }
}

impl Source for Silence {
    fn size(&self) -> u64 {
        self.size
    }

    async fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let mut bytes = vec![0x80; len];
        if offset == 0 {
            bytes[..self.header.len()].copy_from_slice(&self.header);
        }
        Ok(bytes.into())
    }
}

/// Counts and forgets.
struct Counted(u64);

impl Sink for Counted {
    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.0 += bytes.len() as u64;
        Ok(())
    }

    async fn rewrite(&mut self, _: u64, _: Bytes) -> io::Result<()> {
        Ok(())
    }
}

/// The most that a process ever had in memory, in KiB.
fn highest(process: impl std::fmt::Display) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?.parse().ok()
}

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
