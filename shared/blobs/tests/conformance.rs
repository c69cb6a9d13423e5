//! What every blob store guarantees, held against each of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod stores;

use std::time::Duration;

use blobs::{Blob, Blobs, Bucket, CHUNK};
use bytes::Bytes;
use contracts::{AudioId, VideoId};
use futures_util::TryStreamExt as _;
use stores::Stores;

async fn store(blobs: &Blobs, blob: Blob, pieces: &[&[u8]]) -> u64 {
    let mut upload = blobs.put(blob).await.unwrap();
    for piece in pieces {
        upload.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    upload.finish().await.unwrap()
}

async fn content(blobs: &Blobs, blob: Blob) -> Vec<u8> {
    let reader = blobs.open_blob(blob).await.unwrap().unwrap();
    let pieces: Vec<Bytes> = reader.stream(0..reader.size()).try_collect().await.unwrap();
    pieces.concat()
}

#[tokio::test]
async fn a_blob_comes_back_as_it_was_put() {
    let stores = Stores::new().await;
    for blobs in &stores.all {
        let large: Vec<u8> =
            (0..5_000_000_u32).flat_map(|n| n.to_le_bytes()).take(3 * 1024 * 1024 + 17).collect();
        let blob = Blob::Video(VideoId::generate());
        let pieces: Vec<&[u8]> = large.chunks(40_001).collect();
        assert_eq!(store(blobs, blob, &pieces).await, large.len() as u64);
        assert!(content(blobs, blob).await == large);
    }
}

#[tokio::test]
async fn an_empty_blob_is_a_blob() {
    let stores = Stores::new().await;
    for blobs in &stores.all {
        let blob = Blob::Audio(AudioId::generate());
        store(blobs, blob, &[]).await;
        assert_eq!(content(blobs, blob).await, b"");
    }
}

#[tokio::test]
async fn a_range_costs_its_bytes_only_and_ends_at_the_end() {
    let stores = Stores::new().await;
    for blobs in &stores.all {
        let blob = Blob::Video(VideoId::generate());
        let data: Vec<u8> = (0..=255).cycle().take(CHUNK * 2 + 100).collect();
        store(blobs, blob, &[&data]).await;
        let reader = blobs.open_blob(blob).await.unwrap().unwrap();
        let from = CHUNK - 3;
        assert_eq!(reader.read_at(from as u64, 7).await.unwrap(), data[from..from + 7]);
        assert_eq!(reader.read_at(data.len() as u64 - 2, 50).await.unwrap(), data[data.len() - 2..]);
        assert!(reader.read_at(data.len() as u64 + 5, 50).await.unwrap().is_empty());
        let pieces: Vec<Bytes> = reader.stream(10..CHUNK as u64 + 20).try_collect().await.unwrap();
        assert!(pieces.concat() == data[10..CHUNK + 20]);
    }
}

#[tokio::test]
async fn the_start_can_be_rewritten_before_the_end() {
    let stores = Stores::new().await;
    for blobs in &stores.all {
        let blob = Blob::Audio(AudioId::generate());
        let mut upload = blobs.put(blob).await.unwrap();
        upload.write(Bytes::from_static(b"????body")).await.unwrap();
        upload.rewrite(0, Bytes::from_static(b"head")).await.unwrap();
        upload.write(Bytes::from_static(b"tail")).await.unwrap();
        assert_eq!(upload.finish().await.unwrap(), 12);
        assert_eq!(content(blobs, blob).await, b"headbodytail");
    }
}

#[tokio::test]
async fn bytes_on_both_sides_of_a_border_can_be_rewritten_wherever_they_are_by_then() {
    let stores = Stores::new().await;
    for blobs in &stores.all {
        for len in [600_000, 3_000_000] {
            let blob = Blob::Audio(AudioId::generate());
            let mut upload = blobs.put(blob).await.unwrap();
            let mut data = vec![7; len];
            upload.write(Bytes::from(data.clone())).await.unwrap();
            for (start, patch) in [(0, 5), (255 * 1024 - 3, 9), (510 * 1024 - 3, 9), (len - 700, 700)] {
                data[start..start + patch].fill(9);
                upload.rewrite(start as u64, Bytes::from(vec![9; patch])).await.unwrap();
            }
            upload.write(Bytes::from_static(b"end")).await.unwrap();
            upload.finish().await.unwrap();
            data.extend(b"end");
            assert!(content(blobs, blob).await == data);
        }
    }
}

#[tokio::test]
async fn what_was_not_written_cannot_be_rewritten() {
    let stores = Stores::new().await;
    let mut upload = stores.mongo.blobs.put(Blob::Audio(AudioId::generate())).await.unwrap();
    upload.write(Bytes::from_static(b"four")).await.unwrap();
    assert!(upload.rewrite(2, Bytes::from_static(b"too far")).await.is_err());
}

#[tokio::test]
async fn an_upload_that_is_dropped_leaves_nothing() {
    let stores = Stores::new().await;
    for blobs in &stores.all {
        let blob = Blob::Video(VideoId::generate());
        let mut upload = blobs.put(blob).await.unwrap();
        upload.write(Bytes::from(vec![7; 3_000_000])).await.unwrap();
        assert!(blobs.open_blob(blob).await.unwrap().is_none(), "visible before the end");
        drop(upload);
        stores.mongo.settled().await;
        assert!(blobs.open_blob(blob).await.unwrap().is_none());
        assert_eq!(blobs.remove_partials(Duration::ZERO).await.unwrap(), 0, "a partial is left");
    }
}

#[tokio::test]
async fn a_deleted_blob_is_gone_and_deleting_again_says_so() {
    let stores = Stores::new().await;
    for blobs in &stores.all {
        let blob = Blob::Video(VideoId::generate());
        store(blobs, blob, &[b"x"]).await;
        assert!(blobs.delete(blob).await.unwrap());
        assert!(!blobs.delete(blob).await.unwrap());
        assert!(blobs.open_blob(blob).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn old_blobs_are_listed_by_bucket() {
    let stores = Stores::new().await;
    for blobs in &stores.all {
        let (video, audio) = (Blob::Video(VideoId::generate()), Blob::Audio(AudioId::generate()));
        store(blobs, video, &[b"v"]).await;
        store(blobs, audio, &[b"a"]).await;
        assert_eq!(blobs.older_than(Bucket::Videos, Duration::ZERO).await.unwrap(), [video]);
        assert_eq!(blobs.older_than(Bucket::Audios, Duration::ZERO).await.unwrap(), [audio]);
        assert!(blobs.older_than(Bucket::Videos, Duration::from_secs(60)).await.unwrap().is_empty());
    }
}

#[test]
fn a_url_of_no_store_is_refused() {
    for url in ["", "file:", "s3://bucket", "/tmp", "mongodb://host", "mongodb://host/", "mongodb:"] {
        assert!(Blobs::open(url).is_err(), "{url}");
    }
}
