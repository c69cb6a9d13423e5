//! Sources and sinks that are plain files, for the command line and for tests.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::spawn_blocking;

use crate::ports::{Sink, Source};

/// A file to read.
#[derive(Debug, Clone)]
pub struct FileSource {
    file: Arc<File>,
    size: u64,
}

impl FileSource {
    /// Opens `path`; its size is taken now.
    ///
    /// # Errors
    /// As of [`File::open`].
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::of(File::open(path)?)
    }

    /// A file that is open; its size is taken now.
    ///
    /// # Errors
    /// As of [`File::metadata`].
    pub fn of(file: File) -> io::Result<Self> {
        Ok(Self { size: file.metadata()?.len(), file: Arc::new(file) })
    }
}

impl Source for FileSource {
    fn size(&self) -> u64 {
        self.size
    }

    async fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let file = Arc::clone(&self.file);
        let read = move || {
            let mut bytes = vec![0; len];
            file.read_exact_at(&mut bytes, offset)?;
            Ok(bytes.into())
        };
        spawn_blocking(read).await?
    }
}

/// A file to write.
#[derive(Debug)]
pub struct FileSink {
    file: Arc<File>,
    end: u64,
}

impl FileSink {
    /// Creates `path`, or empties it.
    ///
    /// # Errors
    /// As of [`File::create`].
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self::of(File::create(path)?))
    }

    /// A file that is open to be written, and empty.
    #[must_use]
    pub fn of(file: File) -> Self {
        Self { file: Arc::new(file), end: 0 }
    }

    async fn write_at(&self, offset: u64, bytes: Bytes) -> io::Result<()> {
        let file = Arc::clone(&self.file);
        spawn_blocking(move || file.write_all_at(&bytes, offset)).await?
    }
}

impl Sink for FileSink {
    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        let (offset, length) = (self.end, bytes.len() as u64);
        self.write_at(offset, bytes).await?;
        self.end += length;
        Ok(())
    }

    async fn rewrite(&mut self, offset: u64, bytes: Bytes) -> io::Result<()> {
        self.write_at(offset, bytes).await
    }
}
