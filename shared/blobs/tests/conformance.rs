//! What every blob store guarantees, held against each of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod stores;

use std::time::{Duration, SystemTime};

use blobs::{Blob, Blobs, Bucket, CHUNK, Error, Upload};
use bytes::Bytes;
use contracts::{AudioId, VideoId};
use futures_util::TryStreamExt as _;
use stores::{content, put, put_video, stores};

fn new_video() -> Blob {
    Blob::Video(VideoId::generate())
}

fn new_audio() -> Blob {
    Blob::Audio(AudioId::generate())
}

/// An upload of 3 MB that is as far as it gets without its end: all that goes to the store before is there.
async fn begin(blobs: &Blobs, blob: Blob) -> Upload {
    let mut upload = blobs.put(blob).await.unwrap();
    upload.write(Bytes::from(vec![7; 3_000_000])).await.unwrap();
    upload.rewrite(0, Bytes::from_static(&[7])).await.unwrap();
    upload
}

async fn whole(blobs: &Blobs, bucket: Bucket) -> Vec<Blob> {
    blobs.page(bucket, None, 1000).await.unwrap().iter().map(|stored| stored.blob).collect()
}

async fn partial(blobs: &Blobs, bucket: Bucket) -> Vec<Blob> {
    blobs.partials(bucket, None, 1000).await.unwrap().iter().map(|stored| stored.blob).collect()
}

#[tokio::test]
async fn a_blob_comes_back_as_it_was_put() {
    for blobs in stores().await {
        let large: Vec<u8> =
            (0..5_000_000_u32).flat_map(|n| n.to_le_bytes()).take(3 * 1024 * 1024 + 17).collect();
        let blob = new_video();
        let pieces: Vec<&[u8]> = large.chunks(40_001).collect();
        assert_eq!(put(&blobs, blob, &pieces).await.unwrap(), large.len() as u64);
        assert!(content(&blobs, blob).await.unwrap().unwrap() == large);
    }
}

#[tokio::test]
async fn a_store_that_is_there_answers_a_ping() {
    for blobs in stores().await {
        blobs.ping().await.unwrap();
    }
}

#[tokio::test]
async fn an_empty_blob_is_a_blob() {
    for blobs in stores().await {
        let blob = new_audio();
        assert_eq!(put(&blobs, blob, &[]).await.unwrap(), 0);
        assert_eq!(content(&blobs, blob).await.unwrap().unwrap(), b"");
        assert_eq!(whole(&blobs, Bucket::Audios).await, [blob]);
        assert!(blobs.delete(blob).await.unwrap());
    }
}

#[tokio::test]
async fn a_range_costs_its_bytes_only_and_ends_at_the_end() {
    for blobs in stores().await {
        let blob = new_video();
        let data: Vec<u8> = (0..=255).cycle().take(CHUNK * 2 + 100).collect();
        put(&blobs, blob, &[&data]).await.unwrap();
        let reader = blobs.open_blob(blob).await.unwrap().unwrap();
        let from = CHUNK - 3;
        assert_eq!(reader.read_at(from as u64, 7).await.unwrap(), data[from..from + 7]);
        assert_eq!(reader.read_at(data.len() as u64 - 2, 50).await.unwrap(), data[data.len() - 2..]);
        assert!(reader.read_at(data.len() as u64 + 5, 50).await.unwrap().is_empty());
        for (range, expected) in [
            (10..CHUNK as u64 + 20, &data[10..CHUNK + 20]),
            (data.len() as u64 - 5..u64::MAX, &data[data.len() - 5..]),
        ] {
            let pieces: Vec<Bytes> = reader.stream(range).try_collect().await.unwrap();
            assert!(pieces.concat() == expected);
        }
    }
}

#[tokio::test]
async fn the_start_can_be_rewritten_before_the_end() {
    for blobs in stores().await {
        let blob = new_audio();
        let mut upload = blobs.put(blob).await.unwrap();
        upload.write(Bytes::from_static(b"????body")).await.unwrap();
        upload.rewrite(0, Bytes::from_static(b"head")).await.unwrap();
        upload.write(Bytes::from_static(b"tail")).await.unwrap();
        assert_eq!(upload.finish().await.unwrap(), 12);
        assert_eq!(content(&blobs, blob).await.unwrap().unwrap(), b"headbodytail");
    }
}

#[tokio::test]
async fn bytes_on_both_sides_of_a_border_can_be_rewritten_wherever_they_are_by_then() {
    for blobs in stores().await {
        for len in [600_000, 3_000_000] {
            let blob = new_audio();
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
            assert!(content(&blobs, blob).await.unwrap().unwrap() == data);
        }
    }
}

#[tokio::test]
async fn what_was_not_written_cannot_be_rewritten() {
    for blobs in stores().await {
        let mut upload = blobs.put(new_audio()).await.unwrap();
        upload.write(Bytes::from_static(b"four")).await.unwrap();
        assert!(upload.rewrite(2, Bytes::from_static(b"too far")).await.is_err());
    }
}

#[tokio::test]
async fn an_upload_that_is_dropped_leaves_nothing() {
    for blobs in stores().await {
        let blob = new_video();
        let upload = begin(&blobs, blob).await;
        assert!(blobs.open_blob(blob).await.unwrap().is_none(), "visible before the end");
        assert_eq!(whole(&blobs, Bucket::Videos).await, []);
        drop(upload);
        while !partial(&blobs, Bucket::Videos).await.is_empty() {
            tokio::task::yield_now().await;
        }
        assert!(!blobs.delete(blob).await.unwrap(), "something is left");
    }
}

#[tokio::test]
async fn a_put_under_an_id_that_is_taken_fails_and_leaves_the_blob_alone() {
    for blobs in stores().await {
        let blob = put_video(&blobs, 1_300_000).await;
        assert!(put(&blobs, blob, &[&vec![8; 1_300_000]]).await.is_err());
        assert!(put(&blobs, blob, &[]).await.is_err());
        assert!(content(&blobs, blob).await.unwrap().unwrap() == vec![7; 1_300_000]);
    }
}

#[tokio::test]
async fn a_deleted_blob_is_gone_and_deleting_again_says_so() {
    for blobs in stores().await {
        let (blob, other) = (put_video(&blobs, 1_300_000).await, put_video(&blobs, 1_300_000).await);
        assert!(blobs.delete(blob).await.unwrap());
        assert!(!blobs.delete(blob).await.unwrap());
        assert!(blobs.open_blob(blob).await.unwrap().is_none());
        assert!(content(&blobs, other).await.unwrap().unwrap() == vec![7; 1_300_000]);
    }
}

#[tokio::test]
async fn what_a_dead_process_left_is_a_partial_until_it_is_deleted() {
    for blobs in stores().await {
        let start = SystemTime::now() - Duration::from_secs(1);
        let (blob, kept) = (new_video(), put_video(&blobs, 600_000).await);
        // What is forgotten never cleans up.
        std::mem::forget(begin(&blobs, blob).await);
        let found = blobs.partials(Bucket::Videos, None, 10).await.unwrap();
        assert_eq!(found.iter().map(|stored| stored.blob).collect::<Vec<_>>(), [blob]);
        assert!((start..=SystemTime::now()).contains(&found[0].stored_at), "{found:?}");
        assert_eq!(partial(&blobs, Bucket::Audios).await, []);
        assert_eq!(whole(&blobs, Bucket::Videos).await, [kept]);
        assert!(blobs.delete(blob).await.unwrap());
        assert_eq!(partial(&blobs, Bucket::Videos).await, []);
        assert!(!blobs.delete(blob).await.unwrap());
        assert_eq!(whole(&blobs, Bucket::Videos).await, [kept]);
    }
}

#[tokio::test]
async fn a_blob_that_is_deleted_while_it_is_put_does_not_appear() {
    for blobs in stores().await {
        let blob = new_video();
        let mut upload = begin(&blobs, blob).await;
        assert!(blobs.delete(blob).await.unwrap());
        let written = upload.write(Bytes::from(vec![7; 600_000])).await;
        assert!(written.is_err() || upload.finish().await.is_err());
        assert!(blobs.open_blob(blob).await.unwrap().is_none());
        assert_eq!(partial(&blobs, Bucket::Videos).await, []);
    }
}

#[tokio::test]
async fn a_blob_that_is_deleted_while_it_is_read_is_never_wrong_bytes_and_not_called_damaged() {
    for blobs in stores().await {
        let blob = put_video(&blobs, 5_000_000).await;
        let reader = blobs.open_blob(blob).await.unwrap().unwrap();
        blobs.delete(blob).await.unwrap();
        match reader.stream(0..reader.size()).try_collect::<Vec<Bytes>>().await {
            Ok(pieces) => assert!(pieces.concat() == vec![7; 5_000_000]),
            Err(error) => assert!(matches!(error, Error::Unavailable(_)), "{error}"),
        }
    }
}

#[tokio::test]
async fn a_blob_that_has_lost_bytes_is_damaged_and_can_be_deleted() {
    for blobs in stores().await {
        let blob = put_video(&blobs, 2_000_000).await;
        let reader = blobs.open_blob(blob).await.unwrap().unwrap();
        blobs.damage(blob).await;
        assert_eq!(reader.read_at(0, 4).await.unwrap(), [7; 4].as_slice(), "the start is whole");
        let read = reader.read_at(1_999_990, 10).await;
        assert!(matches!(read, Err(Error::Damaged(_))), "{read:?}");
        let streamed = reader.stream(0..reader.size()).try_collect::<Vec<Bytes>>().await;
        assert!(matches!(streamed, Err(Error::Damaged(_))), "{streamed:?}");
        assert!(blobs.delete(blob).await.unwrap());
        assert!(!blobs.delete(blob).await.unwrap());
    }
}

#[tokio::test]
async fn pages_bring_each_blob_once_in_the_order_of_ids_with_its_time() {
    for blobs in stores().await {
        let start = SystemTime::now() - Duration::from_secs(1);
        let mut videos = Vec::new();
        for _ in 0..7 {
            videos.push(put_video(&blobs, 3).await);
        }
        videos.sort_by_key(|blob| blob.id());
        let audio = new_audio();
        put(&blobs, audio, &[b"a"]).await.unwrap();
        for limit in [1, 3, 7, 100] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = blobs.page(Bucket::Videos, after.as_deref(), limit).await.unwrap();
                assert!(page.len() <= limit);
                assert!(page.iter().all(|stored| (start..=SystemTime::now()).contains(&stored.stored_at)));
                let Some(last) = page.last() else { break };
                after = Some(last.blob.id());
                found.extend(page.iter().map(|stored| stored.blob));
            }
            assert_eq!(found, videos, "{limit} at a time");
        }
        assert_eq!(whole(&blobs, Bucket::Audios).await, [audio]);
        assert_eq!(blobs.page(Bucket::Videos, None, 0).await.unwrap(), []);
    }
}

#[tokio::test]
async fn partials_come_in_pages_too_and_the_whole_blobs_between_them_are_not_among_them() {
    for blobs in stores().await {
        let mut left = Vec::new();
        for _ in 0..5 {
            let blob = new_video();
            std::mem::forget(begin(&blobs, blob).await);
            left.push(blob);
            put_video(&blobs, 600_000).await;
        }
        left.sort_by_key(|blob| blob.id());
        for limit in [1, 2, 5, 100] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = blobs.partials(Bucket::Videos, after.as_deref(), limit).await.unwrap();
                assert!(page.len() <= limit);
                let Some(last) = page.last() else { break };
                after = Some(last.blob.id());
                found.extend(page.iter().map(|stored| stored.blob));
            }
            assert_eq!(found, left, "{limit} at a time");
        }
        assert_eq!(blobs.partials(Bucket::Videos, None, 0).await.unwrap(), []);
    }
}

#[test]
fn a_url_of_no_store_is_refused() {
    for url in ["", "file:", "s3://bucket", "/tmp", "mongodb://host", "mongodb://host/", "mongodb:"] {
        assert!(Blobs::open(url).is_err(), "{url}");
    }
}
