//! A video in parts, by tus, over a line that is cut again and again.
//!
//! `make big-upload` sends 1 GiB so, in each of the worlds; `make test` less.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    io,
    time::{Duration, Instant},
};

use blobs::Blob;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::{Body, Method, RequestBuilder, Response};
use ring::digest::{Context, Digest, SHA256};
use tapedeck_tests::{NoisyMp4, Platform, Random, User, long_wav};

const CUTS: usize = 5;
const MIB: u64 = 1024 * 1024;
/// What a process may grow by while it takes an upload, of any size.
const FLAT_MIB: u64 = 64;

fn tus(user: &User, method: Method, place: &str) -> RequestBuilder {
    user.request(method, place).header("Tus-Resumable", "1.0.0")
}

fn said(response: &Response, name: &str) -> Option<String> {
    Some(response.headers().get(name)?.to_str().unwrap().to_owned())
}

async fn begin(user: &User, bytes: u64, metadata: &str) -> String {
    let answer = tus(user, Method::POST, "/uploads")
        .header("Upload-Length", bytes)
        .header("Upload-Metadata", metadata)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    said(&answer, "location").unwrap()
}

/// How far the upload is, asked as often as a client does while the platform comes back.
async fn offset(user: &User, place: &str) -> u64 {
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

async fn patch(user: &User, place: &str, offset: u64, body: Body) -> reqwest::Result<Response> {
    tus(user, Method::PATCH, place)
        .header("Upload-Offset", offset)
        .header("Content-Type", "application/offset+octet-stream")
        .body(body)
        .send()
        .await
}

fn whole(pieces: impl Iterator<Item = Bytes> + Send + 'static) -> Body {
    Body::wrap_stream(stream::iter(pieces.map(Ok::<_, io::Error>)))
}

/// The connection is gone behind these bytes.
fn cut_off(pieces: impl Iterator<Item = Bytes> + Send + 'static) -> Body {
    let end = stream::once(async {
        // So that what was sent before is on its way.
        tokio::time::sleep(Duration::from_millis(100)).await;
        Err(io::Error::other("cut off"))
    });
    Body::wrap_stream(stream::iter(pieces.map(Ok)).chain(end))
}

#[tokio::test]
async fn an_upload_that_is_cut_five_times_arrives_byte_for_byte() {
    let mut platform = Platform::start().await;
    let mut ann = platform.new_user().await;
    let pieces: Vec<Bytes> = long_wav(Duration::from_secs(60)).try_collect().await.unwrap();
    let video = Bytes::from(pieces.concat());
    let bytes = video.len() as u64;
    let part = |at: u64, to: u64| {
        let part = video.slice(usize::try_from(at).unwrap()..usize::try_from(to).unwrap());
        let pieces: Vec<_> = part.chunks(64 * 1024).map(Bytes::copy_from_slice).collect();
        pieces.into_iter()
    };
    // `filename talk.wav`
    let place = begin(&ann, bytes, "filename dGFsay53YXY=").await;
    let mut at = 0;
    for cut in 1..=CUTS {
        let to = bytes * cut as u64 / (CUTS as u64 + 1);
        patch(&ann, &place, at, cut_off(part(at, to))).await.unwrap_err();
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
    let answer = patch(&ann, &place, at, whole(part(at, bytes))).await.unwrap();
    assert_eq!(answer.status(), 204);
    let place = said(&answer, "job-location").unwrap();
    let id = place.strip_prefix("/jobs/").unwrap();
    assert_eq!(stored(&platform, id).await, hash(part(0, bytes)), "other bytes");
    let job = ann.ended(id).await;
    assert_eq!((job["state"].as_str(), job["source"]["name"].as_str()), (Some("done"), Some("talk.wav")));
    platform.finish().await;
}

fn hash(pieces: impl Iterator<Item = Bytes>) -> String {
    let mut context = Context::new(&SHA256);
    pieces.for_each(|piece| context.update(&piece));
    hex(&context.finish())
}

fn hex(digest: &Digest) -> String {
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 of the video that is kept for this job.
async fn stored(platform: &Platform, id: &str) -> String {
    let row = platform.db().jobs().get(id.parse().unwrap()).await.unwrap().unwrap();
    let blob = platform.blobs().open_blob(Blob::Video(row.video_id)).await.unwrap().unwrap();
    let mut context = Context::new(&SHA256);
    let mut at = 0;
    while at < blob.size() {
        let read = blob.read_at(at, 4 * 1024 * 1024).await.unwrap();
        context.update(&read);
        at += read.len() as u64;
    }
    hex(&context.finish())
}

/// Sends a video in parts of a 16th over a line that is cut at these places; the job. Whatever goes wrong, the next part
/// begins where the service says, as clients do it.
async fn send(user: &User, video: &NoisyMp4, bytes: u64, cuts: &[u64]) -> String {
    // `filename large.mp4`
    let place = begin(user, bytes, "filename bGFyZ2UubXA0").await;
    let (mut at, mut cuts, mut wrong) = (0, cuts.iter().copied().peekable(), 0);
    loop {
        let to = (at + bytes / 16).min(bytes);
        let cut = cuts.peek().copied().filter(|cut| *cut < to);
        let body = match cut {
            Some(cut) => cut_off(video.pieces(at..cut)),
            None => whole(video.pieces(at..to)),
        };
        match patch(user, &place, at, body).await {
            Ok(answer) if answer.status() == 204 => {
                (at, wrong) = (to, 0);
                assert_eq!(cut, None, "nothing was cut");
                if let Some(job) = said(&answer, "job-location") {
                    assert_eq!((at, cuts.next()), (bytes, None));
                    return job.strip_prefix("/jobs/").unwrap().to_owned();
                }
            }
            Err(_) if cut.is_some() => drop(cuts.next()),
            Ok(answer) if answer.status().is_server_error() && cut.is_some() => drop(cuts.next()),
            // What was cut off may still be on its way into the store: then this part comes too early, and is not read.
            Ok(answer) => {
                assert!(matches!(answer.status().as_u16(), 409 | 423), "{answer:?}");
                wrong += 1;
            }
            Err(_) => wrong += 1,
        }
        assert!(wrong < 5, "it does not go on at {at}");
        let now = offset(user, &place).await;
        assert!((at..=cut.unwrap_or(to)).contains(&now), "{now} is not within {at} and {to}");
        at = now;
    }
}

/// What takes an upload.
const TAKING: [&str; 2] = ["gateway", "upload"];

type Memory = BTreeMap<&'static str, u64>;

fn memory(platform: &Platform) -> Memory {
    TAKING.iter().filter_map(|name| Some((*name, platform.memory_of(name, "VmRSS:")?))).collect()
}

/// The most memory that each process has while this is done.
async fn watched<T>(platform: &Platform, work: impl Future<Output = T>) -> (T, Memory) {
    let (mut work, mut most) = (std::pin::pin!(work), memory(platform));
    loop {
        tokio::select! {
            done = &mut work => return (done, most),
            () = tokio::time::sleep(Duration::from_millis(50)) => {
                for (name, mib) in memory(platform) {
                    most.entry(name).and_modify(|most| *most = mib.max(*most)).or_insert(mib);
                }
            }
        }
    }
}

/// Five places within so many bytes, in order.
fn places(random: &mut Random, bytes: u64) -> Vec<u64> {
    let mut places: Vec<_> = (0..CUTS).map(|_| 1 + random.below(bytes - 1)).collect();
    places.sort_unstable();
    places
}

fn by_environment(name: &str, otherwise: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a test of any size")]
    let set = std::env::var(name);
    set.map_or(otherwise, |text| text.parse().unwrap())
}

#[tokio::test]
async fn a_large_upload_that_is_cut_at_random_places_arrives_and_memory_stays_flat() {
    let bytes = by_environment("BIG_UPLOAD_MIB", 64) * MIB;
    let mut random = Random::new(by_environment("SEED", 1));
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    // What is started, opened and loaded once, is.
    let small = NoisyMp4::new(MIB, 0);
    let first = send(&ann, &small, MIB, &[]).await;
    assert_eq!(ann.ended(&first).await["state"], "done");
    let before = memory(&platform);
    assert_eq!(before.len(), TAKING.len(), "{before:?}");

    let video = NoisyMp4::new(bytes, random.below(u64::MAX));
    let cuts = places(&mut random, bytes);
    let begun = Instant::now();
    let (job, most) = watched(&platform, send(&ann, &video, bytes, &cuts)).await;
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{} MiB, cut at {cuts:?}: {seconds:.1} s, MiB before {before:?}, at the most {most:?}",
        bytes / MIB
    );
    assert_eq!(stored(&platform, &job).await, hash(video.pieces(0..bytes)), "other bytes");
    for (name, most) in most {
        assert!(most < before[name] + FLAT_MIB, "{name}: {most} MiB, {} before", before[name]);
    }
    assert_eq!(ann.ended(&job).await["state"], "done");
    platform.finish().await;
}
