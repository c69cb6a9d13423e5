//! The stores under test, with hands that reach past them into the folder or the database.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]
#![allow(dead_code, clippy::allow_attributes, reason = "each test program takes what it needs")]

use std::ops::Deref;

use blobs::{Blob, Blobs};
use bytes::Bytes;
use contracts::{JobId, VideoId};
use futures_util::TryStreamExt as _;
use mongodb::{
    Client, Database,
    bson::{Document, doc},
};
use servers::{Shared, shared};
use tempfile::TempDir;

/// Puts a blob in the pieces given; returns its size.
pub(crate) async fn put(blobs: &Blobs, blob: Blob, pieces: &[&[u8]]) -> blobs::Result<u64> {
    let mut upload = blobs.put(blob).await?;
    for piece in pieces {
        upload.write(Bytes::copy_from_slice(piece)).await?;
    }
    upload.finish().await
}

/// Puts a video of `len` bytes 7.
pub(crate) async fn put_video(blobs: &Blobs, len: usize) -> Blob {
    let blob = Blob::Video(VideoId::generate());
    put(blobs, blob, &[&vec![7; len]]).await.expect("a put");
    blob
}

/// All bytes of a blob, or why not.
pub(crate) async fn content(blobs: &Blobs, blob: Blob) -> blobs::Result<Option<Vec<u8>>> {
    let Some(reader) = blobs.open_blob(blob).await? else { return Ok(None) };
    let pieces: Vec<Bytes> = reader.stream(0..reader.size()).try_collect().await?;
    Ok(Some(pieces.concat()))
}

/// A database, with a look at what is in it. Dropped at the end.
pub(crate) struct Mongo {
    pub(crate) url: String,
    pub(crate) blobs: Blobs,
    pub(crate) database: Database,
}

impl Mongo {
    /// On the server that the whole run shares, as `tapedeck migrate` leaves it.
    pub(crate) async fn new() -> Self {
        let mongo = Self::on(&shared(Shared::Mongodb)).await;
        mongo.blobs.prepare().await.expect("the indexes");
        mongo.database.run_command(doc! { "profile": 2 }).await.expect("the profiler");
        mongo
    }

    /// On a server of the test's own; bare.
    pub(crate) async fn on(server: &str) -> Self {
        let name = format!("blobs-{}", JobId::generate());
        let url = format!("{}/{name}", server.trim_end_matches('/'));
        let client = Client::with_uri_str(&url).await.expect("a client");
        Self { blobs: Blobs::open(&url).expect("the store"), url, database: client.database(&name) }
    }

    /// What the server has done of the kind `op` to the chunks of videos so far, as its profiler noted it.
    pub(crate) async fn calls(&self, op: &str) -> Vec<Document> {
        let reads = doc! { "op": op, "ns": format!("{}.videos.chunks", self.database.name()) };
        let calls =
            self.database.collection::<Document>("system.profile").find(reads).await.expect("profile");
        calls.try_collect().await.expect("profile")
    }

    /// The sum of a field of these calls.
    pub(crate) async fn sum(&self, op: &str, field: &str) -> i32 {
        self.calls(op).await.iter().filter_map(|call| call.get_i32(field).ok()).sum()
    }

    /// How many chunks of videos there are.
    pub(crate) async fn chunks(&self) -> u64 {
        self.database.collection::<Document>("videos.chunks").count_documents(doc! {}).await.expect("a count")
    }
}

impl Drop for Mongo {
    fn drop(&mut self) {
        let (url, name) = (self.url.clone(), self.database.name().to_owned());
        // The test's runtime ends with the test; a thread with its own waits for the answer.
        let removed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime
                .block_on(async { Client::with_uri_str(&url).await?.database(&name).drop().await })
                .map_err(std::io::Error::other)
        });
        let _ = removed.join();
    }
}

/// A store under test; used as the [`Blobs`] that it is.
pub(crate) enum Store {
    Directory(Blobs, TempDir),
    GridFs(Mongo),
}

impl Deref for Store {
    type Target = Blobs;

    fn deref(&self) -> &Blobs {
        match self {
            Self::Directory(blobs, _) => blobs,
            Self::GridFs(mongo) => &mongo.blobs,
        }
    }
}

impl Store {
    /// Takes the last bytes of a stored blob away, behind the store's back.
    pub(crate) async fn damage(&self, blob: Blob) {
        match self {
            Self::Directory(_, folder) => {
                let path = folder.path().join(blob.bucket().name()).join(blob.id());
                let file = std::fs::File::options().write(true).open(path).expect("the file");
                file.set_len(file.metadata().expect("its size").len() - 1).expect("a shorter file");
            }
            Self::GridFs(mongo) => {
                let chunks =
                    mongo.database.collection::<Document>(&format!("{}.chunks", blob.bucket().name()));
                let last = chunks.find_one_and_delete(doc! { "files_id": blob.id() }).sort(doc! { "n": -1 });
                last.await.expect("a delete").expect("a chunk");
            }
        }
    }
}

/// Every store, empty.
pub(crate) async fn stores() -> [Store; 2] {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = Blobs::open(&format!("file:{}", folder.path().display())).expect("the store");
    directory.prepare().await.expect("nothing to do");
    [Store::Directory(directory, folder), Store::GridFs(Mongo::new().await)]
}
