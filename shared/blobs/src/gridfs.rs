//! Blobs in MongoDB, as GridFS lays them out: `videos.files` and `videos.chunks`, `audios.files` and `audios.chunks`,
//! so that any GridFS tool reads them. `_id` and `filename` are our ids as text.
//!
//! - `connect.rs`: one client for all calls, and how durable its writes and how fresh its reads are.
//! - `upload.rs`: a put, with several inserts of chunks in flight and the files document last.
//! - `resume.rs`: a put in several parts.
//! - `read.rs`: a range, by the chunks that it touches, with reads ahead.
//! - `remove.rs`: a delete, the files document first, then the chunks in steps.
//! - `walk.rs`: what is stored and what is half-written, page by page.
//! - `fault.rs`: what the driver's errors mean here, and the time that a call may take.
//!
//! Nothing is connected before the first call, so a function starts without a database at hand.

mod connect;
mod fault;
mod read;
mod remove;
mod resume;
mod upload;
mod walk;

use std::fmt;

use futures_util::future::BoxFuture;
use mongodb::{
    Collection, Database, IndexModel,
    bson::{DateTime, Document, RawDocumentBuf, doc},
    options::IndexOptions,
};

use self::{connect::Connection, fault::within};
pub(crate) use self::{read::GridReader, upload::GridUpload};
use crate::{Blob, Bucket, Result, Stored};

/// Bytes of a chunk: what GridFS's other programs take, and what a read of the conversion engine asks for. Sizes from
/// 255 KiB to 4 MiB make no difference to the speed of a put or get as long as several chunks travel in one call;
/// the larger ones hold more memory and read more for a range.
const CHUNK_SIZE: usize = 255 * 1024;

/// What a call will answer. In a box, so that the driver is compiled here: the code of an `async fn` is made where it is
/// awaited, and each function would make the driver's once more.
type Answer<'a, T> = BoxFuture<'a, Result<T>>;

pub(crate) struct GridFs {
    connection: Connection,
}

/// The two collections of a bucket.
#[derive(Clone, Debug)]
struct Grid {
    files: Collection<Document>,
    chunks: Collection<RawDocumentBuf>,
}

impl GridFs {
    /// `mongodb://HOST/DATABASE`, or `mongodb+srv://`.
    pub(crate) fn open(url: &str) -> Result<Self> {
        Ok(Self { connection: Connection::to(url)? })
    }

    /// Makes the indexes, however long that takes on what is there.
    pub(crate) fn prepare(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            for bucket in Bucket::ALL {
                self.grid(bucket).await?.make_indexes().await?;
            }
            Ok(())
        })
    }

    pub(crate) fn ping(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let database = self.connection.database().await?;
            within(async { database.run_command(doc! { "ping": 1 }).await.map(drop) }).await
        })
    }

    pub(crate) fn put(&self, blob: Blob) -> Answer<'_, GridUpload> {
        Box::pin(async move { Ok(GridUpload::new(self.grid(blob.bucket()).await?, blob.id())) })
    }

    pub(crate) fn resume(&self, blob: Blob, at: u64) -> Answer<'_, GridUpload> {
        Box::pin(async move { self.grid(blob.bucket()).await?.resume(blob.id(), at).await })
    }

    pub(crate) fn complete(&self, blob: Blob, size: u64) -> Answer<'_, ()> {
        Box::pin(async move { self.grid(blob.bucket()).await?.complete(&blob.id(), size).await })
    }

    pub(crate) fn read(&self, blob: Blob) -> Answer<'_, Option<GridReader>> {
        Box::pin(async move { GridReader::open(self.grid(blob.bucket()).await?, blob.id()).await })
    }

    pub(crate) fn delete(&self, blob: Blob) -> Answer<'_, bool> {
        Box::pin(async move { self.grid(blob.bucket()).await?.remove(&blob.id()).await })
    }

    pub(crate) fn page<'a>(
        &'a self,
        bucket: Bucket,
        after: &'a str,
        limit: usize,
    ) -> Answer<'a, Vec<Stored>> {
        Box::pin(async move { walk::page(&self.grid(bucket).await?, bucket, after, limit).await })
    }

    pub(crate) fn partials<'a>(
        &'a self,
        bucket: Bucket,
        after: &'a str,
        limit: usize,
    ) -> Answer<'a, Vec<Stored>> {
        Box::pin(async move { walk::partials(&self.grid(bucket).await?, bucket, after, limit).await })
    }

    async fn grid(&self, bucket: Bucket) -> Result<Grid> {
        Ok(Grid::of(self.connection.database().await?, bucket))
    }
}

impl Grid {
    fn of(database: &Database, bucket: Bucket) -> Self {
        let name = bucket.name();
        Self {
            files: database.collection(&format!("{name}.files")),
            chunks: database.collection(&format!("{name}.chunks")),
        }
    }

    /// The driver's own are of no use: its `files_id_1_n_1` is not unique.
    async fn make_indexes(&self) -> Result<()> {
        let unique = IndexOptions::builder().unique(true).build();
        let chunks = IndexModel::builder().keys(doc! { "files_id": 1, "n": 1 }).options(unique).build();
        let files = IndexModel::builder().keys(doc! { "filename": 1, "uploadDate": 1 }).build();
        fault::unless_there(self.chunks.create_index(chunks).await)?;
        fault::unless_there(self.files.create_index(files).await)
    }

    /// The number of the blob's last chunk, and when it was made, as its `_id` says. `None` if there are no chunks.
    async fn last_chunk(&self, id: &str) -> Result<Option<(i32, DateTime)>> {
        let last = self.chunks.find_one(doc! { "files_id": id }).sort(doc! { "files_id": -1, "n": -1 });
        let last = within(last.projection(doc! { "n": 1 })).await?;
        Ok(last
            .and_then(|chunk| Some((chunk.get_i32("n").ok()?, chunk.get_object_id("_id").ok()?.timestamp()))))
    }
}

impl fmt::Debug for GridFs {
    /// Without the address: it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GridFs").field("database", &self.connection.name()).finish_non_exhaustive()
    }
}
