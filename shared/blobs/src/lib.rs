//! Where videos and audios are kept: put a stream, read a range, delete. `file:DIRECTORY` or `mongodb://HOST/DATABASE`.
//!
//! The port is one public struct over a private choice of store, made by the URL in [`Blobs::open`].
//! `tests/conformance.rs` says what every store guarantees:
//!
//! - a blob appears whole at [`Upload::finish`] or not at all; a dropped [`Upload`] leaves nothing (at once in a directory,
//!   soon in MongoDB, where a process that dies leaves it to [`Blobs::remove_partials`]);
//! - what `finish` has returned for survives a power cut;
//! - a blob that is deleted while it is read either reads on or fails; it never gives wrong bytes;
//! - ids are ours and typed, so no name from outside ever becomes a path.
//!
//! Architecture invariant: this crate never sees HTTP, an event or a user.

mod blob;
mod description;
mod directory;
mod gridfs;

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};

pub use blob::{Blob, Bucket};
pub use description::Description;

/// How many bytes one item of [`Reader::stream`] has at the most.
pub const CHUNK: usize = 256 * 1024;

/// A failed call. Absence is no error: it is `Ok(None)` or `false`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store can't be reached or refused the work; trying again later may help.
    #[error("the blob store is not available: {0}")]
    Unavailable(#[from] std::io::Error),
    /// The store has no room left.
    #[error("the blob store is full")]
    Full,
    /// The URL is of no store that we know.
    #[error("BLOBS_URL: expected file:DIRECTORY or mongodb://HOST/DATABASE")]
    Url,
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

    /// Begins to store a blob under its id.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Full`].
    pub async fn put(&self, blob: Blob) -> Result<Upload> {
        match &self.store {
            Store::Directory(directory) => {
                Ok(Upload { writer: Writer::Directory(directory.put(blob).await?) })
            }
            Store::GridFs(grid) => Ok(Upload { writer: Writer::GridFs(grid.put(blob).await?) }),
        }
    }

    /// Opens a blob for reading. `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
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

    /// Removes a blob. False if there was none.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete(&self, blob: Blob) -> Result<bool> {
        match &self.store {
            Store::Directory(directory) => directory.delete(blob).await,
            Store::GridFs(grid) => grid.delete(blob).await,
        }
    }

    /// Notes what has become known of a stored blob. No error if there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn describe(&self, blob: Blob, description: &Description) -> Result<()> {
        match &self.store {
            Store::Directory(_) => Ok(()),
            Store::GridFs(grid) => grid.describe(blob, description).await,
        }
    }

    /// The blobs of a bucket that were stored more than `age` ago.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn older_than(&self, bucket: Bucket, age: Duration) -> Result<Vec<Blob>> {
        match &self.store {
            Store::Directory(directory) => directory.older_than(bucket, before(age)).await,
            Store::GridFs(grid) => grid.older_than(bucket, before(age)).await,
        }
    }

    /// Removes what interrupted uploads left more than `age` ago; returns how many.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn remove_partials(&self, age: Duration) -> Result<usize> {
        match &self.store {
            Store::Directory(directory) => directory.remove_partials(before(age)).await,
            Store::GridFs(grid) => grid.remove_partials(before(age)).await,
        }
    }
}

fn before(age: Duration) -> SystemTime {
    SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A blob that is being stored. Dropping it gives up and leaves nothing.
#[derive(Debug)]
pub struct Upload {
    writer: Writer,
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
        match &mut self.writer {
            Writer::Directory(file) => file.write(bytes).await,
            Writer::GridFs(file) => file.write(bytes).await,
        }
    }

    /// What stands beside the blob from the start; replaces what was said before.
    pub fn describe(&mut self, description: Description) {
        match &mut self.writer {
            Writer::Directory(_) => {}
            Writer::GridFs(file) => file.describe(description),
        }
    }

    /// Overwrites bytes that were written before; for headers that are known last. `offset + bytes.len()` must
    /// not pass what was written.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Full`].
    pub async fn rewrite(&mut self, offset: u64, bytes: Bytes) -> Result<()> {
        match &mut self.writer {
            Writer::Directory(file) => file.rewrite(offset, bytes).await,
            Writer::GridFs(file) => file.rewrite(offset, bytes).await,
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
    /// [`Error::Unavailable`].
    pub async fn read_at(&self, offset: u64, len: usize) -> Result<Bytes> {
        match &self.source {
            Source::Directory(file) => file.read_at(offset, len).await,
            Source::GridFs(file) => file.read_at(offset, len).await,
        }
    }

    /// The bytes of `range` in pieces of at most [`CHUNK`].
    pub fn stream(&self, range: Range<u64>) -> impl Stream<Item = Result<Bytes>> + Send + use<> {
        match &self.source {
            Source::Directory(file) => file.stream(range).left_stream(),
            Source::GridFs(file) => file.stream(range).right_stream(),
        }
    }
}
