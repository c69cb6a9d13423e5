//! Every bad input gets a clear answer and leaves nothing: `Platform::finish` looks for orphans.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use blobs::Bucket;
use bytes::Bytes;
use futures_util::StreamExt as _;
use reqwest::{
    Body, Client, Method, Response,
    multipart::{Form, Part},
};
use serde_json::Value;
use tapedeck_tests::{Platform, Setup, User, fixture, mp4_of};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

/// The status, and that the body is a problem that says something.
async fn problem(answer: Response) -> u16 {
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()["content-type"], "application/problem+json", "{status}");
    assert!(answer.headers().contains_key("x-request-id"));
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["status"], status);
    assert!(body["detail"].as_str().unwrap().len() > 10, "{body}");
    assert!(body["instance"].is_string() && body["title"].is_string() && body["type"].is_string(), "{body}");
    status
}

fn file(name: &str) -> Part {
    Part::stream(fixture("moov-front.mp4")).file_name(name.to_owned())
}

async fn post_form(user: &User, form: Form) -> u16 {
    problem(user.request(Method::POST, "/upload").multipart(form).send().await.unwrap()).await
}

async fn nothing_is_stored(platform: &Platform, user: &User) {
    let jobs: Value = user.get("/jobs").await.json().await.unwrap();
    assert_eq!(jobs["jobs"], Value::Array(Vec::new()));
    // What was refused after it was stored is garbage, which the sweep removes.
    for bucket in Bucket::ALL {
        let until = Instant::now() + Duration::from_secs(60);
        while !platform.blobs().page(bucket, None, 1).await.unwrap().is_empty() {
            assert!(Instant::now() < until, "{bucket:?} are left");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test]
async fn a_form_needs_exactly_one_file_with_something_in_it() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    assert_eq!(post_form(&ann, Form::new().text("title", "no file")).await, 400);
    assert_eq!(post_form(&ann, Form::new().part("a", file("a.mp4")).part("b", file("b.mp4"))).await, 400);
    let empty = Part::bytes(Vec::new()).file_name("empty.mp4");
    assert_eq!(post_form(&ann, Form::new().part("file", empty)).await, 400);
    let broken = ann.request(Method::POST, "/upload").header("content-type", "multipart/form-data").body("x");
    assert_eq!(problem(broken.send().await.unwrap()).await, 400);
    let raw = ann.request(Method::POST, "/upload").body("");
    assert_eq!(problem(raw.send().await.unwrap()).await, 400);
    nothing_is_stored(&platform, &ann).await;
    platform.finish().await;
}

#[tokio::test]
async fn what_is_no_video_is_refused_whatever_it_is_called() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    let text = ann.upload("text.mp4", fixture("text.mp4"), &[]);
    assert_eq!(problem(text.send().await.unwrap()).await, 415);
    let raw =
        ann.request(Method::POST, "/upload?filename=a.mp4").header("content-type", "video/mp4").body("hello");
    assert_eq!(problem(raw.send().await.unwrap()).await, 415);
    nothing_is_stored(&platform, &ann).await;
    platform.finish().await;
}

#[tokio::test]
async fn a_wrong_option_is_named_whether_it_comes_before_or_after_the_file() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    assert_eq!(post_form(&ann, Form::new().text("formt", "mp3").part("file", file("a.mp4"))).await, 422);
    assert_eq!(post_form(&ann, Form::new().part("file", file("a.mp4")).text("bitrate", "7")).await, 422);
    let both = Form::new().part("file", file("a.mp4")).text("bitrate", "128").text("quality", "2");
    assert_eq!(post_form(&ann, both).await, 422);
    let long = Form::new().text("title", "x".repeat(5000)).part("file", file("a.mp4"));
    assert_eq!(post_form(&ann, long).await, 422);
    let raw = ann.request(Method::POST, "/upload?chanels=1").body(fixture("video.mkv"));
    assert_eq!(problem(raw.send().await.unwrap()).await, 422);
    nothing_is_stored(&platform, &ann).await;
    platform.finish().await;
}

#[tokio::test]
async fn a_video_over_the_limit_is_refused_with_and_without_an_announced_length() {
    let platform = Setup::default().set("UPLOAD_MAX_BYTES", 1_000_000).start().await;
    let ann = platform.new_user().await;
    let announced: Vec<u8> = mp4_of(3_000_000).flatten().collect();
    let raw = ann.request(Method::POST, "/upload").body(announced);
    assert_eq!(problem(raw.send().await.unwrap()).await, 413);
    let stream =
        || Body::wrap_stream(futures_util::stream::iter(mp4_of(3_000_000).map(Ok::<_, std::io::Error>)));
    let raw = ann.request(Method::POST, "/upload").body(stream());
    assert_eq!(problem(raw.send().await.unwrap()).await, 413);
    let form = ann.upload("large.mp4", stream(), &[]);
    assert_eq!(problem(form.send().await.unwrap()).await, 413);
    nothing_is_stored(&platform, &ann).await;
    platform.finish().await;
}

#[tokio::test]
async fn nobody_gets_in_without_valid_credentials() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    let client = Client::new();
    for path in
        ["/jobs", "/jobs/01arz3ndektsv4rrffq69g5fav", "/download?fid=01arz3ndektsv4rrffq69g5fav", "/me"]
    {
        assert_eq!(problem(client.get(platform.url(path)).send().await.unwrap()).await, 401, "{path}");
        let forged =
            client.get(platform.url(path)).bearer_auth(format!("{}x", ann.token)).send().await.unwrap();
        assert_eq!(problem(forged).await, 401, "{path}");
    }
    let upload = client.post(platform.url("/upload")).body(vec![0; 2_000_000]).send().await.unwrap();
    assert_eq!(problem(upload).await, 401);
    let login = |email: &str, password: &str| {
        client.post(platform.url("/login")).basic_auth(email.to_owned(), Some(password.to_owned())).send()
    };
    let wrong = login(&ann.email, "not the password").await.unwrap();
    let unknown = login("nobody@example.org", "not the password").await.unwrap();
    assert_eq!(
        (wrong.status(), unknown.status()),
        (reqwest::StatusCode::UNAUTHORIZED, reqwest::StatusCode::UNAUTHORIZED)
    );
    assert_eq!(wrong.text().await.unwrap(), unknown.text().await.unwrap());
    assert_eq!(problem(client.post(platform.url("/login")).send().await.unwrap()).await, 401);
    platform.finish().await;
}

#[tokio::test]
async fn somebody_elses_job_does_not_exist() {
    let platform = Platform::start().await;
    let (ann, bob) = (platform.new_user().await, platform.new_user().await);
    let id = ann.upload_fixture("video.mkv", &[]).await;
    let job = ann.ended(&id).await;
    let audio = job["audio"]["id"].as_str().unwrap();
    for path in [
        format!("/jobs/{id}"),
        format!("/download?fid={id}"),
        format!("/download?fid={audio}"),
        format!("/jobs/{id}/audio"),
    ] {
        assert_eq!(problem(bob.get(&path).await).await, 404, "{path}");
    }
    for (method, path) in [
        (Method::DELETE, format!("/jobs/{id}")),
        (Method::POST, format!("/jobs/{id}/cancel")),
        (Method::POST, format!("/jobs/{id}/retry")),
    ] {
        assert_eq!(problem(bob.request(method, &path).send().await.unwrap()).await, 404, "{path}");
    }
    assert_eq!(problem(ann.get("/jobs/not-an-id").await).await, 404);
    assert_eq!(ann.get(&format!("/jobs/{id}")).await.status(), 200, "it is still there for its owner");
    platform.finish().await;
}

#[tokio::test]
async fn ranges_are_served_and_one_past_the_end_is_416() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    let id = ann.upload_fixture("video.mkv", &[]).await;
    ann.ended(&id).await;
    let path = format!("/download?fid={id}");
    let whole = ann.get(&path).await.bytes().await.unwrap();
    let part = ann.request(Method::GET, &path).header("range", "bytes=100-199").send().await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.headers()["content-range"], format!("bytes 100-199/{}", whole.len()).as_str());
    assert_eq!(part.bytes().await.unwrap(), whole.slice(100..200));
    let past = ann
        .request(Method::GET, &path)
        .header("range", format!("bytes={}-", whole.len()))
        .send()
        .await
        .unwrap();
    assert_eq!(past.headers()["content-range"], format!("bytes */{}", whole.len()).as_str());
    assert_eq!(problem(past).await, 416);
    platform.finish().await;
}

/// Sends the beginning of an upload by hand and hangs up.
async fn cut_off(platform: &Platform, user: &User, head: &str, sent: &[u8]) {
    let address = platform.home().strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /upload HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n{head}\r\n\r\n",
        user.token
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(sent).await.unwrap();
    connection.flush().await.unwrap();
    // Long enough for the job's row and the partial file to be there.
    tokio::time::sleep(Duration::from_millis(200)).await;
}

#[tokio::test]
async fn an_upload_cut_off_half_way_leaves_nothing() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    let video: Vec<u8> = mp4_of(2_500_000).flatten().collect();
    let half = &video[..video.len() / 2];
    cut_off(&platform, &ann, &format!("Content-Length: {}", video.len()), half).await;
    let mut form = b"--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.mp4\"\r\n\r\n".to_vec();
    form.extend_from_slice(half);
    let head =
        format!("Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {}", video.len() + 200);
    cut_off(&platform, &ann, &head, &form).await;
    platform.settle().await;
    nothing_is_stored(&platform, &ann).await;
    platform.finish().await;
}

#[tokio::test]
async fn an_upload_that_stalls_is_given_up() {
    let platform = Setup::default().set("UPLOAD_IDLE_SECONDS", 1).start().await;
    let ann = platform.new_user().await;
    let begun: Vec<Bytes> = mp4_of(300_000).take(3).collect();
    let stalled = futures_util::stream::iter(begun.into_iter().map(Ok::<_, std::io::Error>))
        .chain(futures_util::stream::pending());
    let raw = ann.request(Method::POST, "/upload").body(Body::wrap_stream(stalled));
    assert_eq!(problem(raw.send().await.unwrap()).await, 408);
    nothing_is_stored(&platform, &ann).await;
    platform.finish().await;
}

#[tokio::test]
async fn a_form_that_stalls_after_its_file_is_given_up() {
    let platform = Setup::default().set("UPLOAD_IDLE_SECONDS", 1).start().await;
    let ann = platform.new_user().await;
    let mut begun = b"--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.mp4\"\r\n\r\n".to_vec();
    begun.extend_from_slice(&fixture("moov-front.mp4"));
    begun.extend_from_slice(b"\r\n--x\r\n");
    let begun = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from(begun))]);
    let form = ann
        .request(Method::POST, "/upload")
        .header("content-type", "multipart/form-data; boundary=x")
        .body(Body::wrap_stream(begun.chain(futures_util::stream::pending())));
    assert_eq!(problem(form.send().await.unwrap()).await, 408);
    nothing_is_stored(&platform, &ann).await;
    platform.finish().await;
}

#[tokio::test]
async fn an_upload_whose_job_is_deleted_meanwhile_ends_soon() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    let slow = futures_util::stream::iter(mp4_of(10_000_000_000)).then(|bytes| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok::<_, std::io::Error>(bytes)
    });
    let upload = ann.request(Method::POST, "/upload").body(Body::wrap_stream(slow)).send();
    let deletion = async {
        loop {
            let jobs: Value = ann.get("/jobs").await.json().await.unwrap();
            if let Some(id) = jobs["jobs"][0]["id"].as_str() {
                let deleted = ann.request(Method::DELETE, &format!("/jobs/{id}")).send().await.unwrap();
                break assert!(deleted.status().is_success(), "{}", deleted.status());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let both = async { tokio::join!(upload, deletion) };
    let (answer, ()) = tokio::time::timeout(Duration::from_secs(60), both).await.expect("it goes on");
    assert_eq!(problem(answer.unwrap()).await, 409);
    nothing_is_stored(&platform, &ann).await;
    platform.finish().await;
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_problems_too() {
    let platform = Platform::start().await;
    let client = Client::new();
    assert_eq!(problem(client.get(platform.url("/nothing/here")).send().await.unwrap()).await, 404);
    assert_eq!(problem(client.delete(platform.url("/upload")).send().await.unwrap()).await, 405);
    // Strangers can't inject events at the public address.
    let event = client
        .post(platform.url("/"))
        .header("ce-type", "dev.tapedeck.video.uploaded.v1")
        .header("ce-id", "1");
    assert_eq!(
        problem(event.header("ce-specversion", "1.0").header("ce-source", "/x").send().await.unwrap()).await,
        405
    );
    assert_eq!(client.get(platform.url("/health/readiness")).send().await.unwrap().status(), 200);
    platform.finish().await;
}
