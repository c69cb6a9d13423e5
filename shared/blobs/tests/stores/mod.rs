//! The stores under test, and a database of its own in the test's MongoDB.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]
#![allow(dead_code, clippy::allow_attributes, reason = "each test program takes what it needs")]

use blobs::Blobs;
use contracts::JobId;
use futures_util::TryStreamExt as _;
use mongodb::{
    Client, Database,
    bson::{Document, doc},
};
use tempfile::TempDir;

/// A database of its own, with a look at what is in it. Dropped at the end.
pub(crate) struct Mongo {
    pub(crate) url: String,
    pub(crate) blobs: Blobs,
    pub(crate) database: Database,
}

impl Mongo {
    pub(crate) async fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the test's servers come in variables")]
        let server = std::env::var("TEST_MONGODB_URI").expect("no MongoDB: run it through `make test`");
        let server = server.trim_end_matches('/');
        let name = format!("blobs-{}", JobId::generate());
        let url = format!("{server}/{name}");
        let client = Client::with_uri_str(&url).await.expect("a client");
        let database = client.database(&name);
        database.run_command(doc! { "profile": 2 }).await.expect("the profiler");
        Self { blobs: Blobs::open(&url).expect("the store"), url, database }
    }

    /// Chunks that reads have looked at so far, as the server counts them.
    pub(crate) async fn examined(&self) -> i32 {
        let reads = doc! { "op": "query", "ns": format!("{}.videos.chunks", self.database.name()) };
        let calls =
            self.database.collection::<Document>("system.profile").find(reads).await.expect("profile");
        let calls: Vec<Document> = calls.try_collect().await.expect("profile");
        calls.iter().filter_map(|call| call.get_i32("docsExamined").ok()).sum()
    }

    /// Waits until no chunk is there whose file never came.
    pub(crate) async fn settled(&self) {
        let chunks = self.database.collection::<Document>("videos.chunks");
        while chunks.count_documents(doc! {}).await.expect("a count") > 0 {
            tokio::task::yield_now().await;
        }
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

/// Every store, empty.
pub(crate) struct Stores {
    pub(crate) all: Vec<Blobs>,
    pub(crate) mongo: Mongo,
    _folder: TempDir,
}

impl Stores {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let directory = Blobs::open(&format!("file:{}", folder.path().join("blobs").display()));
        let mongo = Mongo::new().await;
        Self { all: vec![directory.expect("the store"), mongo.blobs.clone()], mongo, _folder: folder }
    }
}
