//! Blobs in MongoDB, as GridFS lays them out: `videos.files` and `videos.chunks`, `audios.files` and `audios.chunks`,
//! so that any GridFS tool reads them. `_id` and `filename` are our ids as text.
//!
//! - `upload.rs`: a put, with several inserts of chunks in flight and the files document last.
//! - `read.rs`: a range, by the chunks that it touches, with reads ahead.
//! - `sweep.rs`: chunks whose files document never came.
//! - `fields.rs`: a description as metadata.
//! - `fault.rs`: what the driver's errors mean here, and the time that a call may take.
//!
//! Nothing is connected before the first call, so a function starts without a database at hand. The indexes are made
//! then; the driver's own are of no use: its `files_id_1_n_1` is not unique.

mod fault;
mod fields;
mod read;
mod sweep;
mod upload;

use std::{fmt, sync::OnceLock, time::SystemTime};

use futures_util::TryStreamExt as _;
use mongodb::{
    Client, Collection, Database, IndexModel,
    bson::{DateTime, Document, RawDocumentBuf, doc},
    options::{Acknowledgment, ClientOptions, ConnectionString, IndexOptions, WriteConcern},
};

use self::{
    fault::{PATIENCE, within},
    fields::fields,
};
pub(crate) use self::{read::GridReader, upload::GridUpload};
use crate::{Blob, Bucket, Description, Error, Result};

/// Bytes of a chunk: what GridFS's other programs take, and what a read of the conversion engine asks for. Sizes from
/// 255 KiB to 4 MiB make no difference to the speed of a put or get as long as several chunks travel in one call;
/// the larger ones hold more memory and read more for a range.
const CHUNK_SIZE: usize = 255 * 1024;

pub(crate) struct GridFs {
    address: ConnectionString,
    database: OnceLock<Database>,
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
        let address = ConnectionString::parse(url).map_err(|_| Error::Url)?;
        // Not the driver's default: a blob store in a database that nobody named would be a surprise.
        if address.default_database.is_none() {
            return Err(Error::Url);
        }
        Ok(Self { address, database: OnceLock::new() })
    }

    pub(crate) async fn put(&self, blob: Blob) -> Result<GridUpload> {
        Ok(GridUpload::new(self.grid(blob.bucket()).await?, blob.id()))
    }

    pub(crate) async fn read(&self, blob: Blob) -> Result<Option<GridReader>> {
        GridReader::open(self.grid(blob.bucket()).await?, blob.id()).await
    }

    pub(crate) async fn delete(&self, blob: Blob) -> Result<bool> {
        self.grid(blob.bucket()).await?.remove(&blob.id()).await
    }

    pub(crate) async fn describe(&self, blob: Blob, description: &Description) -> Result<()> {
        let fields = fields(description, "metadata.");
        if fields.is_empty() {
            return Ok(());
        }
        let files = self.grid(blob.bucket()).await?.files;
        within(files.update_one(doc! { "_id": blob.id() }, doc! { "$set": fields })).await.map(drop)
    }

    pub(crate) async fn older_than(&self, bucket: Bucket, time: SystemTime) -> Result<Vec<Blob>> {
        let files = self.grid(bucket).await?.files;
        let old = doc! { "uploadDate": { "$lte": DateTime::from_system_time(time) } };
        let found = within(files.find(old).projection(doc! { "_id": 1 })).await?;
        let ids: Vec<Document> = within(found.try_collect()).await?;
        Ok(ids.iter().filter_map(|file| bucket.blob(file.get_str("_id").ok()?)).collect())
    }

    pub(crate) async fn remove_partials(&self, time: SystemTime) -> Result<usize> {
        let mut removed = 0;
        for bucket in Bucket::ALL {
            removed += sweep::remove_partials(&self.grid(bucket).await?, time).await?;
        }
        Ok(removed)
    }

    async fn grid(&self, bucket: Bucket) -> Result<Grid> {
        Ok(Grid::of(self.database().await?, bucket))
    }

    /// During an outage each caller tries on its own, so that none waits for the time-out of another.
    async fn database(&self) -> Result<&Database> {
        if let Some(database) = self.database.get() {
            return Ok(database);
        }
        let database = connect(self.address.clone()).await?;
        for bucket in Bucket::ALL {
            Grid::of(&database, bucket).make_indexes().await?;
        }
        Ok(self.database.get_or_init(|| database))
    }
}

/// Sets what the URL leaves open: short waits, and writes that survive a power cut.
async fn connect(address: ConnectionString) -> Result<Database> {
    let mut options = within(ClientOptions::parse(address)).await?;
    options.app_name.get_or_insert_with(|| "tapedeck".into());
    options.server_selection_timeout.get_or_insert(PATIENCE);
    options.connect_timeout.get_or_insert(PATIENCE);
    let durable = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
    options.write_concern.get_or_insert(durable);
    let client = Client::with_options(options).map_err(fault::refused)?;
    client.default_database().ok_or(Error::Url)
}

impl Grid {
    fn of(database: &Database, bucket: Bucket) -> Self {
        let name = bucket.name();
        Self {
            files: database.collection(&format!("{name}.files")),
            chunks: database.collection(&format!("{name}.chunks")),
        }
    }

    /// The files document goes first: from then on nobody finds the blob, and chunks that are left are swept. False if
    /// there was none.
    async fn remove(&self, id: &str) -> Result<bool> {
        let gone = within(self.files.delete_one(doc! { "_id": id })).await?;
        within(self.chunks.delete_many(doc! { "files_id": id })).await?;
        Ok(gone.deleted_count > 0)
    }

    /// Changes nothing where they are already.
    async fn make_indexes(&self) -> Result<()> {
        let unique = IndexOptions::builder().unique(true).build();
        let chunks = IndexModel::builder().keys(doc! { "files_id": 1, "n": 1 }).options(unique).build();
        let files = IndexModel::builder().keys(doc! { "filename": 1, "uploadDate": 1 }).build();
        within(self.chunks.create_index(chunks)).await?;
        within(self.files.create_index(files)).await.map(drop)
    }
}

impl fmt::Debug for GridFs {
    /// Without the address: it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GridFs").field("database", &self.address.default_database).finish_non_exhaustive()
    }
}
