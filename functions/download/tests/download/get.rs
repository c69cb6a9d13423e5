//! Downloads over HTTP: who may, what comes, in which parts, and what is said when there is nothing.

use std::time::Duration;

use crate::world::{PUBLIC_URL, World};
use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use blobs::Blob;
use contracts::{AudioId, JobId, Timestamp};
use serde_json::json;

const DAY: Duration = Duration::from_secs(86_400);

/// 1000 bytes, each telling its place.
fn content() -> Vec<u8> {
    (0..1000u32).map(|n| u8::try_from(n % 251).unwrap()).collect()
}

#[tokio::test]
async fn the_owner_gets_the_audio_by_either_id_and_by_the_path_of_the_job() {
    let world = World::new().await;
    let (job, audio) = world.done("Füße.mp4", &content(), DAY).await;
    for path in [
        format!("/download?fid={audio}"),
        format!("/download?fid={job}"),
        format!("/download?fid={}", audio.to_string().to_uppercase()),
        format!("/jobs/{job}/audio"),
    ] {
        let answer = world.get(&path, &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.body, content());
        assert_eq!(answer.header("content-length"), "1000");
        assert_eq!(answer.header("content-type"), "audio/mpeg");
        assert_eq!(answer.header("accept-ranges"), "bytes");
        assert_eq!(answer.header("cache-control"), "private");
        assert_eq!(answer.header("etag"), format!("\"{audio}\""));
        assert!(answer.header("last-modified").ends_with(" GMT"));
        assert_eq!(
            answer.header("content-disposition"),
            "attachment; filename=\"F__e.mp3\"; filename*=UTF-8''F%C3%BC%C3%9Fe.mp3"
        );
    }
}

#[tokio::test]
async fn a_file_larger_than_a_piece_comes_whole() {
    let world = World::new().await;
    let large: Vec<u8> = (0..blobs::CHUNK * 3 + 17).map(|n| u8::try_from(n % 253).unwrap()).collect();
    let (_, audio) = world.done("a.mp4", &large, DAY).await;
    assert_eq!(world.get(&format!("/download?fid={audio}"), &[]).await.body, large);
    let middle = world.get(&format!("/download?fid={audio}"), &[("range", "bytes=262000-600000")]).await;
    assert_eq!(middle.body, large[262_000..=600_000]);
}

#[tokio::test]
async fn head_says_the_same_as_get_without_the_body_and_knows_no_ranges() {
    let world = World::new().await;
    let (job, audio) = world.done("a.mp4", &content(), DAY).await;
    for path in [format!("/download?fid={audio}"), format!("/jobs/{job}/audio")] {
        let answer =
            world.call(Method::HEAD, &path, world.anna, &[("range", "bytes=0-9")], Body::empty()).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("content-length"), "1000");
        assert_eq!(answer.header("etag"), format!("\"{audio}\""));
        assert!(answer.body.is_empty());
    }
}

#[tokio::test]
async fn a_range_is_answered_with_its_part() {
    let world = World::new().await;
    let (_, audio) = world.done("a.mp4", &content(), DAY).await;
    let path = format!("/download?fid={audio}");
    for (range, first, last) in [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=500-", 500, 999),
        ("bytes=-500", 500, 999),
        ("bytes=990-5000", 990, 999),
    ] {
        let answer = world.get(&path, &[("range", range)]).await;
        assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(answer.header("content-range"), format!("bytes {first}-{last}/1000"));
        assert_eq!(answer.header("content-length"), (last - first + 1).to_string());
        assert_eq!(answer.body, content()[first..=last]);
    }
}

#[tokio::test]
async fn a_range_outside_the_audio_is_416_and_says_how_long_it_is() {
    let world = World::new().await;
    let (_, audio) = world.done("a.mp4", &content(), DAY).await;
    for range in ["bytes=1000-", "bytes=2000-3000", "bytes=-0"] {
        let answer = world.get(&format!("/download?fid={audio}"), &[("range", range)]).await;
        assert_eq!(answer.status, StatusCode::RANGE_NOT_SATISFIABLE, "{range}");
        assert_eq!(answer.header("content-range"), "bytes */1000");
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
}

#[tokio::test]
async fn several_ranges_and_malformed_ones_get_the_whole() {
    let world = World::new().await;
    let (_, audio) = world.done("a.mp4", &content(), DAY).await;
    for range in ["bytes=0-1,5-6", "bytes=5-1", "lines=1-2", "bytes=x"] {
        let answer = world.get(&format!("/download?fid={audio}"), &[("range", range)]).await;
        assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 1000), "{range}");
        assert_eq!(answer.header("content-range"), "");
    }
}

#[tokio::test]
async fn if_range_gives_the_part_only_of_the_same_version() {
    let world = World::new().await;
    let (_, audio) = world.done("a.mp4", &content(), DAY).await;
    let path = format!("/download?fid={audio}");
    let modified = world.get(&path, &[]).await.header("last-modified").to_owned();
    let etag = format!("\"{audio}\"");
    for (version, status) in [
        (etag.as_str(), 206),
        (modified.as_str(), 206),
        ("\"another\"", 200),
        (&format!("W/{etag}"), 200),
        ("Tue, 01 Jan 2030 00:00:00 GMT", 200),
    ] {
        let answer = world.get(&path, &[("range", "bytes=0-9"), ("if-range", version)]).await;
        assert_eq!(answer.status.as_u16(), status, "{version}");
    }
}

#[tokio::test]
async fn what_the_client_has_already_is_304() {
    let world = World::new().await;
    let (_, audio) = world.done("a.mp4", &content(), DAY).await;
    let path = format!("/download?fid={audio}");
    let etag = format!("\"{audio}\"");
    let (weak, list) = (format!("W/{etag}"), format!("\"x\", {etag}"));
    let (old, future) = ("Sat, 01 Jan 2000 00:00:00 GMT", "Tue, 01 Jan 2999 00:00:00 GMT");
    for (headers, status) in [
        (vec![("if-none-match", etag.as_str())], 304),
        (vec![("if-none-match", weak.as_str())], 304),
        (vec![("if-none-match", list.as_str())], 304),
        (vec![("if-none-match", "*")], 304),
        (vec![("if-none-match", "\"x\"")], 200),
        (vec![("if-modified-since", future)], 304),
        (vec![("if-modified-since", old)], 200),
        (vec![("if-modified-since", "yesterday")], 200),
        (vec![("if-none-match", "\"x\""), ("if-modified-since", future)], 200),
    ] {
        let answer = world.get(&path, &headers).await;
        assert_eq!(answer.status.as_u16(), status, "{headers:?}");
        assert_eq!(answer.header("etag"), etag);
        assert_eq!(answer.body.is_empty(), status == 304);
    }
}

#[tokio::test]
async fn an_unknown_id_and_somebody_elses_are_the_same_404() {
    let world = World::new().await;
    let (job, audio) = world.done("a.mp4", &content(), DAY).await;
    for path in
        [format!("/download?fid={audio}"), format!("/download?fid={job}"), format!("/jobs/{job}/audio")]
    {
        let answer = world.call(Method::GET, &path, world.eve, &[], Body::empty()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    let unknown = (AudioId::generate(), JobId::generate());
    for path in [
        format!("/download?fid={}", unknown.0),
        format!("/jobs/{}/audio", unknown.1),
        "/download?fid=..%2F..%2Fetc%2Fpasswd".into(),
        "/jobs/1/audio".into(),
    ] {
        assert_eq!(world.get(&path, &[]).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(world.get("/download", &[]).await.status, StatusCode::BAD_REQUEST);
    let foreign = format!("/download?fid={audio}");
    let foreign = world.call(Method::GET, &foreign, world.eve, &[], Body::empty()).await;
    let unknown = world.get(&format!("/download?fid={}", unknown.0), &[]).await;
    assert_eq!(foreign.json()["detail"], unknown.json()["detail"]);
}

#[tokio::test]
async fn without_credentials_it_is_401() {
    let world = World::new().await;
    let (job, audio) = world.done("a.mp4", &content(), DAY).await;
    for path in [format!("/download?fid={audio}"), format!("/jobs/{job}/audio")] {
        let answer = world.get_as_nobody(&path).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
}

#[tokio::test]
async fn a_job_that_is_not_done_is_409_with_its_state() {
    let world = World::new().await;
    let canceled = world.queued("a.mp4").await;
    assert!(world.db.jobs().cancel(canceled).await.unwrap());
    // The converter takes the job that has waited longest: the one that is to wait comes last.
    let (failed, converting) = (world.failed().await, world.converting("a.mp4").await.job.id);
    for (job, state) in [
        (world.uploading().await, "uploading"),
        (world.queued("a.mp4").await, "queued"),
        (converting, "converting"),
        (failed, "failed"),
        (canceled, "canceled"),
    ] {
        for path in [format!("/download?fid={job}"), format!("/jobs/{job}/audio")] {
            let answer = world.get(&path, &[]).await;
            assert_eq!(answer.status, StatusCode::CONFLICT, "{state}");
            assert_eq!(answer.json()["state"], state);
        }
    }
    let failed = world.get(&format!("/download?fid={}", world.failed().await), &[]).await;
    assert!(failed.json()["detail"].as_str().unwrap().contains("no sound"));
}

#[tokio::test]
async fn what_is_past_its_time_is_410_before_and_after_the_sweep() {
    let world = World::new().await;
    let (job, audio) = world.done("a.mp4", &content(), Duration::ZERO).await;
    assert_eq!(world.get(&format!("/download?fid={audio}"), &[]).await.status, StatusCode::GONE);
    let keep = db::Retention { videos: DAY, jobs: DAY };
    assert_eq!(world.db.jobs().look(keep, 10).await.unwrap().jobs, 1);
    assert_eq!(world.db.due_garbage(10).await.unwrap(), [db::Garbage::Audio(audio)]);
    world.blobs.delete(Blob::Audio(audio)).await.unwrap();
    for path in [format!("/download?fid={audio}"), format!("/jobs/{job}/audio")] {
        let answer = world.get(&path, &[]).await;
        assert_eq!((answer.status, &answer.json()["state"]), (StatusCode::GONE, &json!("expired")));
    }
}

#[tokio::test]
async fn a_signed_link_opens_its_audio_and_nothing_else() {
    let world = World::new().await;
    let (job, audio) = world.done("a.mp4", &content(), DAY).await;
    let (_, other) = world.done("b.mp4", b"other", DAY).await;
    let good = world.links.sign(audio, Timestamp::now().after(DAY));
    let answer = world.get_as_nobody(&format!("/download?fid={audio}&token={good}")).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 1000));

    let old = world.links.sign(audio, Timestamp::now().before(DAY));
    let answer = world.get_as_nobody(&format!("/download?fid={audio}&token={old}")).await;
    assert_eq!(
        (answer.status, &answer.json()["type"]),
        (StatusCode::GONE, &json!("/docs/errors#link-expired"))
    );

    let mut tampered = good.clone().into_bytes();
    let middle = good.len() / 2;
    tampered[middle] = if tampered[middle] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).unwrap();
    let unknown = AudioId::generate();
    for path in [
        format!("/download?fid={audio}&token={tampered}"),
        format!("/download?fid={audio}&token="),
        format!("/download?fid={other}&token={good}"),
        format!("/download?fid={unknown}&token={good}"),
        format!("/download?fid={job}&token={good}"),
        format!("/download?fid=x&token={good}"),
        format!("/jobs/{job}/audio?token={good}"),
    ] {
        assert_eq!(world.get_as_nobody(&path).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn a_new_link_works_without_credentials_until_its_end() {
    let world = World::new().await;
    let (job, audio) = world.done("a.mp4", &content(), DAY).await;
    let answer = link(&world, job, world.anna, &json!({"expires_in": 60})).await;
    assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::OK, "no-store"));
    let url = answer.json()["url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(PUBLIC_URL).unwrap();
    assert!(path.starts_with(&format!("/download?fid={audio}&token=")), "{path}");
    assert_eq!(world.get_as_nobody(path).await.body, content());
    let expires: Timestamp = serde_json::from_value(answer.json()["expires_at"].clone()).unwrap();
    assert!(expires <= Timestamp::now().after(Duration::from_secs(60)));
}

#[tokio::test]
async fn a_link_never_outlives_the_audio() {
    let world = World::new().await;
    let (job, _) = world.done("a.mp4", &content(), Duration::from_secs(100)).await;
    let answer = link(&world, job, world.anna, &json!({})).await;
    let expires: Timestamp = serde_json::from_value(answer.json()["expires_at"].clone()).unwrap();
    assert_eq!(Some(expires), world.db.jobs().get(job).await.unwrap().unwrap().expires_at);
}

#[tokio::test]
async fn links_are_for_the_owner_of_a_finished_job_and_for_a_sensible_time() {
    let world = World::new().await;
    let (job, _) = world.done("a.mp4", &content(), DAY).await;
    let queued = world.queued("b.mp4").await;
    let ok = json!({});
    assert_eq!(link(&world, job, world.eve, &ok).await.status, StatusCode::NOT_FOUND);
    assert_eq!(link(&world, queued, world.anna, &ok).await.status, StatusCode::CONFLICT);
    for body in [json!({"expires_in": 0}), json!({"expires_in": 2_592_001}), json!({"expires": 5})] {
        assert_eq!(link(&world, job, world.anna, &body).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[tokio::test]
async fn a_link_that_an_api_key_makes_hardly_outlives_the_key() {
    let world = World::new().await;
    let (job, _) = world.done("a.mp4", &content(), DAY).await;
    let hour = Duration::from_secs(3600);
    for (scopes, body, status) in [
        ("read", json!({}), 200),
        ("read", json!({"expires_in": 3600}), 200),
        ("read", json!({"expires_in": 3601}), 422),
        ("upload read", json!({"expires_in": 3601}), 422),
        ("read", json!({"expires_in": 0}), 422),
        ("upload", json!({}), 403),
    ] {
        let answer = world.link_by_key(job, scopes, &body).await;
        assert_eq!(answer.status.as_u16(), status, "{scopes} {body}");
        if status == 200 {
            let expires: Timestamp = serde_json::from_value(answer.json()["expires_at"].clone()).unwrap();
            assert!(expires <= Timestamp::now().after(hour), "{body}");
        }
    }
    let answer = link(&world, job, world.anna, &json!({})).await;
    let expires: Timestamp = serde_json::from_value(answer.json()["expires_at"].clone()).unwrap();
    assert!(expires > Timestamp::now().after(hour), "who has logged in decides alone");
}

async fn link(
    world: &World,
    job: JobId,
    user: contracts::UserId,
    body: &serde_json::Value,
) -> crate::world::Answer {
    let json = [("content-type", "application/json")];
    world.call(Method::POST, &format!("/jobs/{job}/link"), user, &json, Body::from(body.to_string())).await
}

#[tokio::test]
async fn a_done_job_without_its_audio_is_our_fault_and_says_nothing_more() {
    let world = World::new().await;
    let (_, audio) = world.done("a.mp4", &content(), DAY).await;
    world.blobs.delete(Blob::Audio(audio)).await.unwrap();
    let answer = world.get(&format!("/download?fid={audio}"), &[]).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!String::from_utf8_lossy(&answer.body).contains("blob"));
}

#[tokio::test]
async fn without_a_database_the_answer_is_503() {
    let world = World::new().await;
    world.db.close().await;
    let audio = AudioId::generate();
    let token = world.links.sign(audio, Timestamp::now().after(DAY));
    let answer = world.get_as_nobody(&format!("/download?fid={audio}&token={token}")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), "5");
}
