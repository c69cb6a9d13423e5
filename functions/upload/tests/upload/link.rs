//! `POST /upload/url`, with servers that are up to no good. What is not fetched must not even be called.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use upload::UploadConfig;

use crate::world::{
    World,
    origin::{Server, answering, file, redirect},
    video,
};

fn on() -> UploadConfig {
    UploadConfig { url: true, ..UploadConfig::default() }
}

/// Links may lead to this server, and otherwise only where links may lead.
fn trusting(server: &Server) -> UploadConfig {
    UploadConfig { url_trusted: server.home.clone(), ..on() }
}

async fn post(world: &World, body: Value) -> (StatusCode, Value) {
    let (status, answer) = world.post("/upload/url", "application/json", Body::from(body.to_string())).await;
    (status, serde_json::from_str(&answer).unwrap())
}

/// How many jobs there are, in whatever state.
async fn jobs(world: &World) -> usize {
    world.db.jobs().list(world.anna, 10, None).await.unwrap().len()
}

/// Nothing of a refused link is left, and it is refused for this.
async fn refused(world: &World, url: &str, status: u16, kind: &str) -> String {
    let (code, problem) = post(world, json!({ "url": url })).await;
    let named = problem["type"].as_str().unwrap_or_default();
    assert!((code.as_u16(), named.ends_with(kind)) == (status, true), "{url}: {problem}");
    world.nothing_is_stored().await;
    problem["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_video_from_a_link_becomes_a_job_as_if_it_had_been_sent() {
    let server =
        Server::saying(file("content-disposition: attachment; filename=\"a talk.mp4\"\r\n", &video())).await;
    let world = World::with(trusting(&server)).await;
    let link =
        json!({ "url": format!("{}/x?y=1#z", server.home), "format": "opus", "bitrate": 64, "fade": null });
    let (status, accepted) = post(&world, link).await;
    assert_eq!((status, &accepted["state"]), (StatusCode::ACCEPTED, &json!("queued")), "{accepted}");
    let job = world.db.jobs().list(world.anna, 1, None).await.unwrap().remove(0);
    assert_eq!((job.source.name.as_str(), job.source.bytes), ("a talk.mp4", video().len() as u64));
    assert_eq!((job.source.container.as_str(), job.options.bitrate), ("mp4", Some(64)));
    assert!(job.source.digest.is_some());
    let head = server.heads.lock().unwrap()[0].to_ascii_lowercase();
    assert!(
        head.starts_with("get /x?y=1 http/1.1\r\n") && head.contains("accept-encoding: identity"),
        "{head}"
    );
    for secret in ["authorization", "cookie", "referer", "traceparent"] {
        assert!(!head.contains(secret), "{head}");
    }
    let named = json!({ "url": server.home, "filename": "mine.mp4" });
    assert_eq!(post(&world, named).await.0, StatusCode::ACCEPTED);
    assert_eq!(world.db.jobs().list(world.anna, 1, None).await.unwrap()[0].source.name, "mine.mp4");
}

#[tokio::test]
async fn links_are_off_unless_they_are_switched_on_and_options_are_judged_first() {
    let server = Server::saying(file("", &video())).await;
    let world = World::new().await;
    refused(&world, &server.home, 403, "links-off").await;
    let world = World::with(trusting(&server)).await;
    for wrong in [
        json!({ "url": server.home, "bitrate": "lots" }),
        json!({ "url": server.home, "sound": 1 }),
        json!({}),
    ] {
        assert_eq!(post(&world, wrong).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(server.calls(), 0);
}

#[tokio::test]
async fn no_private_address_is_called_however_it_is_written() {
    let server = Server::saying(file("", &video())).await;
    let port = server.home.rsplit(':').next().unwrap().to_owned();
    // As strict as it is by default, but that any port may be named.
    let world = World::with(UploadConfig { url_ports: String::new(), ..on() }).await;
    for host in [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "127.000.000.001",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "0",
        "0.0.0.0",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "%6c%6f%63%61%6c%68%6f%73%74",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::]",
        "[fe80::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.100.100.200",
        "169.254.169.254",
        "0xa9fea9fe",
        "224.0.0.1",
        "255.255.255.255",
    ] {
        refused(&world, &format!("https://{host}:{port}/"), 422, "link-refused").await;
    }
    assert_eq!(server.calls(), 0);
}

#[tokio::test]
async fn only_https_without_credentials_at_the_allowed_ports_is_called() {
    let server = Server::saying(file("", &video())).await;
    let world = World::with(on()).await;
    let address = server.home.strip_prefix("http://").unwrap();
    let long = format!("https://example.org/{}", "a".repeat(3000));
    for url in [
        server.home.as_str(),
        &format!("https://{address}/"),
        &format!("https://example.org@{address}/"),
        &format!("https://user:password@{address}/"),
        &format!("https://:x@{address}/"),
        "https://example.org:22/",
        "https://example.org:80/",
        "https://example.org:8443/",
        "http://example.org/",
        "ftp://example.org/a.mp4",
        "file:///etc/passwd",
        "file://localhost/etc/passwd",
        "gopher://example.org/",
        "data:video/mp4;base64,AAAA",
        "jar:https://example.org!/x",
        "//example.org/a.mp4",
        "/etc/passwd",
        "https:///",
        "https://[::1",
        "https://exa mple.org/",
        "https://example.org:99999/",
        "https://xn--a/",
        "",
        &long,
    ] {
        refused(&world, url, 422, "link-refused").await;
    }
    assert_eq!(server.calls(), 0);
    // Unknown and private names are told in the same words.
    let unknown = refused(&world, "https://does-not-exist.invalid/", 422, "link-refused").await;
    assert_eq!(unknown, refused(&world, "https://localhost/", 422, "link-refused").await);
}

#[tokio::test]
async fn each_redirect_is_held_against_the_rules_again() {
    let inside = Server::saying(file("", &video())).await;
    let address = inside.home.strip_prefix("http://").unwrap().to_owned();
    let forbidden = [
        inside.home.clone(),
        format!("https://{address}/"),
        format!("//{address}/"),
        "https://127.0.0.1/".into(),
        "https://2130706433/".into(),
        "https://localhost/".into(),
        "https://[::ffff:127.0.0.1]/".into(),
        "https://169.254.169.254/latest/meta-data/".into(),
        "http://example.org/".into(),
        "https://example.org:22/".into(),
        "https://user:password@example.org/".into(),
        "file:///etc/passwd".into(),
        "data:video/mp4,x".into(),
    ];
    let broken = [b"HTTP/1.1 302 Found\r\n\r\n".to_vec(), redirect("https://["), redirect(&"a".repeat(3000))];
    let answers = forbidden.iter().map(|to| redirect(to)).chain(broken);
    let outside = answering(answers.collect()).await;
    let world = World::with(trusting(&outside)).await;
    for (place, to) in forbidden.iter().enumerate() {
        refused(&world, &format!("{}/{place}", outside.home), 422, "link-refused").await;
        assert_eq!((outside.calls(), inside.calls()), (place + 1, 0), "{to}");
    }
    for place in forbidden.len()..forbidden.len() + 3 {
        refused(&world, &format!("{}/{place}", outside.home), 422, "link-failed").await;
    }
}

#[tokio::test]
async fn five_redirects_are_followed_and_a_ring_of_them_is_left() {
    let server = Server::start(|path, mut stream| async move {
        let left: usize = path.trim_start_matches('/').parse().unwrap();
        let answer = if left == 0 { file("", &video()) } else { redirect(&format!("{}", left - 1)) };
        let _ = stream.write_all(&answer).await;
        let _ = stream.read(&mut [0; 1]).await;
    })
    .await;
    let world = World::with(trusting(&server)).await;
    refused(&world, &format!("{}/6", server.home), 422, "link-failed").await;
    assert_eq!(server.calls(), 6);
    let (status, answer) = post(&world, json!({ "url": format!("{}/5", server.home) })).await;
    assert_eq!((status, server.calls()), (StatusCode::ACCEPTED, 12), "{answer}");
}

#[tokio::test]
async fn what_is_no_video_in_time_and_in_size_leaves_nothing() {
    let gzip = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0][..], &[0; 1000]].concat();
    let large = vec![0; 3000];
    let chunked = |body: &[u8]| {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        [&head[..], format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n"].concat()
    };
    let whole = video();
    let cases: [(Vec<u8>, u16, &str); 12] = [
        (file("content-encoding: gzip\r\n", &gzip), 422, "link-failed"),
        (file("content-encoding: br\r\n", &whole), 422, "link-failed"),
        (file("content-type: video/mp4\r\n", &gzip), 415, "unsupported-media-type"),
        (file("content-type: video/mp4\r\n", b"<html>Please log in</html>"), 415, "unsupported-media-type"),
        (file("", b""), 400, "bad-request"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_vec(), 413, "too-large"),
        (chunked(&large), 422, "link-failed"),
        (chunked(&whole), 422, "link-failed"),
        (file("", &whole)[..5000].to_vec(), 422, "link-failed"),
        (b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(), 422, "link-failed"),
        (b"HTTP/1.1 206 Partial Content\r\ncontent-length: 0\r\n\r\n".to_vec(), 422, "link-failed"),
        (b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), 422, "link-failed"),
    ];
    let server = answering(cases.iter().map(|(answer, ..)| answer.clone()).collect()).await;
    let world = World::with(trusting(&server)).await;
    for (place, (_, status, kind)) in cases.iter().enumerate() {
        refused(&world, &format!("{}/{place}", server.home), *status, kind).await;
    }
}

/// A video that goes on for ever, as fast as it is read.
async fn endless() -> Server {
    Server::start(|_, mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        let _ = stream.write_all(&video()).await;
        while stream.write_all(&[0; 65_536]).await.is_ok() {}
    })
    .await
}

#[tokio::test]
async fn an_endless_video_is_given_up_at_the_largest_size() {
    let server = endless().await;
    let world = World::with(UploadConfig { max_bytes: 3_000_000, ..trusting(&server) }).await;
    refused(&world, &server.home, 413, "too-large").await;
}

#[tokio::test]
async fn a_server_that_says_nothing_or_hardly_anything_is_given_up() {
    let silent = Server::start(|_, mut stream| async move {
        let _ = stream.read(&mut [0; 1]).await;
    })
    .await;
    let dripping = Server::start(|_, mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    for server in [silent, dripping] {
        let world = World::with(UploadConfig { url_seconds: 1, ..trusting(&server) }).await;
        refused(&world, &server.home, 422, "link-failed").await;
    }
}

#[tokio::test]
async fn whether_links_are_fetched_is_told() {
    for (config, told) in [(on(), r#"{"on":true}"#), (UploadConfig::default(), r#"{"on":false}"#)] {
        let world = World::with(config).await;
        let response = world.call(Request::get("/upload/url").body(Body::empty()).unwrap()).await;
        assert_eq!(axum::body::to_bytes(response.into_body(), 100).await.unwrap(), told);
    }
}

#[tokio::test]
async fn a_link_that_is_sent_again_is_fetched_once() {
    let server = Server::saying(file("", &video())).await;
    let world = World::with(trusting(&server)).await;
    let send = async |format: &str| {
        let request = Request::post("/upload/url")
            .header("content-type", "application/json")
            .header("idempotency-key", "8e03978e");
        let body = json!({ "url": server.home, "format": format }).to_string();
        let response = world.call(request.body(Body::from(body)).unwrap()).await;
        (response.status().as_u16(), axum::body::to_bytes(response.into_body(), 10_000).await.unwrap())
    };
    let first = send("flac").await;
    assert_eq!(first.0, 202);
    let calls = server.calls();
    assert_eq!(send("flac").await, first);
    assert_eq!(send("opus").await.0, 422);
    assert_eq!((jobs(&world).await, server.calls()), (1, calls));
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_the_fetch_and_leaves_nothing() {
    let server = endless().await;
    let world = World::with(trusting(&server)).await;
    let body = json!({ "url": server.home }).to_string();
    let posting = world.post("/upload/url", "application/json", Body::from(body));
    tokio::select! {
        answered = posting => panic!("{answered:?}"),
        () = async { while server.calls() == 0 || jobs(&world).await == 0 { tokio::task::yield_now().await } } => {}
    }
    while jobs(&world).await > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    world.nothing_is_stored().await;
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    // Nobody there speaks TLS, which is as good as a wrong certificate: nothing is sent in the clear.
    let server = Server::saying(file("", &video())).await;
    let secure = server.home.replace("http:", "https:");
    let world = World::with(UploadConfig { url_trusted: secure.clone(), ..on() }).await;
    refused(&world, &secure, 422, "link-failed").await;
    let heads = server.heads.lock().unwrap();
    assert!(heads.iter().all(|head| !head.contains("HTTP/1.1")), "{heads:?}");
}
