//! What is true of the GridFS store alone: its layout, its indexes, what a range costs, what an outage does.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod stores;

use std::time::{Duration, SystemTime};

use blobs::{Blob, Blobs, Bucket, Error, Stored};
use bytes::Bytes;
use contracts::VideoId;
use futures_util::TryStreamExt as _;
use mongodb::{
    Database, IndexModel,
    bson::{Binary, DateTime, Document, doc, oid::ObjectId, spec::BinarySubtype},
};
use stores::{Mongo, content, put_video};

const CHUNK_SIZE: usize = 255 * 1024;

fn new_id() -> String {
    VideoId::generate().to_string()
}

/// A files document of another chunk size, and `count` chunks of one byte, as another program might have made them.
async fn insert(database: &Database, id: &str, count: i32) {
    let file = doc! { "_id": id, "length": i64::from(count), "chunkSize": 1, "uploadDate": DateTime::now() };
    database.collection::<Document>("videos.files").insert_one(file).await.unwrap();
    insert_chunks(database, id, count).await;
}

async fn insert_chunks(database: &Database, id: &str, count: i32) {
    let data = Binary { subtype: BinarySubtype::Generic, bytes: vec![7] };
    let chunk = |n| doc! { "_id": ObjectId::new(), "files_id": id, "n": n, "data": &data };
    let chunks = database.collection::<Document>("videos.chunks");
    chunks.insert_many((0..count).map(chunk)).await.unwrap();
}

fn names(found: &[Stored]) -> Vec<String> {
    found.iter().map(|stored| stored.blob.id()).collect()
}

async fn indexes(database: &Database, collection: &str) -> Vec<(Document, bool)> {
    let all = database.collection::<Document>(collection).list_indexes().await.unwrap();
    let all: Vec<_> = all.try_collect().await.unwrap();
    let unique = |options: Option<mongodb::options::IndexOptions>| options.and_then(|options| options.unique);
    all.into_iter().map(|index| (index.keys, unique(index.options).unwrap_or(false))).collect()
}

#[tokio::test]
async fn prepare_gives_both_buckets_our_indexes_and_asking_again_changes_nothing() {
    let mongo = Mongo::new().await;
    for _ in 0..2 {
        Blobs::open(&mongo.url).unwrap().prepare().await.unwrap();
        for bucket in Bucket::ALL {
            let chunks = indexes(&mongo.database, &format!("{}.chunks", bucket.name())).await;
            assert_eq!(chunks, [(doc! { "_id": 1 }, false), (doc! { "files_id": 1, "n": 1 }, true)]);
            let files = indexes(&mongo.database, &format!("{}.files", bucket.name())).await;
            assert_eq!(files, [(doc! { "_id": 1 }, false), (doc! { "filename": 1, "uploadDate": 1 }, false)]);
        }
    }
}

#[tokio::test]
async fn the_indexes_of_another_gridfs_program_are_taken_as_they_are() {
    let mongo = Mongo::on(&servers::shared(servers::Shared::Mongodb)).await;
    let theirs = IndexModel::builder().keys(doc! { "files_id": 1, "n": 1 }).build();
    mongo.database.collection::<Document>("videos.chunks").create_index(theirs).await.unwrap();
    mongo.blobs.prepare().await.unwrap();
    assert_eq!(
        indexes(&mongo.database, "videos.chunks").await,
        [(doc! { "_id": 1 }, false), (doc! { "files_id": 1, "n": 1 }, false)]
    );
    assert_eq!(indexes(&mongo.database, "audios.files").await.len(), 2);
}

#[tokio::test]
async fn a_first_request_makes_no_index() {
    let mongo = Mongo::on(&servers::shared(servers::Shared::Mongodb)).await;
    let blob = Blob::Video(VideoId::generate());
    assert!(mongo.blobs.open_blob(blob).await.unwrap().is_none());
    assert!(!mongo.blobs.delete(blob).await.unwrap());
    assert_eq!(mongo.database.list_collection_names().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_files_document_is_as_gridfs_has_it() {
    let mongo = Mongo::new().await;
    let blob = put_video(&mongo.blobs, 5).await;
    let files = mongo.database.collection::<Document>("videos.files");
    let mut file = files.find_one(doc! { "_id": blob.id() }).await.unwrap().unwrap();
    let stored = file.remove("uploadDate").unwrap().as_datetime().unwrap().to_system_time();
    assert!(stored.elapsed().unwrap() < Duration::from_secs(60));
    let expected = doc! {
        "_id": blob.id(), "length": 5_i64, "chunkSize": i32::try_from(CHUNK_SIZE).unwrap(), "filename": blob.id()
    };
    assert_eq!(file, expected);
}

#[tokio::test]
async fn other_gridfs_programs_read_what_we_wrote() {
    let mongo = Mongo::new().await;
    let blob = put_video(&mongo.blobs, 3 * CHUNK_SIZE + 5).await;
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
    let blob = put_video(&mongo.blobs, 40 * CHUNK_SIZE).await;
    let reader = mongo.blobs.open_blob(blob).await.unwrap().unwrap();
    let cases = [
        (0, 1, 1),
        (CHUNK_SIZE - 1, 2, 2),
        (20 * CHUNK_SIZE, CHUNK_SIZE, 1),
        (20 * CHUNK_SIZE + 9, 1 << 20, 5),
    ];
    for (offset, len, chunks) in cases {
        let before = mongo.sum("query", "docsExamined").await;
        assert_eq!(reader.read_at(offset as u64, len).await.unwrap().len(), len);
        assert_eq!(mongo.sum("query", "docsExamined").await - before, chunks, "{len} bytes from {offset}");
    }
}

#[tokio::test]
async fn a_chunk_that_is_missing_anywhere_is_damage_and_never_wrong_bytes() {
    let mongo = Mongo::new().await;
    let chunks = mongo.database.collection::<Document>("videos.chunks");
    for n in [0, 4, 8] {
        let blob = put_video(&mongo.blobs, 9 * CHUNK_SIZE).await;
        chunks.delete_one(doc! { "files_id": blob.id(), "n": n }).await.unwrap();
        let read = content(&mongo.blobs, blob).await;
        assert!(matches!(read, Err(Error::Damaged(_))), "{n}: {read:?}");
    }
}

#[tokio::test]
async fn chunks_of_a_wrong_length_and_files_documents_without_one_are_damage() {
    let mongo = Mongo::new().await;
    let (short, lost) = (put_video(&mongo.blobs, 9).await, put_video(&mongo.blobs, 9).await);
    let data = Binary { subtype: BinarySubtype::Generic, bytes: vec![7; 8] };
    let chunks = mongo.database.collection::<Document>("videos.chunks");
    chunks.update_one(doc! { "files_id": short.id() }, doc! { "$set": { "data": data } }).await.unwrap();
    let files = mongo.database.collection::<Document>("videos.files");
    files.update_one(doc! { "_id": lost.id() }, doc! { "$unset": { "length": 1 } }).await.unwrap();
    for blob in [short, lost] {
        let read = content(&mongo.blobs, blob).await;
        assert!(matches!(read, Err(Error::Damaged(_))), "{read:?}");
    }
}

#[tokio::test]
async fn a_large_blob_is_deleted_in_steps_and_what_is_left_of_one_by_the_next_delete() {
    let mongo = Mongo::new().await;
    let kept = put_video(&mongo.blobs, 3 * CHUNK_SIZE).await;
    let (whole, left) = (new_id(), new_id());
    insert(&mongo.database, &whole, 1_700).await;
    insert_chunks(&mongo.database, &left, 1_700).await;
    let chunks = mongo.database.collection::<Document>("videos.chunks");
    // An upload's inserts land in any order.
    chunks.delete_many(doc! { "files_id": &left, "n": { "$lt": 900 } }).await.unwrap();
    let before = mongo.calls("remove").await.len();
    for id in [&whole, &left] {
        let blob = Bucket::Videos.blob(id).unwrap();
        assert!(mongo.blobs.delete(blob).await.unwrap());
        assert!(!mongo.blobs.delete(blob).await.unwrap());
    }
    let steps: Vec<i32> =
        mongo.calls("remove").await[before..].iter().map(|call| call.get_i32("ndeleted").unwrap()).collect();
    assert_eq!(steps.iter().sum::<i32>(), 1_700 + 800);
    assert!(steps.iter().all(|deleted| *deleted <= 500), "{steps:?}");
    assert_eq!(mongo.chunks().await, 3, "another blob was touched");
    assert!(mongo.blobs.open_blob(kept).await.unwrap().is_some());
}

#[tokio::test]
async fn a_partial_is_as_old_as_its_newest_chunk() {
    let mongo = Mongo::new().await;
    let now = u32::try_from(DateTime::now().timestamp_millis() / 1000).unwrap();
    let id = new_id();
    for (n, seconds) in [(0, now - 7200), (1, now - 3600)] {
        let object = ObjectId::from_parts(seconds, [n, 2, 3, 4, 5], [0, 0, 1]);
        let chunk = doc! { "_id": object, "files_id": &id, "n": i32::from(n) };
        mongo.database.collection::<Document>("videos.chunks").insert_one(chunk).await.unwrap();
    }
    let stored_at = SystemTime::UNIX_EPOCH + Duration::from_secs((now - 3600).into());
    let expected = Stored { blob: Bucket::Videos.blob(&id).unwrap(), stored_at };
    assert_eq!(mongo.blobs.partials(Bucket::Videos, None, 10).await.unwrap(), [expected]);
}

#[tokio::test]
async fn walks_jump_from_id_to_id_however_many_chunks_and_files_there_are() {
    let mongo = Mongo::new().await;
    let mut ids: Vec<String> = (0..2_500).map(|_| new_id()).collect();
    ids.sort();
    let (files, chunks) = (
        mongo.database.collection::<Document>("videos.files"),
        mongo.database.collection::<Document>("videos.chunks"),
    );
    let partials = [&ids[0], &ids[1], &ids[999], &ids[1_000], &ids[1_001], &ids[2_002], &ids[2_499]];
    let whole = ids.iter().filter(|id| !partials.contains(id));
    files.insert_many(whole.map(|id| doc! { "_id": id, "uploadDate": DateTime::now() })).await.unwrap();
    for n in 0..4 {
        let chunk = |id| doc! { "_id": ObjectId::new(), "files_id": id, "n": n };
        chunks.insert_many(ids.iter().map(chunk)).await.unwrap();
    }
    insert(&mongo.database, &new_id(), 3_000).await;
    assert_eq!(
        names(&mongo.blobs.partials(Bucket::Videos, None, 100).await.unwrap()),
        partials.map(Clone::clone)
    );
    let calls = mongo.calls("query").await;
    let keys: Vec<i32> = calls.iter().map(|call| call.get_i32("keysExamined").unwrap()).collect();
    // Two for each partial and one for each step and its end, not one for each id.
    assert!(keys.len() <= 20, "{} calls", keys.len());
    // One or two keys for each id that is left of a step, not one for each chunk.
    assert!(keys.iter().all(|keys| *keys <= 2_100) && keys.iter().sum::<i32>() < 12_000, "{keys:?}");
}

#[tokio::test]
async fn names_that_are_not_ours_are_passed_over() {
    let mongo = Mongo::new().await;
    let (id, loud) = (new_id(), new_id().to_ascii_uppercase());
    for id in ["0", &id, "a photo.jpg", "zz", &loud] {
        insert(&mongo.database, id, 1).await;
    }
    for id in ["00", "photo", &new_id().to_ascii_uppercase()] {
        insert_chunks(&mongo.database, id, 1).await;
    }
    let (mut found, mut after) = (Vec::new(), None);
    while let [stored] = mongo.blobs.page(Bucket::Videos, after.as_deref(), 1).await.unwrap()[..] {
        found.push(stored);
        after = Some(stored.blob.id());
    }
    assert_eq!(names(&found), [id]);
    assert_eq!(mongo.blobs.partials(Bucket::Videos, None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn without_a_server_each_call_says_unavailable_and_none_waits_for_another() {
    // A port that was free a moment ago, and that nobody listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let blobs =
        Blobs::open(&format!("mongodb://127.0.0.1:{port}/tapedeck?serverSelectionTimeoutMS=300")).unwrap();
    let calls = (0..8).map(|_| blobs.delete(Blob::Video(VideoId::generate())));
    let all =
        tokio::time::timeout(Duration::from_secs(5), futures_util::future::join_all(calls)).await.unwrap();
    assert!(all.iter().all(|result| matches!(result, Err(Error::Unavailable(_)))));
    assert!(matches!(blobs.prepare().await, Err(Error::Unavailable(_))));
    assert!(matches!(blobs.ping().await, Err(Error::Unavailable(_))));
    let mut upload = blobs.put(Blob::Video(VideoId::generate())).await.unwrap();
    upload.write(Bytes::from_static(b"video")).await.unwrap();
    assert!(matches!(upload.finish().await, Err(Error::Unavailable(_))));
}

#[test]
fn a_password_is_never_printed() {
    let blobs = Blobs::open("mongodb://user:secret@localhost/tapedeck").unwrap();
    assert!(!format!("{blobs:?}").contains("secret"));
}
