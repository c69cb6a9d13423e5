//! Where videos and audios are kept: put a stream, read a range, delete. `file:DIRECTORY` or `mongodb://HOST/DATABASE`.
//!
//! The port is one public struct over a private choice of store, made by the URL in [`Blobs::open`].
//! `tests/conformance.rs` says what every store guarantees:
//!
//! - a blob appears whole at [`Upload::finish`] or not at all; a dropped [`Upload`] leaves nothing (at once in a directory,
//!   soon in MongoDB); what a process leaves that dies, [`Blobs::partials`] finds;
//! - an id is put once: a put under one that is taken fails and changes nothing;
//! - a blob that comes in several parts, written by several processes one after the other, is appended to where it lies
//!   ([`Blobs::resume`]) and never copied;
//! - what `finish` has returned for survives a power cut, and every read after it sees it;
//! - a blob that is deleted while it is read either reads on or fails; it never gives wrong bytes. One that is deleted while
//!   it is put does not appear;
//! - an outage ([`Error::Unavailable`]) and lost bytes ([`Error::Damaged`]) are told apart;
//! - a delete can be repeated until it succeeds, and needs no room;
//! - walks ([`Blobs::page`], [`Blobs::partials`]) hold one page, however many blobs there are;
//! - ids are ours and typed, so no name from outside ever becomes a path.
//!
//! Architecture invariant: this crate never sees HTTP, an event or a user.

mod blob;
mod directory;
mod gridfs;

use std::{io, ops::Range, sync::Arc};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};

pub use blob::{Blob, Bucket, Stored};

/// How many bytes one item of [`Reader::stream`] has at the most.
pub const CHUNK: usize = 256 * 1024;

/// A failed call. Absence is no error: it is `Ok(None)` or `false`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store can't be reached or refused the work; trying again later may help.
    #[error("the blob store is not available: {0}")]
    Unavailable(#[from] io::Error),
    /// Bytes of a stored blob are lost or unreadable; trying again will not help. The text is for the log.
    #[error("the blob is damaged: {0}")]
    Damaged(String),
    /// The store has no room left.
    #[error("the blob store is full")]
    Full,
    /// The URL is of no store that we know.
    #[error("BLOBS_URL: expected file:DIRECTORY or mongodb://HOST/DATABASE")]
    Url,
}

impl contracts::Outage for Error {
    fn is_outage(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Full)
    }
}

/// What the calls return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A handle on the blob store; cheap to clone.
#[derive(Clone, Debug)]
pub struct Blobs {
    store: Store,
}

#[derive(Clone, Debug)]
enum Store {
    Directory(Arc<directory::Directory>),
    GridFs(Arc<gridfs::GridFs>),
}

impl Blobs {
    /// `file:DIRECTORY` (made if absent) or `mongodb://HOST/DATABASE` (connected at the first call).
    ///
    /// # Errors
    /// [`Error::Url`] for any other URL; [`Error::Unavailable`] if the directory can't be made.
    pub fn open(url: &str) -> Result<Self> {
        if url.starts_with("mongodb") {
            return Ok(Self { store: Store::GridFs(Arc::new(gridfs::GridFs::open(url)?)) });
        }
        let path = url.strip_prefix("file:").filter(|path| !path.is_empty()).ok_or(Error::Url)?;
        Ok(Self { store: Store::Directory(Arc::new(directory::Directory::open(path.as_ref())?)) })
    }

    /// Makes what the store needs once, and changes nothing where it is there: in MongoDB the indexes, without which a read
    /// looks at every chunk and an id could be put twice. Takes as long as it takes on what is stored.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn prepare(&self) -> Result<()> {
        match &self.store {
            Store::Directory(_) => Ok(()),
            Store::GridFs(grid) => grid.prepare().await,
        }
    }

    /// Connects, so that the first call need not. A store that is away is connected to by a later call.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn ping(&self) -> Result<()> {
        match &self.store {
            Store::Directory(_) => Ok(()),
            Store::GridFs(grid) => grid.ping().await,
        }
    }

    /// Begins to store a blob under an id that was never put before.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Full`]; here or later, as the store notices it.
    pub async fn put(&self, blob: Blob) -> Result<Upload> {
        let writer = match &self.store {
            Store::Directory(directory) => Writer::Directory(directory.put(blob).await?),
            Store::GridFs(grid) => Writer::GridFs(grid.put(blob).await?),
        };
        Ok(Upload { writer, written: 0 })
    }

    /// Goes on with a half-written blob of which the first `at` bytes are kept; 0 begins one. What it holds beyond them is
    /// dropped. The caller sees to it that one at a time writes it. Unlike with [`Blobs::put`], what was written stays when
    /// the value is dropped: [`Upload::flush`] says how much of it is sure to, and [`Blobs::complete`] makes it whole.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Full`]; also if fewer bytes are there, because the blob was deleted meanwhile.
    pub async fn resume(&self, blob: Blob, at: u64) -> Result<Upload> {
        let writer = match &self.store {
            Store::Directory(directory) => Writer::Directory(directory.resume(blob, at).await?),
            Store::GridFs(grid) => Writer::GridFs(grid.resume(blob, at).await?),
        };
        Ok(Upload { writer, written: at })
    }

    /// Makes a half-written blob of `size` bytes whole: durable, and visible under its id. No byte is copied. One that is
    /// whole already stays as it is, so this may be repeated.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Full`]; also if fewer bytes are there, because the blob was deleted meanwhile.
    pub async fn complete(&self, blob: Blob, size: u64) -> Result<()> {
        match &self.store {
            Store::Directory(directory) => directory.complete(blob, size).await,
            Store::GridFs(grid) => grid.complete(blob, size).await,
        }
    }

    /// Opens a blob for reading. `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Damaged`].
    pub async fn open_blob(&self, blob: Blob) -> Result<Option<Reader>> {
        match &self.store {
            Store::Directory(directory) => {
                let file = directory.read(blob).await?;
                Ok(file.map(|file| Reader { source: Source::Directory(file) }))
            }
            Store::GridFs(grid) => {
                let file = grid.read(blob).await?;
                Ok(file.map(|file| Reader { source: Source::GridFs(file) }))
            }
        }
    }

    /// Removes a blob, whole or half-written. False if there was nothing of it. After an error the blob may be half gone:
    /// then it can't be opened any more, and is a partial until a repeated delete succeeds.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete(&self, blob: Blob) -> Result<bool> {
        match &self.store {
            Store::Directory(directory) => directory.delete(blob).await,
            Store::GridFs(grid) => grid.delete(blob).await,
        }
    }

    /// The next whole blobs of a bucket in the order of their ids: at most `limit` of those after the id `after` ([`Blob::id`]
    /// of the last one of the page before; `None` begins). May be fewer than `limit`; an empty page is the end. A directory
    /// is listed once for each page, so take large ones there.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn page(&self, bucket: Bucket, after: Option<&str>, limit: usize) -> Result<Vec<Stored>> {
        let after = after.unwrap_or_default();
        match &self.store {
            _ if limit == 0 => Ok(Vec::new()),
            Store::Directory(directory) => directory.page(bucket, after, limit).await,
            Store::GridFs(grid) => grid.page(bucket, after, limit).await,
        }
    }

    /// The same for half-written blobs: uploads that go on now, and what interrupted uploads and deletes left. Only
    /// [`Stored::stored_at`] tells them apart; [`Blobs::delete`] removes them. In MongoDB one call may look at all ids of the
    /// bucket, 1,000 at a time.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn partials(&self, bucket: Bucket, after: Option<&str>, limit: usize) -> Result<Vec<Stored>> {
        let after = after.unwrap_or_default();
        match &self.store {
            _ if limit == 0 => Ok(Vec::new()),
            Store::Directory(directory) => directory.partials(bucket, after, limit).await,
            Store::GridFs(grid) => grid.partials(bucket, after, limit).await,
        }
    }
}

/// A blob that is being stored. Dropping it gives up and leaves nothing, unless it was resumed.
#[derive(Debug)]
pub struct Upload {
    writer: Writer,
    /// Bytes so far.
    written: u64,
}

#[derive(Debug)]
enum Writer {
    Directory(directory::FileUpload),
    GridFs(gridfs::GridUpload),
}

impl Upload {
    /// Appends bytes. Holds back at most a few MiB.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Full`].
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.written += bytes.len() as u64;
        match &mut self.writer {
            Writer::Directory(file) => file.write(bytes).await,
            Writer::GridFs(file) => file.write(bytes).await,
        }
    }

    /// Overwrites bytes that were written before; for headers that are known last. `offset + bytes.len()` must
    /// not pass what was written.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Full`].
    pub async fn rewrite(&mut self, offset: u64, bytes: Bytes) -> Result<()> {
        if offset.saturating_add(bytes.len() as u64) > self.written {
            return Err(Error::Unavailable(io::ErrorKind::InvalidInput.into()));
        }
        match &mut self.writer {
            Writer::Directory(file) => file.rewrite(offset, bytes).await,
            Writer::GridFs(file) => file.rewrite(offset, bytes).await,
        }
    }

    /// Makes durable what was written so far; returns how many bytes of the blob that are.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Full`]: then as many bytes are sure as the call before has said.
    pub async fn flush(&mut self) -> Result<u64> {
        match &mut self.writer {
            Writer::Directory(file) => file.flush().await,
            Writer::GridFs(file) => file.flush().await,
        }
    }

    /// Makes the blob durable and visible under its id; returns its size.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Full`]: then there is no blob.
    pub async fn finish(self) -> Result<u64> {
        match self.writer {
            Writer::Directory(file) => file.finish().await,
            Writer::GridFs(file) => file.finish().await,
        }
    }
}

/// A stored blob, open for reading; cheap to clone.
#[derive(Clone, Debug)]
pub struct Reader {
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Directory(directory::FileReader),
    GridFs(gridfs::GridReader),
}

impl Reader {
    /// Bytes in all.
    #[must_use]
    pub fn size(&self) -> u64 {
        match &self.source {
            Source::Directory(file) => file.size(),
            Source::GridFs(file) => file.size(),
        }
    }

    /// Up to `len` bytes from `offset`; fewer only at the end.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Damaged`].
    pub async fn read_at(&self, offset: u64, len: usize) -> Result<Bytes> {
        match &self.source {
            Source::Directory(file) => file.read_at(offset, len).await,
            Source::GridFs(file) => file.read_at(offset, len).await,
        }
    }

    /// The bytes of `range`, up to the end, in pieces of at most [`CHUNK`]. It ends with the first error.
    pub fn stream(&self, range: Range<u64>) -> impl Stream<Item = Result<Bytes>> + Send + use<> {
        match &self.source {
            Source::Directory(file) => file.stream(range).left_stream(),
            Source::GridFs(file) => file.stream(range).right_stream(),
        }
    }
}
