//! The waveform over HTTP.

use std::time::Duration;

use crate::world::World;
use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use blobs::Blob;

const DAY: Duration = Duration::from_secs(86_400);
const PEAKS: &[u8] = br#"{"version":2,"channels":1,"data":[-1,1]}"#;

#[tokio::test]
async fn the_owner_gets_the_waveform_once_and_nobody_else_does() {
    let world = World::new().await;
    let (job, audio) = world.done_with("a.mp4", b"sound", Some(PEAKS), DAY).await;
    let path = format!("/jobs/{job}/peaks");
    let answer = world.get(&path, &[]).await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, PEAKS));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "private");
    assert_eq!(answer.header("content-length"), PEAKS.len().to_string());
    let etag = answer.header("etag").to_owned();
    let again = world.get(&path, &[("if-none-match", &etag)]).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(again.header("etag"), etag);
    let head = world.call(Method::HEAD, &path, world.anna, &[], Body::empty()).await;
    assert_eq!((head.status, head.header("etag"), head.body.len()), (StatusCode::OK, &etag[..], 0));
    let foreign = world.call(Method::GET, &path, world.eve, &[], Body::empty()).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get_as_nobody(&path).await.status, StatusCode::UNAUTHORIZED);
    world.blobs.delete(Blob::Peaks(audio)).await.unwrap();
    assert_eq!(world.get(&path, &[]).await.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn where_there_is_no_waveform_the_answer_says_why() {
    let world = World::new().await;
    let (without, _) = world.done("a.mp4", b"sound", DAY).await;
    let (expired, _) = world.done_with("b.mp4", b"sound", Some(PEAKS), Duration::ZERO).await;
    let waiting = world.queued("c.mp4").await;
    for (job, status) in [
        (without, StatusCode::NOT_FOUND),
        (expired, StatusCode::GONE),
        (waiting, StatusCode::CONFLICT),
        (contracts::JobId::generate(), StatusCode::NOT_FOUND),
    ] {
        let answer = world.get(&format!("/jobs/{job}/peaks"), &[]).await;
        assert_eq!(answer.status, status);
        assert!(answer.json()["detail"].as_str().unwrap().len() > 10);
    }
}
