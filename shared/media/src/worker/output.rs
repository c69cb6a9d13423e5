//! What goes back to the service: encoded bytes in pieces of a good size, and how far we are.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::link::Link;
use crate::protocol::{Failure, FromWorker};
use crate::report::{Part, Progress};

/// Encoded bytes are collected up to this many before they are sent.
const PIECE: usize = 64 * 1024;
/// Between two reports of progress.
const PERIOD: Duration = Duration::from_millis(200);

/// The result under way.
pub(super) struct Output<'a> {
    link: &'a Link,
    pending: Vec<u8>,
    written: u64,
    samples: u64,
    sample_rate: u32,
    total: Option<Duration>,
    reported: Instant,
}

impl<'a> Output<'a> {
    /// `total` is how long the result will be, as far as is known.
    pub(super) fn new(link: &'a Link, sample_rate: u32, total: Option<Duration>) -> Self {
        let pending = Vec::with_capacity(2 * PIECE);
        Self { link, pending, written: 0, samples: 0, sample_rate, total, reported: Instant::now() }
    }

    /// In bytes, from the start of the part.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Of one channel, as counted by [`progress`](Output::progress).
    pub(super) fn samples(&self) -> u64 {
        self.samples
    }

    /// Begins the next part; the one before is [finished](Output::finish).
    pub(super) fn begin(&mut self, part: Part) -> Result<(), Failure> {
        self.written = 0;
        self.link.send(&FromWorker::Part(part))
    }

    /// How long the result will be, as far as is known by now.
    pub(super) fn expect(&mut self, total: Option<Duration>) {
        self.total = total;
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.written += bytes.len() as u64;
        for piece in bytes.chunks(PIECE) {
            self.pending.extend_from_slice(piece);
            if self.pending.len() >= PIECE {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Counts `samples` more as encoded, and says so from time to time.
    pub(super) fn progress(&mut self, samples: u64) -> Result<(), Failure> {
        self.samples += samples;
        if self.reported.elapsed() < PERIOD {
            return Ok(());
        }
        self.reported = Instant::now();
        let position = Duration::from_secs_f64(self.samples as f64 / f64::from(self.sample_rate));
        let total = self.total.map(|total| total.max(position));
        self.link.send(&FromWorker::Progress(Progress { position, total }))
    }

    /// Sends the rest and then what replaces earlier bytes, if any.
    pub(super) fn finish(&mut self, (offset, bytes): (u64, Vec<u8>)) -> Result<(), Failure> {
        self.flush()?;
        if bytes.is_empty() {
            return Ok(());
        }
        self.link.send(&FromWorker::Rewrite { offset, bytes: bytes.into() })
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let bytes = Bytes::copy_from_slice(&self.pending);
        self.pending.clear();
        if bytes.is_empty() { Ok(()) } else { self.link.send(&FromWorker::Audio(bytes)) }
    }
}
