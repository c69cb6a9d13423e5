//! What an account may use is held against it before its video is read.

use std::time::Duration;

use crate::world::{World, file, form, video};
use axum::http::StatusCode;
use db::{Class, Quota, UserChanges};
use serde_json::Value;
use upload::UploadConfig;

/// Anna's class from now on.
async fn put(world: &World, class: Class) {
    world.db.set_class(&class).await.unwrap();
    let changes = UserChanges { class: Some(class.name), ..UserChanges::default() };
    world.db.change_user(world.anna, &changes).await.unwrap().unwrap();
}

fn class() -> Class {
    let (bytes_per_file, minutes_a_day, jobs_at_once) = (None, None, None);
    Class { name: "small".into(), bytes_per_file, minutes_a_day, jobs_at_once, keep_days: None }
}

async fn send(world: &World) -> (StatusCode, Value) {
    let (status, answer) = world.post("/upload?filename=a.mp4", "video/mp4", video().into()).await;
    (status, serde_json::from_str(&answer).unwrap())
}

#[tokio::test]
async fn a_video_larger_than_its_class_allows_is_refused_in_either_form() {
    let world = World::new().await;
    put(&world, Class { bytes_per_file: Some(1000), ..class() }).await;
    let (status, answer) = send(&world).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{answer}");
    let (status, answer) = world.form(form(&[file(b"; filename=\"a.mp4\"")])).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{answer}");
    world.nothing_is_stored().await;
    put(&world, Class { bytes_per_file: Some(u64::MAX >> 1), ..class() }).await;
    assert_eq!(send(&world).await.0, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn one_job_more_than_its_class_allows_at_once_waits_until_another_has_ended() {
    let world = World::new().await;
    put(&world, Class { jobs_at_once: Some(1), ..class() }).await;
    assert_eq!(send(&world).await.0, StatusCode::ACCEPTED);
    let (status, answer) = send(&world).await;
    assert_eq!((status, &answer["limit"]), (StatusCode::CONFLICT, &1.into()), "{answer}");
    let job = world.db.jobs().list(world.anna, 1, None).await.unwrap().remove(0);
    assert!(world.db.jobs().cancel(job.id).await.unwrap());
    assert_eq!(send(&world).await.0, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn without_minutes_left_an_upload_is_told_when_to_come_again() {
    let world = World::new().await;
    put(&world, Class { minutes_a_day: Some(60), ..class() }).await;
    assert_eq!(send(&world).await.0, StatusCode::ACCEPTED);
    let hour = Duration::from_secs(3600);
    let bucket = format!("video {}", world.anna);
    let millis = u64::try_from(hour.as_millis()).unwrap();
    world.db.take(&bucket, millis, Quota::a_day(millis)).await.unwrap().unwrap();
    let (status, answer) = send(&world).await;
    assert_eq!((status, &answer["policy"]), (StatusCode::TOO_MANY_REQUESTS, &"minutes".into()), "{answer}");
    // A minute of an hour a day comes back in 24 minutes.
    let wait = answer["retry_after"].as_u64().unwrap();
    assert!((1..=24 * 60).contains(&wait), "{wait}");
}

#[tokio::test]
async fn uploads_are_counted_by_account() {
    let world = World::with(UploadConfig { per_hour: 1, ..UploadConfig::default() }).await;
    assert_eq!(send(&world).await.0, StatusCode::ACCEPTED);
    let (status, answer) = send(&world).await;
    assert_eq!((status, &answer["policy"]), (StatusCode::TOO_MANY_REQUESTS, &"uploads".into()), "{answer}");
}
