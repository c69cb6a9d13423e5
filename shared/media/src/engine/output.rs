//! The sink, guarded against a worker that writes too much or in the wrong place.

use std::io;

use bytes::Bytes;

use super::{brief, nonsense};
use crate::error::Error;
use crate::ports::{REWRITE_WITHIN, Sink};
use crate::protocol::MOST_PARTS;
use crate::report::Part;

/// Where the worker's bytes go, and how many went.
pub(super) struct Output<'a, K> {
    sink: &'a mut K,
    left: u64,
    written: u64,
    /// Whether the result comes in parts.
    split: bool,
    /// The number of the part under way.
    part: u32,
    /// Where it begins in all that is written.
    start: u64,
    rewritten: bool,
}

impl<'a, K: Sink + Send> Output<'a, K> {
    /// At most `limit` bytes.
    pub(super) fn new(sink: &'a mut K, limit: u64, split: bool) -> Self {
        Self { sink, left: limit, written: 0, split, part: 0, start: 0, rewritten: false }
    }

    /// In bytes.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Parts come one by one, each with something in it.
    pub(super) async fn begin(&mut self, part: Part) -> Result<(), Error> {
        let empty = self.part > 0 && self.written == self.start;
        if !self.split
            || empty
            || part.number != self.part + 1
            || !(part.number..=MOST_PARTS).contains(&part.total)
        {
            return Err(nonsense());
        }
        (self.part, self.start, self.rewritten) = (part.number, self.written, false);
        let part = Part { title: brief(&part.title), ..part };
        self.sink.begin(&part).await.map_err(Error::Sink)
    }

    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        if self.split && self.part == 0 {
            return Err(nonsense());
        }
        let length = bytes.len() as u64;
        self.left = self.left.checked_sub(length).ok_or(Error::TooLarge)?;
        self.written += length;
        self.sink.write(bytes).await.map_err(Error::Sink)
    }

    pub(super) async fn rewrite(&mut self, offset: u64, bytes: Bytes) -> Result<(), Error> {
        let end = offset.checked_add(bytes.len() as u64);
        let allowed = (self.written - self.start).min(REWRITE_WITHIN);
        if self.rewritten || end.is_none_or(|end| end > allowed) {
            return Err(nonsense());
        }
        self.rewritten = true;
        self.sink.rewrite(offset, bytes).await.map_err(Error::Sink)
    }
}

/// For jobs without a result.
pub(super) struct NoOutput;

impl Sink for NoOutput {
    async fn write(&mut self, _: Bytes) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn rewrite(&mut self, _: u64, _: Bytes) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
