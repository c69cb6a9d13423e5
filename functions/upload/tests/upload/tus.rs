//! A video in parts, by tus 1.0.0.

use std::{io, time::Duration};

use axum::{
    body::Body,
    http::{HeaderName, Method, Request, StatusCode, header},
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use contracts::State;
use futures_util::stream;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use tokio::sync::mpsc;

use crate::world::{World, video};

const PART: (&str, &str) = ("content-type", "application/offset+octet-stream");
const CHECKSUM_MISMATCH: u16 = 460;

async fn call(world: &World, method: Method, path: &str, headers: &[(&str, &str)], body: Body) -> Response {
    let mut request = Request::builder().method(method).uri(path).header("tus-resumable", "1.0.0");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = world.call(request.body(body).unwrap()).await;
    assert_eq!(response.headers()["tus-resumable"], "1.0.0");
    response
}

/// Begins an upload; returns where it is.
async fn begun(world: &World, headers: &[(&str, &str)]) -> String {
    let response = call(world, Method::POST, "/uploads", headers, Body::empty()).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(said(&response, "upload-offset"), "0");
    assert!(said(&response, "upload-expires").ends_with("GMT"));
    said(&response, "location").to_owned()
}

async fn begun_whole(world: &World) -> String {
    let length = video().len().to_string();
    begun(world, &[("upload-length", &length), ("upload-metadata", &metadata(&[("filename", "talk.mp4")]))])
        .await
}

fn metadata(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(key, value)| format!("{key} {}", STANDARD.encode(value))).collect::<Vec<_>>().join(",")
}

fn said<'a>(response: &'a Response, name: &'static str) -> &'a str {
    response.headers().get(HeaderName::from_static(name)).map_or("", |value| value.to_str().unwrap())
}

async fn patch(world: &World, place: &str, offset: usize, body: impl Into<Body>) -> Response {
    let offset = offset.to_string();
    call(world, Method::PATCH, place, &[PART, ("upload-offset", &offset)], body.into()).await
}

async fn offset(world: &World, place: &str) -> String {
    let response = call(world, Method::HEAD, place, &[], Body::empty()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(said(&response, "cache-control"), "no-store");
    said(&response, "upload-offset").to_owned()
}

/// A body that ends in the middle.
fn cut_off(bytes: Bytes) -> Body {
    Body::from_stream(stream::iter([Ok(bytes), Err(io::Error::other("the connection is gone"))]))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The only job is queued, with the whole video.
async fn is_the_job(world: &World, response: &Response) {
    let jobs = world.db.jobs().list(world.anna, 2, None).await.unwrap();
    assert_eq!(jobs.len(), 1);
    let job = &jobs[0];
    assert_eq!(said(response, "job-location"), format!("/jobs/{}", job.id));
    assert_eq!((job.state, job.source.container.as_str()), (State::Queued, "mp4"));
    assert_eq!(job.source.bytes, video().len() as u64);
    assert_eq!(job.source.digest.clone().unwrap(), hex(digest(&SHA256, &video()).as_ref()));
    assert_eq!(world.stored(job.video_id).await, video());
}

#[tokio::test]
async fn a_video_in_parts_becomes_a_job_with_its_name_and_options() {
    let (world, video) = (World::new().await, video());
    let metadata = metadata(&[("filename", "täpe.mp4"), ("filetype", "video/mp4"), ("bitrate", "128")]);
    let length = video.len().to_string();
    let place = begun(&world, &[("upload-length", &length), ("upload-metadata", &metadata)]).await;
    let cuts = [0, 1, 1000, 1000, video.len() - 1];
    for pair in cuts.windows(2) {
        let response = patch(&world, &place, pair[0], video.slice(pair[0]..pair[1])).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert_eq!(said(&response, "upload-offset"), pair[1].to_string());
        assert_eq!(said(&response, "job-location"), "");
        assert_eq!(offset(&world, &place).await, pair[1].to_string());
    }
    let response = patch(&world, &place, video.len() - 1, video.slice(video.len() - 1..)).await;
    assert_eq!(
        (response.status(), said(&response, "upload-offset")),
        (StatusCode::NO_CONTENT, length.as_str())
    );
    is_the_job(&world, &response).await;
    let job = world.db.jobs().list(world.anna, 1, None).await.unwrap().remove(0);
    assert_eq!((job.source.name.as_str(), job.options.bitrate), ("täpe.mp4", Some(128)));
    // Who has not heard of the end asks.
    let response = call(&world, Method::HEAD, &place, &[], Body::empty()).await;
    assert_eq!(
        (said(&response, "upload-length"), said(&response, "upload-metadata")),
        (length.as_str(), metadata.as_str())
    );
    is_the_job(&world, &response).await;
    assert_eq!(patch(&world, &place, video.len(), Body::empty()).await.status(), StatusCode::CONFLICT);
}

#[tokio::test]
async fn what_has_come_of_a_part_that_is_cut_off_stays() {
    let (world, video) = (World::new().await, video());
    let place = begun_whole(&world).await;
    let mut at = 0;
    for bytes in [100, 70_000.min(video.len() / 2), 1] {
        let response = patch(&world, &place, at, cut_off(video.slice(at..at + bytes))).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        at += bytes;
        assert_eq!(offset(&world, &place).await, at.to_string());
    }
    is_the_job(&world, &patch(&world, &place, at, video.slice(at..)).await).await;
}

#[tokio::test]
async fn of_a_part_with_a_checksum_all_stays_or_nothing() {
    let (world, video) = (World::new().await, video());
    let place = begun_whole(&world).await;
    let sum =
        |bytes: &[u8]| format!("sha1 {}", STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref()));
    let (first, whole) = (video.slice(..1000), sum(&video[..1000]));
    let send = async |body: Body, sum: &str| {
        let headers = [PART, ("upload-offset", "0"), ("upload-checksum", sum)];
        call(&world, Method::PATCH, &place, &headers, body).await.status()
    };
    assert_eq!(send(video.slice(1..1001).into(), &whole).await.as_u16(), CHECKSUM_MISMATCH);
    assert_eq!(offset(&world, &place).await, "0");
    assert_eq!(send(cut_off(first.clone()), &whole).await, StatusCode::BAD_REQUEST);
    assert_eq!(offset(&world, &place).await, "0");
    for unknown in ["md5 AAAA", "sha1 !", "sha1"] {
        assert_eq!(send(first.clone().into(), unknown).await, StatusCode::BAD_REQUEST, "{unknown}");
    }
    assert_eq!(send(first.into(), &whole).await, StatusCode::NO_CONTENT);
    is_the_job(&world, &patch(&world, &place, 1000, video.slice(1000..)).await).await;
}

#[tokio::test]
async fn a_part_that_does_not_fit_changes_nothing() {
    let (mut world, video) = (World::new().await, video());
    let place = begun_whole(&world).await;
    assert_eq!(patch(&world, &place, 0, video.slice(..10)).await.status(), StatusCode::NO_CONTENT);
    for wrong in [0, 9, 11] {
        assert_eq!(patch(&world, &place, wrong, video.slice(wrong..)).await.status(), StatusCode::CONFLICT);
    }
    let more = [&video[10..], b"x"].concat();
    assert_eq!(patch(&world, &place, 10, more).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let said = [PART, ("upload-offset", "10"), ("content-length", "999999999")];
    let response = call(&world, Method::PATCH, &place, &said, Body::empty()).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let plain = [("content-type", "video/mp4"), ("upload-offset", "10")];
    let response = call(&world, Method::PATCH, &place, &plain, video.slice(10..).into()).await;
    assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    for number in ["", "-1", "+10", "99999999999999999999"] {
        let headers = [PART, ("upload-offset", number)];
        let response = call(&world, Method::PATCH, &place, &headers, Body::empty()).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{number}");
    }
    assert_eq!(offset(&world, &place).await, "10");
    world.another().await;
    assert_eq!(patch(&world, &place, 10, video.slice(10..)).await.status(), StatusCode::NOT_FOUND);
    for method in [Method::HEAD, Method::DELETE] {
        let response = call(&world, method, &place, &[], Body::empty()).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn an_upload_that_can_not_become_a_job_is_refused_before_its_bytes() {
    let world =
        World::with(upload::UploadConfig { max_bytes: 1000, ..upload::UploadConfig::default() }).await;
    let option = metadata(&[("bitrate", "x")]);
    for (headers, status) in [
        (vec![("upload-length", "1001")], StatusCode::PAYLOAD_TOO_LARGE),
        (vec![("upload-length", "0")], StatusCode::BAD_REQUEST),
        (vec![], StatusCode::BAD_REQUEST),
        (vec![("upload-defer-length", "2")], StatusCode::BAD_REQUEST),
        (vec![("upload-length", "10"), ("upload-defer-length", "1")], StatusCode::BAD_REQUEST),
        (vec![("upload-length", "10"), ("upload-metadata", "filename !")], StatusCode::BAD_REQUEST),
        (
            vec![("upload-length", "10"), ("upload-metadata", option.as_str())],
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
    ] {
        let response = call(&world, Method::POST, "/uploads", &headers, Body::empty()).await;
        assert_eq!(response.status(), status, "{headers:?}");
    }
    world.nothing_is_stored().await;
    let request = Request::post("/uploads").header("upload-length", "10").body(Body::empty()).unwrap();
    let response = world.call(request).await;
    assert_eq!(response.status(), StatusCode::PRECONDITION_FAILED);
    assert_eq!(said(&response, "tus-version"), "1.0.0");
    let request = Request::options("/uploads").body(Body::empty()).unwrap();
    let response = world.call(request).await;
    assert_eq!((response.status(), said(&response, "tus-max-size")), (StatusCode::NO_CONTENT, "1000"));
    assert!(said(&response, "tus-extension").contains("creation-with-upload"));
}

#[tokio::test]
async fn the_length_may_follow_and_the_first_bytes_may_come_with_the_creation() {
    let (world, video) = (World::new().await, video());
    let length = video.len().to_string();
    let headers = [PART, ("upload-defer-length", "1")];
    let response = call(&world, Method::POST, "/uploads", &headers, video.slice(..500).into()).await;
    assert_eq!((response.status(), said(&response, "upload-offset")), (StatusCode::CREATED, "500"));
    let place = said(&response, "location").to_owned();
    let response = patch(&world, &place, 500, video.slice(500..)).await;
    assert_eq!((response.status(), said(&response, "job-location")), (StatusCode::NO_CONTENT, ""));
    let headers = [PART, ("upload-offset", length.as_str()), ("upload-length", length.as_str())];
    let response = call(&world, Method::PATCH, &place, &headers, Body::empty()).await;
    is_the_job(&world, &response).await;

    let world = World::new().await;
    let headers = [PART, ("upload-length", length.as_str())];
    let response = call(&world, Method::POST, "/uploads", &headers, video.into()).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    is_the_job(&world, &response).await;
}

#[tokio::test]
async fn what_is_no_video_is_refused_as_soon_as_that_is_seen_and_leaves_nothing() {
    let world = World::new().await;
    for length in [10, 200_000] {
        let length = length.to_string();
        let place = begun(&world, &[("upload-length", &length)]).await;
        let response = patch(&world, &place, 0, vec![b'x'; length.parse().unwrap()]).await;
        assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let response = call(&world, Method::HEAD, &place, &[], Body::empty()).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
    let headers = [PART, ("upload-length", "10")];
    let response = call(&world, Method::POST, "/uploads", &headers, "not media!".into()).await;
    assert_eq!((response.status(), said(&response, "location")), (StatusCode::UNSUPPORTED_MEDIA_TYPE, ""));
    world.nothing_is_stored().await;
}

#[tokio::test]
async fn an_upload_that_is_given_up_leaves_nothing_and_one_that_has_ended_its_job() {
    let (world, video) = (World::new().await, video());
    let place = begun_whole(&world).await;
    assert_eq!(patch(&world, &place, 0, video.slice(..10)).await.status(), StatusCode::NO_CONTENT);
    let headers = [("x-http-method-override", "DELETE")];
    let response = call(&world, Method::POST, &place, &headers, Body::empty()).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(patch(&world, &place, 10, video.slice(10..)).await.status(), StatusCode::NOT_FOUND);
    world.nothing_is_stored().await;
    let place = begun_whole(&world).await;
    let headers = [PART, ("upload-offset", "0"), ("x-http-method-override", "PATCH")];
    let response = call(&world, Method::POST, &place, &headers, video.into()).await;
    is_the_job(&world, &response).await;
    let response = call(&world, Method::DELETE, &place, &[], Body::empty()).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(world.db.jobs().list(world.anna, 2, None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_request_that_gets_no_bytes_gives_way_to_the_next_and_one_that_does_keeps_its_turn() {
    let (world, video) = (World::new().await, video());
    let place = begun_whole(&world).await;
    let (send, receive) = mpsc::channel::<io::Result<Bytes>>(1);
    let body = Body::from_stream(stream::unfold(receive, async |mut receive| {
        Some((receive.recv().await?, receive))
    }));
    let stalled = patch(&world, &place, 0, body);
    let others = async {
        send.send(Ok(video.slice(..100))).await.unwrap();
        let lively = async {
            for at in 100..110 {
                tokio::time::sleep(Duration::from_millis(300)).await;
                send.send(Ok(video.slice(at..=at))).await.unwrap();
            }
        };
        let second = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            patch(&world, &place, 0, video.clone()).await
        };
        let (second, ()) = tokio::join!(second, lively);
        assert_eq!((second.status(), said(&second, "retry-after")), (StatusCode::LOCKED, "1"));
        // From now on nothing comes: asked again, it gives way, and has noted what it has.
        while offset(&world, &place).await != "110" {}
        let at = 110;
        patch(&world, &place, at, video.slice(at..)).await
    };
    let (stalled, third) = tokio::join!(stalled, others);
    assert_eq!(stalled.status(), StatusCode::LOCKED);
    is_the_job(&world, &third).await;
    drop(send);
    assert_eq!(third.headers().get(header::LOCATION), None);
}
