//! Uploads that are sent again with the same `Idempotency-Key`.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode},
    response::Response,
};
use bytes::Bytes;
use contracts::State;
use db::Job;
use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::world::{World, file, form, option, video};

const FORM: (&str, &str) = ("content-type", "multipart/form-data; boundary=x");
const HALF: usize = 20_000;

async fn send(world: &World, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let mut request = Request::post(path).header("idempotency-key", "8e03978e");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.call(request.body(body.into()).unwrap()).await
}

async fn told(response: Response) -> (u16, String, Value) {
    let location = response.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 100_000).await.unwrap();
    (status, location.unwrap_or_default(), serde_json::from_slice(&body).unwrap_or_default())
}

async fn jobs(world: &World) -> Vec<Job> {
    world.db.jobs().list(world.anna, 10, None).await.unwrap()
}

fn kind(problem: &Value) -> &str {
    problem["type"].as_str().unwrap().rsplit('#').next().unwrap()
}

/// A body of which enough has come to tell what it is, and whoever can end it.
fn unfinished() -> (Body, mpsc::Sender<Bytes>) {
    let (sender, mut receiver) = mpsc::channel(1);
    let rest = stream::poll_fn(move |context| receiver.poll_recv(context)).map(Ok::<_, std::io::Error>);
    (Body::from_stream(stream::iter([Ok(video()), Ok(vec![0; 64 * 1024].into())]).chain(rest)), sender)
}

#[tokio::test]
async fn a_form_or_a_video_that_is_sent_again_gets_the_first_answer_and_makes_no_job() {
    for (path, headers, body) in [
        ("/upload", &[FORM][..], form(&[file(b"; filename=\"a.mp4\""), option("quality", "4")])),
        ("/upload?filename=a.mp4&quality=4", &[], video().to_vec()),
    ] {
        let world = World::new().await;
        let first = told(send(&world, path, headers, body.clone()).await).await;
        assert_eq!((first.0, first.1.as_str()), (202, first.2["links"]["self"].as_str().unwrap()));
        assert_eq!(told(send(&world, path, headers, body.clone()).await).await, first);
        let made = jobs(&world).await;
        assert_eq!((made.len(), made[0].options.quality), (1, Some(4)));
        world.db.jobs().delete(made[0].id).await.unwrap();
        assert_eq!(told(send(&world, path, headers, body).await).await, first, "what was accepted stays so");
        assert!(jobs(&world).await.is_empty());
    }
}

#[tokio::test]
async fn a_key_is_of_one_account_and_one_request() {
    let mut world = World::new().await;
    let first = told(send(&world, "/upload?quality=4", &[], video()).await).await;
    let (status, _, problem) = told(send(&world, "/upload?quality=5", &[], video()).await).await;
    assert_eq!((status, kind(&problem)), (422, "idempotency-key-reused"));
    let longer = [("content-length", "12345")];
    assert_eq!(send(&world, "/upload?quality=4", &longer, video()).await.status(), 422);
    assert_eq!(
        send(&world, "/uploads", &[("tus-resumable", "1.0.0"), ("upload-length", "9")], "").await.status(),
        201
    );
    world.another().await;
    let theirs = told(send(&world, "/upload?quality=4", &[], video()).await).await;
    assert_eq!(theirs.0, 202);
    assert_ne!(theirs, first);
}

#[tokio::test]
async fn while_the_first_upload_is_in_hand_a_repeat_is_told_to_wait_and_then_gets_its_answer() {
    let world = World::new().await;
    let (body, sender) = unfinished();
    let first = send(&world, "/upload", &[], body);
    let rest = async {
        while jobs(&world).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let second = send(&world, "/upload", &[], video()).await;
        assert_eq!(second.headers()["retry-after"], "5");
        let (status, _, problem) = told(second).await;
        assert_eq!((status, kind(&problem)), (409, "idempotency-in-hand"));
        drop(sender);
    };
    let (first, ()) = tokio::join!(first, rest);
    assert_eq!(first.status(), StatusCode::ACCEPTED);
    let (status, location, _) = told(send(&world, "/upload", &[], video()).await).await;
    assert_eq!((status, location), (202, format!("/jobs/{}", jobs(&world).await[0].id)));
}

#[tokio::test]
async fn a_refused_upload_may_be_sent_again() {
    let world = World::new().await;
    for _ in 0..2 {
        let wrong = form(&[file(b"; filename=\"a.mp4\""), option("quality", "11")]);
        assert_eq!(send(&world, "/upload", &[FORM], wrong).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(send(&world, "/upload", &[FORM], "--x\r\n").await.status(), StatusCode::BAD_REQUEST);
    let right = form(&[file(b"; filename=\"a.mp4\""), option("quality", "1")]);
    assert_eq!(send(&world, "/upload", &[FORM], right).await.status(), StatusCode::ACCEPTED);
    assert_eq!(jobs(&world).await.len(), 1);
}

#[tokio::test]
async fn no_key_that_is_none() {
    let world = World::new().await;
    let request = Request::post("/upload").header("idempotency-key", "a b").body(video().into()).unwrap();
    assert_eq!(world.call(request).await.status(), StatusCode::BAD_REQUEST);
    world.nothing_is_stored().await;
}

#[tokio::test]
async fn an_upload_in_parts_that_is_begun_again_goes_on_where_it_is() {
    let world = World::new().await;
    let all = video();
    let length = all.len().to_string();
    let part = ("content-type", "application/offset+octet-stream");
    let headers = [("tus-resumable", "1.0.0"), ("upload-length", length.as_str()), part];
    let first = send(&world, "/uploads", &headers, all.slice(..HALF)).await;
    assert_eq!(
        (first.status(), &first.headers()["upload-offset"]),
        (StatusCode::CREATED, &HALF.to_string().parse().unwrap())
    );
    let again = send(&world, "/uploads", &headers, all.slice(..HALF)).await;
    assert_eq!(again.status(), StatusCode::CREATED);
    for name in ["location", "upload-offset", "upload-expires"] {
        assert_eq!(again.headers()[name], first.headers()[name], "{name}");
    }
    let made = jobs(&world).await;
    assert_eq!((made.len(), made[0].state), (1, State::Uploading));
    let place = first.headers()["location"].to_str().unwrap();
    let gone = Request::delete(place).header("tus-resumable", "1.0.0").body(Body::empty()).unwrap();
    assert_eq!(world.call(gone).await.status(), StatusCode::NO_CONTENT);
    let (status, _, problem) = told(send(&world, "/uploads", &headers, all).await).await;
    assert_eq!((status, kind(&problem)), (409, "idempotency-key-used"));
}

#[tokio::test]
async fn an_upload_in_parts_whose_first_part_was_refused_may_be_begun_again() {
    let world = World::new().await;
    let part = ("content-type", "application/offset+octet-stream");
    let headers = [("tus-resumable", "1.0.0"), ("upload-length", "100000"), part];
    for _ in 0..2 {
        let refused = send(&world, "/uploads", &headers, vec![b'x'; 100_000]).await;
        assert_eq!(refused.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    world.nothing_is_stored().await;
}
