//! Blobs as files: `DIRECTORY/videos/ID` and `DIRECTORY/audios/ID`, and below `DIRECTORY/partial/` the same for what is on
//! its way.

use std::{
    collections::BinaryHeap,
    fs::{self, File},
    io::{self, ErrorKind, Seek as _, SeekFrom, Write as _},
    ops::Range,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::{Blob, Bucket, CHUNK, Error, Result, Stored};

/// Bytes that are gathered before they are handed to the disk.
const GATHER: usize = 1024 * 1024;

/// `EIO`: the disk can't give back what it took. The number is the same on every Unix.
const EIO: i32 = 5;

#[derive(Debug)]
pub(crate) struct Directory {
    root: PathBuf,
}

impl Directory {
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let directory = Self { root: root.to_owned() };
        for bucket in Bucket::ALL {
            fs::create_dir_all(directory.whole(bucket))?;
            fs::create_dir_all(directory.partial(bucket))?;
        }
        Ok(directory)
    }

    fn whole(&self, bucket: Bucket) -> PathBuf {
        self.root.join(bucket.name())
    }

    fn partial(&self, bucket: Bucket) -> PathBuf {
        self.root.join("partial").join(bucket.name())
    }

    /// Where a blob is once it is whole, and until then.
    fn paths(&self, blob: Blob) -> (PathBuf, PathBuf) {
        (self.whole(blob.bucket()).join(blob.id()), self.partial(blob.bucket()).join(blob.id()))
    }

    pub(crate) async fn put(&self, blob: Blob) -> Result<FileUpload> {
        let (whole, partial) = self.paths(blob);
        blocking(move || {
            // One upload at a time has the partial file, so what it finds of the whole one stays true.
            let file = File::create_new(&partial)?;
            let partial = Partial { path: partial, kept: false };
            if whole.try_exists()? {
                return Err(ErrorKind::AlreadyExists.into());
            }
            Ok(FileUpload::new(file, partial, whole, 0))
        })
        .await
    }

    pub(crate) async fn resume(&self, blob: Blob, at: u64) -> Result<FileUpload> {
        let (whole, partial) = self.paths(blob);
        blocking(move || {
            if whole.try_exists()? {
                return Err(ErrorKind::AlreadyExists.into());
            }
            let file = File::options().write(true).create(at == 0).truncate(false).open(&partial);
            let mut file = file.map_err(|error| known(error, &partial))?;
            if file.metadata()?.len() < at {
                return Err(deleted());
            }
            file.set_len(at)?;
            file.seek(SeekFrom::Start(at))?;
            if at == 0 {
                sync_folder(&partial)?;
            }
            Ok(FileUpload::new(file, Partial { path: partial, kept: true }, whole, at))
        })
        .await
    }

    pub(crate) async fn complete(&self, blob: Blob, size: u64) -> Result<()> {
        let (whole, partial) = self.paths(blob);
        blocking(move || match File::options().write(true).open(&partial) {
            Ok(file) if file.metadata()?.len() < size => Err(deleted()),
            Ok(file) => {
                file.set_len(size)?;
                make_whole(&file, &partial, &whole)
            }
            Err(error) if error.kind() == ErrorKind::NotFound && whole.try_exists()? => Ok(()),
            Err(error) => Err(known(error, &partial)),
        })
        .await
    }

    pub(crate) async fn read(&self, blob: Blob) -> Result<Option<FileReader>> {
        let (path, _) = self.paths(blob);
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

    /// Takes names away and writes nothing, so that it works on a full disk.
    pub(crate) async fn delete(&self, blob: Blob) -> Result<bool> {
        let (whole, partial) = self.paths(blob);
        // The partial one first: it may become the whole one, and never the other way round.
        blocking(move || Ok(removed(&partial)? | removed(&whole)?)).await
    }

    pub(crate) async fn page(&self, bucket: Bucket, after: &str, limit: usize) -> Result<Vec<Stored>> {
        walk(self.whole(bucket), bucket, after.to_owned(), limit).await
    }

    pub(crate) async fn partials(&self, bucket: Bucket, after: &str, limit: usize) -> Result<Vec<Stored>> {
        walk(self.partial(bucket), bucket, after.to_owned(), limit).await
    }
}

/// The bytes are durable before the name says that they are all; and the name too must survive a power cut.
fn make_whole(file: &File, partial: &Path, whole: &Path) -> io::Result<()> {
    file.sync_data()?;
    fs::rename(partial, whole)?;
    sync_folder(whole)
}

fn sync_folder(file: &Path) -> io::Result<()> {
    file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// What it is to the caller that a partial file can't be opened.
fn known(error: io::Error, partial: &Path) -> io::Error {
    let folder = partial.parent().is_some_and(Path::exists);
    if error.kind() == ErrorKind::NotFound && folder { deleted() } else { error }
}

fn deleted() -> io::Error {
    io::Error::new(ErrorKind::NotFound, "the blob was deleted meanwhile")
}

fn removed(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

async fn walk(folder: PathBuf, bucket: Bucket, mut after: String, limit: usize) -> Result<Vec<Stored>> {
    blocking(move || {
        loop {
            let ids = least(&folder, bucket, &after, limit)?;
            let found: Vec<Stored> = ids.iter().filter_map(|id| stored(&folder, bucket, id)).collect();
            // Files that went between the listing and the look are not the end.
            match ids.last() {
                Some(last) if found.is_empty() => after.clone_from(last),
                _ => return Ok(found),
            }
        }
    })
    .await
}

/// The first `limit` ids after `after`, in order. Holds no more than these, however many files there are.
fn least(folder: &Path, bucket: Bucket, after: &str, limit: usize) -> io::Result<Vec<String>> {
    let mut least = BinaryHeap::new();
    for entry in fs::read_dir(folder)? {
        let Ok(id) = entry?.file_name().into_string() else { continue };
        let wanted = least.len() < limit || least.peek().is_some_and(|greatest| id < *greatest);
        if wanted && *id > *after && bucket.blob(&id).is_some() {
            least.push(id);
            if least.len() > limit {
                least.pop();
            }
        }
    }
    Ok(least.into_sorted_vec())
}

fn stored(folder: &Path, bucket: Bucket, id: &str) -> Option<Stored> {
    let stored_at = fs::metadata(folder.join(id)).and_then(|meta| meta.modified()).ok()?;
    Some(Stored { blob: bucket.blob(id)?, stored_at })
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

/// The partial file; it goes with this value unless it was renamed away, or is to be gone on with.
#[derive(Debug)]
struct Partial {
    path: PathBuf,
    kept: bool,
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.kept {
            // Gone after a rename; what can't be removed stays a partial.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[derive(Debug)]
pub(crate) struct FileUpload {
    file: Arc<File>,
    partial: Partial,
    whole: PathBuf,
    gathered: Vec<Bytes>,
    held: usize,
    size: u64,
    /// One write runs behind, so that disk and network overlap.
    writing: Option<JoinHandle<io::Result<()>>>,
}

impl FileUpload {
    fn new(file: File, partial: Partial, whole: PathBuf, size: u64) -> Self {
        Self { file: Arc::new(file), partial, whole, gathered: Vec::new(), held: 0, size, writing: None }
    }

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

    async fn hand_over(&mut self) -> Result<()> {
        self.start_writing().await?;
        self.end_writing().await
    }

    pub(crate) async fn flush(&mut self) -> Result<u64> {
        self.hand_over().await?;
        let (file, size) = (self.file.clone(), self.size);
        blocking(move || file.sync_data().map(|()| size)).await
    }

    pub(crate) async fn rewrite(&mut self, offset: u64, bytes: Bytes) -> Result<()> {
        self.hand_over().await?;
        let file = self.file.clone();
        blocking(move || file.write_all_at(&bytes, offset)).await
    }

    pub(crate) async fn finish(mut self) -> Result<u64> {
        self.hand_over().await?;
        let Self { file, partial, whole, size, .. } = self;
        blocking(move || make_whole(&file, &partial.path, &whole).map(|()| size)).await
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
            Ok(file.read_exact_at(&mut buffer, offset).map(|()| Bytes::from(buffer)))
        })
        .await?
        .map_err(|error| unreadable(error, offset))
    }

    pub(crate) fn stream(&self, range: Range<u64>) -> impl Stream<Item = Result<Bytes>> + Send + use<> {
        let reader = self.clone();
        let end = range.end.min(self.size);
        stream::try_unfold(range.start.min(end)..end, move |rest| {
            let reader = reader.clone();
            async move {
                if rest.is_empty() {
                    return Ok(None);
                }
                let len = usize::try_from(rest.end - rest.start).map_or(CHUNK, |len| len.min(CHUNK));
                let bytes = reader.read_at(rest.start, len).await?;
                let next = rest.start + bytes.len() as u64..rest.end;
                Ok(Some((bytes, next)))
            }
        })
    }
}

/// A file that is shorter than it was, or that the disk can't give back, will be so the next time too.
fn unreadable(error: io::Error, offset: u64) -> Error {
    if error.kind() == ErrorKind::UnexpectedEof || error.raw_os_error() == Some(EIO) {
        Error::Damaged(format!("a file can't be read at byte {offset}: {error}"))
    } else {
        Error::Unavailable(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_the_disk_cannot_give_back_is_damaged() {
        // A file whose bytes the kernel refuses with EIO: nothing is mapped at the start of our memory.
        let file = Arc::new(File::open("/proc/self/mem").unwrap());
        let read = FileReader { file, size: 100 }.read_at(0, 10).await;
        assert!(matches!(read, Err(Error::Damaged(_))), "{read:?}");
    }
}
