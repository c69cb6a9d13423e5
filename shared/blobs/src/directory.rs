//! Blobs as files: `DIRECTORY/videos/ID`, `DIRECTORY/audios/ID`, and `DIRECTORY/partial/` for what is on its way.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write as _},
    ops::Range,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::{Blob, Bucket, CHUNK, Error, Result};

/// Bytes that are gathered before they are handed to the disk.
const GATHER: usize = 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Directory {
    root: PathBuf,
    /// Tells two uploads of the same blob apart.
    serial: AtomicU64,
}

impl Directory {
    pub(crate) fn open(root: &Path) -> Result<Self> {
        for folder in ["videos", "audios", "partial"] {
            fs::create_dir_all(root.join(folder))?;
        }
        Ok(Self { root: root.to_owned(), serial: AtomicU64::new(0) })
    }

    fn path(&self, blob: Blob) -> PathBuf {
        self.root.join(blob.bucket().name()).join(blob.id())
    }

    pub(crate) async fn put(&self, blob: Blob) -> Result<FileUpload> {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let partial =
            self.root.join("partial").join(format!("{}.{}.{serial}", blob.id(), std::process::id()));
        let target = self.path(blob);
        blocking(move || {
            let file = Arc::new(File::create_new(&partial)?);
            Ok(FileUpload {
                file,
                partial: Partial(partial),
                target,
                gathered: Vec::new(),
                held: 0,
                size: 0,
                writing: None,
            })
        })
        .await
    }

    pub(crate) async fn read(&self, blob: Blob) -> Result<Option<FileReader>> {
        let path = self.path(blob);
        blocking(move || match File::open(path) {
            Ok(file) => {
                let size = file.metadata()?.len();
                Ok(Some(FileReader { file: Arc::new(file), size }))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    pub(crate) async fn delete(&self, blob: Blob) -> Result<bool> {
        let path = self.path(blob);
        blocking(move || removed(&path)).await
    }

    pub(crate) async fn older_than(&self, bucket: Bucket, time: SystemTime) -> Result<Vec<Blob>> {
        let folder = self.root.join(bucket.name());
        let names = blocking(move || files_before(&folder, time)).await?;
        Ok(names.iter().filter_map(|path| bucket.blob(path.file_name()?.to_str()?)).collect())
    }

    pub(crate) async fn remove_partials(&self, time: SystemTime) -> Result<usize> {
        let folder = self.root.join("partial");
        blocking(move || {
            let files = files_before(&folder, time)?;
            files.iter().try_fold(0, |count, path| Ok(count + usize::from(removed(path)?)))
        })
        .await
    }
}

fn removed(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn files_before(folder: &Path, time: SystemTime) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // A file may go between the listing and the look.
        if entry.metadata().and_then(|meta| meta.modified()).is_ok_and(|modified| modified <= time) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    joined(spawn_blocking(work).await)
}

fn joined<T>(result: Result<io::Result<T>, tokio::task::JoinError>) -> Result<T> {
    match result {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
            Err(Error::Full)
        }
        Ok(Err(error)) => Err(Error::Unavailable(error)),
        Err(error) => Err(Error::Unavailable(io::Error::other(error))),
    }
}

/// The partial file; it goes with this value unless it was renamed away.
#[derive(Debug)]
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // Gone after a rename; if it can't be removed the sweep tries again.
        let _ = fs::remove_file(&self.0);
    }
}

#[derive(Debug)]
pub(crate) struct FileUpload {
    file: Arc<File>,
    partial: Partial,
    target: PathBuf,
    gathered: Vec<Bytes>,
    held: usize,
    size: u64,
    /// One write runs behind, so that disk and network overlap.
    writing: Option<JoinHandle<io::Result<()>>>,
}

impl FileUpload {
    pub(crate) async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.size += bytes.len() as u64;
        self.held += bytes.len();
        self.gathered.push(bytes);
        if self.held >= GATHER { self.start_writing().await } else { Ok(()) }
    }

    async fn start_writing(&mut self) -> Result<()> {
        self.end_writing().await?;
        self.held = 0;
        let (file, pieces) = (self.file.clone(), std::mem::take(&mut self.gathered));
        self.writing =
            Some(spawn_blocking(move || pieces.iter().try_for_each(|piece| (&*file).write_all(piece))));
        Ok(())
    }

    async fn end_writing(&mut self) -> Result<()> {
        match self.writing.take() {
            Some(writing) => joined(writing.await),
            None => Ok(()),
        }
    }

    async fn flush(&mut self) -> Result<()> {
        self.start_writing().await?;
        self.end_writing().await
    }

    pub(crate) async fn rewrite(&mut self, offset: u64, bytes: Bytes) -> Result<()> {
        self.flush().await?;
        let file = self.file.clone();
        blocking(move || file.write_all_at(&bytes, offset)).await
    }

    pub(crate) async fn finish(mut self) -> Result<u64> {
        self.flush().await?;
        let Self { file, partial, target, size, .. } = self;
        blocking(move || {
            file.sync_data()?;
            fs::rename(&partial.0, &target)?;
            // The name too must survive a power cut.
            target.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())?;
            Ok(size)
        })
        .await
    }
}

#[derive(Clone, Debug)]
pub(crate) struct FileReader {
    file: Arc<File>,
    size: u64,
}

impl FileReader {
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) async fn read_at(&self, offset: u64, len: usize) -> Result<Bytes> {
        let (file, size) = (self.file.clone(), self.size);
        blocking(move || {
            let rest = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
            let mut buffer = vec![0; len.min(rest)];
            file.read_exact_at(&mut buffer, offset)?;
            Ok(Bytes::from(buffer))
        })
        .await
    }

    pub(crate) fn stream(&self, range: Range<u64>) -> impl Stream<Item = Result<Bytes>> + Send + use<> {
        let reader = self.clone();
        stream::try_unfold(range, move |rest| {
            let reader = reader.clone();
            async move {
                if rest.is_empty() {
                    return Ok(None);
                }
                let len = usize::try_from(rest.end - rest.start).map_or(CHUNK, |len| len.min(CHUNK));
                let bytes = reader.read_at(rest.start, len).await?;
                if bytes.is_empty() {
                    return Err(Error::Unavailable(ErrorKind::UnexpectedEof.into()));
                }
                let next = rest.start + bytes.len() as u64..rest.end;
                Ok(Some((bytes, next)))
            }
        })
    }
}
