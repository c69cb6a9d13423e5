//! Where bytes come from and where they go: all that this crate knows of the outside.

use std::future::{Future, ready};
use std::io;

use bytes::Bytes;

use crate::report::Part;

/// The source file. It must be seekable: an MP4's index may stand at its end.
pub trait Source {
    /// The file's length in bytes.
    fn size(&self) -> u64;

    /// Exactly `len` bytes from `offset`; the engine never asks beyond [`size`](Source::size).
    ///
    /// # Errors
    /// Whatever the storage says; the conversion then ends with [`Error::Source`](crate::Error::Source).
    fn read_at(&self, offset: u64, len: usize) -> impl Future<Output = io::Result<Bytes>> + Send;
}

/// Where encoded bytes go, in order, with one rewrite near the start at the end of it all.
///
/// A result that is [split](crate::Chapters::Split) comes in parts, of which each is a file: after
/// [`begin`](Sink::begin) all else is about the new part alone.
pub trait Sink {
    /// Begins the next part; the one before is complete then. Only for split results, and there before anything
    /// else. A sink that takes no parts can leave it as it is: refused.
    ///
    /// # Errors
    /// As for [`write`](Sink::write).
    fn begin(&mut self, _part: &Part) -> impl Future<Output = io::Result<()>> + Send {
        ready(Err(io::ErrorKind::Unsupported.into()))
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// Whatever the storage says; the conversion then ends with [`Error::Sink`](crate::Error::Sink).
    fn write(&mut self, bytes: Bytes) -> impl Future<Output = io::Result<()>> + Send;

    /// Overwrites bytes that were written before: the header frame, whose table of contents and counts are known
    /// only at the end. Called at most once, after the last [`write`](Sink::write), and within the first
    /// [`REWRITE_WITHIN`] bytes, so a sink that can't go back needs to hold only those.
    ///
    /// # Errors
    /// As for [`write`](Sink::write).
    fn rewrite(&mut self, offset: u64, bytes: Bytes) -> impl Future<Output = io::Result<()>> + Send;
}

/// [`Sink::rewrite`] stays within this many bytes from the start of the result: a chunk of GridFS, so that it is the
/// first one that is held. The tag, cover included, stands before an MP3's header frame and must leave room for it.
pub const REWRITE_WITHIN: u64 = 255 * 1024;
