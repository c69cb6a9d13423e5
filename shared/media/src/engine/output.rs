//! The sink, guarded against a worker that writes too much or in the wrong place.

use std::io;

use bytes::Bytes;

use crate::error::Error;
use crate::ports::{REWRITE_WITHIN, Sink};

/// Where the worker's bytes go, and how many went.
pub(super) struct Output<'a, K> {
    sink: &'a mut K,
    left: u64,
    written: u64,
    rewritten: bool,
}

impl<'a, K: Sink + Send> Output<'a, K> {
    /// At most `limit` bytes.
    pub(super) fn new(sink: &'a mut K, limit: u64) -> Self {
        Self { sink, left: limit, written: 0, rewritten: false }
    }

    /// In bytes.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        let length = bytes.len() as u64;
        self.left = self.left.checked_sub(length).ok_or(Error::TooLarge)?;
        self.written += length;
        self.sink.write(bytes).await.map_err(Error::Sink)
    }

    pub(super) async fn rewrite(&mut self, offset: u64, bytes: Bytes) -> Result<(), Error> {
        let end = offset.checked_add(bytes.len() as u64);
        if self.rewritten || end.is_none_or(|end| end > self.written.min(REWRITE_WITHIN)) {
            return Err(super::nonsense());
        }
        self.rewritten = true;
        self.sink.rewrite(offset, bytes).await.map_err(Error::Sink)
    }
}

/// For jobs without a result.
pub(super) struct Nowhere;

impl Sink for Nowhere {
    async fn write(&mut self, _: Bytes) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn rewrite(&mut self, _: u64, _: Bytes) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
