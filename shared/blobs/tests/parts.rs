//! Blobs that come in several parts, held against each store.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod stores;

use blobs::{Blob, Blobs, Bucket, Error};
use bytes::Bytes;
use contracts::VideoId;
use stores::{content, put, stores};

/// Of a chunk of GridFS; the directory has no such thing.
const CHUNK: usize = 255 * 1024;

fn new_video() -> Blob {
    Blob::Video(VideoId::generate())
}

/// Bytes of which no two chunks are the same.
fn bytes(count: usize) -> Vec<u8> {
    (0..u32::try_from(count.div_ceil(4)).unwrap()).flat_map(u32::to_le_bytes).take(count).collect()
}

/// Appends `data[from..to]` and says that it is sure.
async fn part(blobs: &Blobs, blob: Blob, data: &[u8], from: usize, to: usize) {
    let mut upload = blobs.resume(blob, from as u64).await.unwrap();
    for piece in data[from..to].chunks(100_003) {
        upload.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    assert_eq!(upload.flush().await.unwrap(), to as u64);
}

async fn partials(blobs: &Blobs) -> Vec<Blob> {
    let found = blobs.partials(Bucket::Videos, None, 10).await.unwrap();
    found.iter().map(|stored| stored.blob).collect()
}

#[tokio::test]
async fn parts_that_end_anywhere_become_one_blob() {
    let data = bytes(10 * CHUNK + 17);
    let ends = [
        0,
        1,
        CHUNK - 1,
        CHUNK,
        CHUNK + 1,
        3 * CHUNK,
        3 * CHUNK + 5,
        3 * CHUNK + 6,
        5 * CHUNK - 1,
        9 * CHUNK + 3,
        data.len(),
    ];
    for blobs in stores().await {
        let (blob, mut from) = (new_video(), 0);
        for to in ends {
            part(&blobs, blob, &data, from, to).await;
            assert!(content(&blobs, blob).await.unwrap().is_none(), "it is not whole");
            from = to;
        }
        assert_eq!(partials(&blobs).await, [blob]);
        blobs.complete(blob, data.len() as u64).await.unwrap();
        assert!(content(&blobs, blob).await.unwrap().unwrap() == data);
        assert_eq!(partials(&blobs).await, []);
    }
}

#[tokio::test]
async fn what_was_written_beyond_what_the_caller_noted_is_dropped() {
    let (data, wrong) = (bytes(4 * CHUNK), vec![9; 4 * CHUNK]);
    for (noted, lost) in [(0, 3 * CHUNK), (CHUNK, 3 * CHUNK + 7), (CHUNK + 9, 2 * CHUNK), (20, 30)] {
        for blobs in stores().await {
            let blob = new_video();
            part(&blobs, blob, &data, 0, noted).await;
            part(&blobs, blob, &[&data[..noted], &wrong[..]].concat(), noted, lost).await;
            part(&blobs, blob, &data, noted, data.len()).await;
            blobs.complete(blob, data.len() as u64).await.unwrap();
            assert!(content(&blobs, blob).await.unwrap().unwrap() == data, "{noted} {lost}");
        }
    }
}

#[tokio::test]
async fn a_part_says_now_and_then_how_much_of_it_is_sure() {
    let data = bytes(5 * CHUNK + 3);
    for blobs in stores().await {
        let (blob, mut written) = (new_video(), 0);
        let mut upload = blobs.resume(blob, 0).await.unwrap();
        for piece in data.chunks(CHUNK / 3) {
            upload.write(Bytes::copy_from_slice(piece)).await.unwrap();
            written += piece.len();
            assert_eq!(upload.flush().await.unwrap(), written as u64);
            assert_eq!(upload.flush().await.unwrap(), written as u64, "nothing more to do");
        }
        // Dropped without a word, as when the client is gone.
        drop(upload);
        blobs.complete(blob, data.len() as u64).await.unwrap();
        assert!(content(&blobs, blob).await.unwrap().unwrap() == data);
    }
}

#[tokio::test]
async fn a_blob_is_completed_again_and_stays_as_it_is() {
    let data = bytes(CHUNK + 5);
    for blobs in stores().await {
        let blob = new_video();
        part(&blobs, blob, &data, 0, data.len()).await;
        for _ in 0..2 {
            blobs.complete(blob, data.len() as u64).await.unwrap();
        }
        assert!(blobs.resume(blob, 0).await.is_err(), "it is whole: nobody writes it any more");
        assert!(content(&blobs, blob).await.unwrap().unwrap() == data);
        let other = new_video();
        put(&blobs, other, &[b"put at once"]).await.unwrap();
        assert!(blobs.resume(other, 3).await.is_err());
        assert_eq!(content(&blobs, other).await.unwrap().unwrap(), b"put at once");
    }
}

#[tokio::test]
async fn a_blob_that_was_deleted_meanwhile_is_not_gone_on_with() {
    let data = bytes(3 * CHUNK);
    for blobs in stores().await {
        let blob = new_video();
        part(&blobs, blob, &data, 0, CHUNK + 1).await;
        assert!(blobs.delete(blob).await.unwrap());
        let resumed = blobs.resume(blob, CHUNK as u64 + 1).await;
        assert!(matches!(resumed, Err(Error::Unavailable(_))));
        let completed = blobs.complete(blob, CHUNK as u64 + 1).await;
        assert!(matches!(completed, Err(Error::Unavailable(_))));
        assert_eq!(partials(&blobs).await, []);
        assert!(content(&blobs, blob).await.unwrap().is_none());
    }
}
