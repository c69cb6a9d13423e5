//! The same video again: its owner gets the earlier audio at once, and nobody else does.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use blobs::Blob;
use bytes::Bytes;
use contracts::Timestamp;
use reqwest::Method;
use serde_json::Value;
use tapedeck_tests::{Platform, User, fixture};

/// Done with a warning, so that there is one to be taken over.
const VIDEO: &str = "cut.mp4";

async fn done(user: &User, options: &[(&str, &str)]) -> Value {
    let job = user.ended(&user.upload_fixture(VIDEO, options).await).await;
    assert_eq!(job["state"], "done", "{job}");
    job
}

fn expiry(job: &Value) -> Timestamp {
    serde_json::from_value(job["expires_at"].clone()).unwrap()
}

async fn audio_of(user: &User, job: &Value) -> Bytes {
    let answer = user.get(job["links"]["audio"].as_str().unwrap()).await;
    assert_eq!(answer.status(), 200);
    answer.bytes().await.unwrap()
}

/// Puts something in the place of a job's audio that no engine makes: whoever gets it got a copy. Returns it.
async fn mark(platform: &Platform, user: &User, job: &Value) -> Bytes {
    let marked: Bytes = audio_of(user, job).await.iter().map(|byte| !byte).collect();
    let audio = Blob::Audio(job["audio"]["id"].as_str().unwrap().parse().unwrap());
    let blobs = platform.blobs();
    assert!(blobs.delete(audio).await.unwrap());
    let mut upload = blobs.put(audio).await.unwrap();
    upload.write(marked.clone()).await.unwrap();
    upload.finish().await.unwrap();
    marked
}

async fn delete(user: &User, job: &Value) {
    let path = job["links"]["self"].as_str().unwrap();
    assert_eq!(user.request(Method::DELETE, path).send().await.unwrap().status(), 204);
}

#[tokio::test]
async fn the_same_video_is_not_converted_twice_and_each_job_keeps_an_audio_of_its_own() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    let first = done(&ann, &[]).await;
    let marked = mark(&platform, &ann, &first).await;
    // As a raw body, under another name, and without a mail: the same video with the same sound.
    let request = ann.request(Method::POST, "/upload?filename=again.mp4&notify=none").body(fixture(VIDEO));
    let accepted: Value = request.send().await.unwrap().json().await.unwrap();
    let second = ann.ended(accepted["id"].as_str().unwrap()).await;
    assert_eq!((&second["state"], &second["attempts"]), (&"done".into(), &1.into()), "{second}");
    assert_eq!(audio_of(&ann, &second).await, marked);
    assert_ne!(second["audio"]["id"], first["audio"]["id"]);
    assert!(expiry(&second) > expiry(&first), "kept for as long as any other");
    assert_eq!(second["source"]["name"], "again.mp4");
    assert!(second["warning"].as_str().unwrap().contains("ends early"), "{second}");
    for same in [
        "/warning",
        "/source/codec",
        "/source/duration",
        "/audio/bytes",
        "/audio/duration",
        "/audio/codec",
        "/audio/bitrate",
    ] {
        assert_eq!(second.pointer(same).unwrap(), first.pointer(same).unwrap(), "{same}");
    }

    platform.settle().await;
    delete(&ann, &first).await;
    assert_eq!(audio_of(&ann, &second).await, marked);
    assert_eq!(platform.mails().len(), 1, "the second was to have none");
    platform.finish().await;
}

#[tokio::test]
async fn other_options_other_owners_and_what_was_deleted_are_converted_anew() {
    let platform = Platform::start().await;
    let (ann, bob) = (platform.new_user().await, platform.new_user().await);
    let first = done(&ann, &[]).await;
    let sound = audio_of(&ann, &first).await;
    let marked = mark(&platform, &ann, &first).await;
    let low = done(&ann, &[("quality", "9")]).await;
    assert!(low["audio"]["bytes"].as_u64() < first["audio"]["bytes"].as_u64(), "{low}");
    assert_ne!(audio_of(&ann, &low).await, marked);
    assert_eq!(audio_of(&bob, &done(&bob, &[]).await).await, sound);
    platform.settle().await;
    delete(&ann, &first).await;
    assert_eq!(audio_of(&ann, &done(&ann, &[]).await).await, sound);
    platform.finish().await;
}
