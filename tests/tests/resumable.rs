//! A video in parts, by tus, over a line that is cut again and again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io,
    time::{Duration, Instant},
};

use blobs::Blob;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::{Body, Method, RequestBuilder, Response};
use tapedeck_tests::{Platform, User, long_wav};

const CUTS: usize = 5;

fn tus(user: &User, method: Method, place: &str) -> RequestBuilder {
    user.request(method, place).header("Tus-Resumable", "1.0.0")
}

fn said(response: &Response, name: &str) -> Option<String> {
    Some(response.headers().get(name)?.to_str().unwrap().to_owned())
}

async fn begin(user: &User, bytes: usize) -> String {
    // `filename talk.wav`
    let answer = tus(user, Method::POST, "/uploads")
        .header("Upload-Length", bytes)
        .header("Upload-Metadata", "filename dGFsay53YXY=")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    said(&answer, "location").unwrap()
}

/// How far the upload is, asked as often as a client does while the platform comes back.
async fn offset(user: &User, place: &str) -> usize {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        if let Ok(answer) = tus(user, Method::HEAD, place).send().await
            && answer.status().is_success()
        {
            return said(&answer, "upload-offset").unwrap().parse().unwrap();
        }
        assert!(Instant::now() < until, "{place} can't be asked");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn patch(user: &User, place: &str, offset: usize, body: Body) -> reqwest::Result<Response> {
    tus(user, Method::PATCH, place)
        .header("Upload-Offset", offset)
        .header("Content-Type", "application/offset+octet-stream")
        .body(body)
        .send()
        .await
}

/// The connection is gone behind these bytes.
fn cut_off(bytes: Bytes) -> Body {
    let pieces = bytes.chunks(64 * 1024).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect::<Vec<_>>();
    let end = stream::once(async {
        // So that what was sent before is on its way.
        tokio::time::sleep(Duration::from_millis(100)).await;
        Err(io::Error::other("cut off"))
    });
    Body::wrap_stream(stream::iter(pieces).chain(end))
}

#[tokio::test]
async fn an_upload_that_is_cut_five_times_arrives_byte_for_byte() {
    let mut platform = Platform::start().await;
    let mut ann = platform.new_user().await;
    let pieces: Vec<Bytes> = long_wav(Duration::from_secs(60)).try_collect().await.unwrap();
    let video = Bytes::from(pieces.concat());
    let place = begin(&ann, video.len()).await;
    let mut at = 0;
    for cut in 1..=CUTS {
        let to = video.len() * cut / (CUTS + 1);
        patch(&ann, &place, at, cut_off(video.slice(at..to))).await.unwrap_err();
        if cut == 3 && platform.is_embedded() {
            platform.kill();
            platform.restart();
            ann = ann.at(platform.home());
        }
        let now = offset(&ann, &place).await;
        assert!((at..=to).contains(&now), "{now} is not within {at} and {to}");
        at = now;
    }
    assert!(at > 0, "nothing has stayed");
    let answer = patch(&ann, &place, at, video.slice(at..).into()).await.unwrap();
    assert_eq!(answer.status(), 204);
    let place = said(&answer, "job-location").unwrap();
    let id = place.strip_prefix("/jobs/").unwrap();
    let row = platform.db().jobs().get(id.parse().unwrap()).await.unwrap().unwrap();
    let stored = platform.blobs().open_blob(Blob::Video(row.video_id)).await.unwrap().unwrap();
    assert_eq!(stored.size(), video.len() as u64);
    assert!(stored.read_at(0, video.len()).await.unwrap() == video, "other bytes");
    let job = ann.ended(id).await;
    assert_eq!((job["state"].as_str(), job["source"]["name"].as_str()), (Some("done"), Some("talk.wav")));
    platform.finish().await;
}
