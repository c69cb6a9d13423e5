//! What is true of the GridFS store alone: its layout, its indexes, what a range costs, what an outage does.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod stores;

use std::time::Duration;

use blobs::{Blob, Blobs, Bucket, Description, Error};
use bytes::Bytes;
use contracts::{AudioId, JobId, State, VideoId};
use futures_util::TryStreamExt as _;
use mongodb::{
    Database,
    bson::{Document, doc, oid::ObjectId},
};
use stores::Mongo;

const CHUNK_SIZE: usize = 255 * 1024;

async fn store(blobs: &Blobs, len: usize) -> Blob {
    let blob = Blob::Video(VideoId::generate());
    let mut upload = blobs.put(blob).await.unwrap();
    upload.write(Bytes::from(vec![7; len])).await.unwrap();
    upload.finish().await.unwrap();
    blob
}

async fn indexes(database: &Database, collection: &str) -> Vec<(Document, bool)> {
    let all = database.collection::<Document>(collection).list_indexes().await.unwrap();
    let all: Vec<_> = all.try_collect().await.unwrap();
    let unique = |options: Option<mongodb::options::IndexOptions>| options.and_then(|options| options.unique);
    all.into_iter().map(|index| (index.keys, unique(index.options).unwrap_or(false))).collect()
}

#[tokio::test]
async fn both_buckets_get_our_indexes_and_asking_again_changes_nothing() {
    let mongo = Mongo::new().await;
    for _ in 0..2 {
        let blobs = Blobs::open(&mongo.url).unwrap();
        assert!(blobs.open_blob(Blob::Audio(AudioId::generate())).await.unwrap().is_none());
        for bucket in Bucket::ALL {
            let chunks = indexes(&mongo.database, &format!("{}.chunks", bucket.name())).await;
            assert_eq!(chunks, [(doc! { "_id": 1 }, false), (doc! { "files_id": 1, "n": 1 }, true)]);
            let files = indexes(&mongo.database, &format!("{}.files", bucket.name())).await;
            assert_eq!(files, [(doc! { "_id": 1 }, false), (doc! { "filename": 1, "uploadDate": 1 }, false)]);
        }
    }
}

#[tokio::test]
async fn other_gridfs_programs_read_what_we_wrote() {
    let mongo = Mongo::new().await;
    let blob = store(&mongo.blobs, 3 * CHUNK_SIZE + 5).await;
    let options = mongodb::options::GridFsBucketOptions::builder().bucket_name("videos".to_owned()).build();
    let bucket = mongo.database.gridfs_bucket(options);
    let mut found = bucket.open_download_stream(blob.id().into()).await.unwrap();
    let mut content = Vec::new();
    futures_util::AsyncReadExt::read_to_end(&mut found, &mut content).await.unwrap();
    assert!(content == vec![7; 3 * CHUNK_SIZE + 5]);
}

#[tokio::test]
async fn a_range_reads_the_chunks_that_it_touches_and_no_others() {
    let mongo = Mongo::new().await;
    let blob = store(&mongo.blobs, 40 * CHUNK_SIZE).await;
    let reader = mongo.blobs.open_blob(blob).await.unwrap().unwrap();
    let cases = [
        (0, 1, 1),
        (CHUNK_SIZE - 1, 2, 2),
        (20 * CHUNK_SIZE, CHUNK_SIZE, 1),
        (20 * CHUNK_SIZE + 9, 1 << 20, 5),
    ];
    for (offset, len, chunks) in cases {
        let before = mongo.examined().await;
        assert_eq!(reader.read_at(offset as u64, len).await.unwrap().len(), len);
        assert_eq!(mongo.examined().await - before, chunks, "{len} bytes from {offset}");
    }
}

#[tokio::test]
async fn a_killed_upload_leaves_chunks_that_are_removed_once_they_are_old() {
    let mongo = Mongo::new().await;
    let whole = store(&mongo.blobs, 2 * CHUNK_SIZE).await;
    let chunks = mongo.database.collection::<Document>("videos.chunks");
    let hour_ago = u32::try_from(mongodb::bson::DateTime::now().timestamp_millis() / 1000 - 3600).unwrap();
    let killed = |seconds| {
        let id = ObjectId::from_parts(seconds, ObjectId::new().bytes()[4..9].try_into().unwrap(), [0, 0, 1]);
        doc! { "_id": id, "files_id": VideoId::generate().to_string(), "n": 0 }
    };
    let (old, fresh) = (killed(hour_ago), killed(hour_ago + 3600));
    chunks.insert_many([&old, &fresh]).await.unwrap();
    assert_eq!(mongo.blobs.remove_partials(Duration::from_secs(1800)).await.unwrap(), 1);
    assert_eq!(
        chunks.count_documents(doc! { "files_id": old.get_str("files_id").unwrap() }).await.unwrap(),
        0
    );
    assert_eq!(
        chunks.count_documents(doc! { "files_id": fresh.get_str("files_id").unwrap() }).await.unwrap(),
        1
    );
    assert_eq!(mongo.blobs.remove_partials(Duration::ZERO).await.unwrap(), 1);
    assert_eq!(chunks.count_documents(doc! {}).await.unwrap(), 2, "a whole blob was touched");
    assert!(mongo.blobs.open_blob(whole).await.unwrap().is_some());
}

#[tokio::test]
async fn a_blob_that_is_deleted_or_damaged_while_it_is_read_is_an_error_and_never_wrong_bytes() {
    let mongo = Mongo::new().await;
    let (deleted, damaged) =
        (store(&mongo.blobs, 9 * CHUNK_SIZE).await, store(&mongo.blobs, 9 * CHUNK_SIZE).await);
    let mut readers = Vec::new();
    for blob in [deleted, damaged] {
        readers.push(mongo.blobs.open_blob(blob).await.unwrap().unwrap());
    }
    mongo.blobs.delete(deleted).await.unwrap();
    let chunks = mongo.database.collection::<Document>("videos.chunks");
    chunks.delete_one(doc! { "files_id": damaged.id(), "n": 4 }).await.unwrap();
    for reader in readers {
        let read =
            reader.stream(0..reader.size()).try_fold(0, async |sum, piece: Bytes| Ok(sum + piece.len()));
        assert!(matches!(read.await, Err(Error::Unavailable(_))));
    }
}

#[tokio::test]
async fn a_put_under_an_id_that_is_taken_fails_and_leaves_the_blob_alone() {
    let mongo = Mongo::new().await;
    let blob = store(&mongo.blobs, 5 * CHUNK_SIZE).await;
    let mut again = mongo.blobs.put(blob).await.unwrap();
    let written = again.write(Bytes::from(vec![8; 5 * CHUNK_SIZE])).await;
    let ended = again.finish().await;
    assert!(written.is_err() || ended.is_err());
    let reader = mongo.blobs.open_blob(blob).await.unwrap().unwrap();
    assert_eq!(reader.read_at(4 * CHUNK_SIZE as u64, 2).await.unwrap(), [7, 7].as_slice());
}

#[tokio::test]
async fn what_is_known_of_a_blob_stands_in_its_files_document() {
    let mongo = Mongo::new().await;
    let (blob, job) = (Blob::Video(VideoId::generate()), JobId::generate());
    let mut upload = mongo.blobs.put(blob).await.unwrap();
    let container = Some("mp4".to_owned());
    upload.describe(Description {
        job: Some(job),
        container,
        status: Some(State::Queued),
        ..Default::default()
    });
    upload.write(Bytes::from_static(b"video")).await.unwrap();
    upload.finish().await.unwrap();
    let known = Description {
        codecs: vec!["h264".into(), "aac".into()],
        duration: Some(Duration::from_millis(1500)),
        status: Some(State::Done),
        ..Default::default()
    };
    mongo.blobs.describe(blob, &known).await.unwrap();
    let files = mongo.database.collection::<Document>("videos.files");
    let file = files.find_one(doc! { "_id": blob.id() }).await.unwrap().unwrap();
    let expected = doc! {
        "job": job.to_string(), "container": "mp4", "status": "done", "codecs": ["h264", "aac"], "duration": 1.5
    };
    assert_eq!(file.get_document("metadata").unwrap(), &expected);
    assert_eq!(file.get_str("filename").unwrap(), blob.id());
    assert_eq!(file.get_i64("length").unwrap(), 5);
}

#[tokio::test]
async fn without_a_server_each_call_says_unavailable_and_none_waits_for_another() {
    // A port that was free a moment ago, and that nobody listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let blobs =
        Blobs::open(&format!("mongodb://127.0.0.1:{port}/tapedeck?serverSelectionTimeoutMS=300")).unwrap();
    let calls = (0..8).map(|_| blobs.put(Blob::Video(VideoId::generate())));
    let all =
        tokio::time::timeout(Duration::from_secs(5), futures_util::future::join_all(calls)).await.unwrap();
    assert!(all.iter().all(|result| matches!(result, Err(Error::Unavailable(_)))));
}

#[test]
fn a_password_is_never_printed() {
    let blobs = Blobs::open("mongodb://user:secret@localhost/tapedeck").unwrap();
    assert!(!format!("{blobs:?}").contains("secret"));
}
