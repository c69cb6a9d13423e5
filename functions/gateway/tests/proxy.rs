//! The proxy in front of real listeners: what passes, what does not, and what is answered when nothing does.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    future::{Future, pending},
    net::SocketAddr,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::any,
};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use gateway::GatewayConfig;
use runtime::CancellationToken;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

type Frame = Result<Bytes, std::io::Error>;

async fn listen(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

/// A function that answers every request by `answer`.
async fn upstream<F, Fut>(answer: F) -> SocketAddr
where
    F: Fn(Request) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Response> + Send,
{
    listen(Router::new().fallback(any(move |request: Request| answer(request)))).await
}

async fn gateway(config: GatewayConfig) -> String {
    let routes = gateway::proxy(&config).unwrap().into_parts().0;
    format!("http://{}", listen(runtime::http_router(routes, CancellationToken::new())).await)
}

async fn gateway_to(address: SocketAddr) -> String {
    let url = format!("http://{address}");
    let [auth_url, upload_url, jobs_url, download_url] = [url.clone(), url.clone(), url.clone(), url];
    gateway(GatewayConfig {
        auth_url,
        upload_url,
        jobs_url,
        download_url,
        answer_seconds: 1,
        ..Default::default()
    })
    .await
}

/// A body that the test sends piece by piece.
fn body() -> (mpsc::Sender<Frame>, impl futures_util::Stream<Item = Frame> + Send + 'static) {
    let (sender, receiver) = mpsc::channel::<Frame>(1);
    (sender, stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver))))
}

/// What a function got, as lines.
async fn echo(request: Request) -> Response {
    let mut lines = vec![format!("{} {}", request.method(), request.uri())];
    lines
        .extend(request.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())));
    let answer = HeaderMap::from_iter([
        ("connection".parse().unwrap(), "x-hop".parse().unwrap()),
        ("x-hop".parse().unwrap(), "1".parse().unwrap()),
        ("keep-alive".parse().unwrap(), "timeout=5".parse().unwrap()),
        ("etag".parse().unwrap(), "\"1\"".parse().unwrap()),
    ]);
    (answer, lines.join("\n")).into_response()
}

#[tokio::test]
async fn each_path_goes_to_its_function_with_its_query() {
    let named = async |name: &'static str| {
        let address =
            upstream(move |request| async move { format!("{name} {}", request.uri()).into_response() }).await;
        format!("http://{address}")
    };
    let config = GatewayConfig {
        auth_url: named("auth").await,
        upload_url: named("upload").await,
        jobs_url: named("jobs").await,
        download_url: named("download").await,
        ..Default::default()
    };
    let home = gateway(config).await;
    for (path, function) in [
        ("/login", "auth"),
        ("/.well-known/jwks.json", "auth"),
        ("/me/webhook-secret", "auth"),
        ("/upload?filename=a%20b.mp4", "upload"),
        ("/jobs?limit=1", "jobs"),
        ("/jobs/1/events", "jobs"),
        ("/jobs/1/audio", "download"),
        ("/deliveries/1/repeat", "jobs"),
        ("/admin/users?limit=1", "auth"),
        ("/admin/deliveries?outcome=dead", "jobs"),
        ("/admin/jobs/retry", "jobs"),
        ("/download?fid=1", "download"),
    ] {
        let answer = reqwest::get(format!("{home}{path}")).await.unwrap().text().await.unwrap();
        assert_eq!(answer, format!("{function} {path}"));
    }
    assert_eq!(reqwest::get(format!("{home}/nothing")).await.unwrap().status(), StatusCode::NOT_FOUND);
    assert!(reqwest::get(format!("{home}/")).await.unwrap().text().await.unwrap().contains("<html"));
    let described: serde_json::Value =
        reqwest::get(format!("{home}/openapi.json")).await.unwrap().json().await.unwrap();
    assert!(described["paths"]["/upload"].is_object() && described["paths"]["/login"].is_object());
}

#[tokio::test]
async fn headers_of_one_connection_stop_here_and_the_others_pass() {
    let address = upstream(echo).await;
    let home = gateway_to(address).await;
    let request = reqwest::Client::new().get(format!("{home}/jobs"));
    let request = request
        .header("connection", "x-mine, keep-alive")
        .header("x-mine", "1")
        .header("te", "trailers")
        .header("x-forwarded-for", "1.2.3.4")
        .header("authorization", "Bearer x")
        .header("x-request-id", "abc")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let answer = request.send().await.unwrap();
    for (name, there) in [("x-hop", false), ("keep-alive", false), ("etag", true)] {
        assert_eq!(answer.headers().contains_key(name), there, "{name}");
    }
    assert_eq!(answer.headers()["x-request-id"], "abc");
    let got = answer.text().await.unwrap();
    let host = home.strip_prefix("http://").unwrap();
    for line in [
        "x-request-id: abc",
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "authorization: Bearer x",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-proto: http",
        &format!("x-forwarded-host: {host}"),
        &format!("forwarded: for=127.0.0.1;host=\"{host}\";proto=http"),
        &format!("host: {address}"),
    ] {
        assert!(got.lines().any(|had| had == line), "{line} is not in\n{got}");
    }
    for gone in ["x-mine", "te:", "transfer-encoding", "content-length", "1.2.3.4"] {
        assert!(!got.contains(gone), "{gone} is in\n{got}");
    }
}

#[tokio::test]
async fn a_body_streams_up_and_down_before_either_has_ended() {
    // Each piece comes back at once: that can only be if nothing waits for the whole.
    let mirror = async |request: Request| Body::new(request.into_body()).into_response();
    let home = gateway_to(upstream(mirror).await).await;
    let (sender, body) = body();
    let sending =
        reqwest::Client::new().post(format!("{home}/upload")).body(reqwest::Body::wrap_stream(body));
    let (answer, _) = tokio::join!(sending.send(), sender.send(Ok(Bytes::from_static(b"first"))));
    let mut answer = answer.unwrap();
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "first");
    sender.send(Ok(Bytes::from_static(b"second"))).await.unwrap();
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "second");
    drop(sender);
    assert!(answer.chunk().await.unwrap().is_none());
}

#[tokio::test]
async fn a_length_stays_a_length() {
    let home = gateway_to(upstream(echo).await).await;
    let answer = reqwest::Client::new().post(format!("{home}/upload")).body("12345").send().await.unwrap();
    assert!(answer.content_length().is_some());
    let got = answer.text().await.unwrap();
    assert!(got.contains("content-length: 5") && !got.contains("transfer-encoding"), "{got}");
}

#[tokio::test]
async fn server_sent_events_arrive_one_by_one() {
    let (sender, events) = body();
    let events = std::sync::Arc::new(std::sync::Mutex::new(Some(events)));
    let answer = move |_| {
        let body = Body::from_stream(events.lock().unwrap().take().unwrap());
        async move { ([("content-type", "text/event-stream")], body).into_response() }
    };
    let home = gateway_to(upstream(answer).await).await;
    let mut answer = reqwest::get(format!("{home}/jobs/1/events")).await.unwrap();
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        sender.send(Ok(Bytes::from_static(event.as_bytes()))).await.unwrap();
        assert_eq!(answer.chunk().await.unwrap().unwrap(), event);
    }
    // The client goes: so does the call, and the function notices.
    drop(answer);
    while sender.send(Ok(Bytes::from_static(b"data: 3\n\n"))).await.is_ok() {}
}

#[tokio::test]
async fn an_answer_that_comes_before_the_body_has_ended_passes() {
    let refuse = async |request: Request| {
        drop(request);
        StatusCode::PAYLOAD_TOO_LARGE.into_response()
    };
    let home = gateway_to(upstream(refuse).await).await;
    let (sender, body) = body();
    sender.send(Ok(Bytes::from_static(b"first"))).await.unwrap();
    let sending =
        reqwest::Client::new().post(format!("{home}/upload")).body(reqwest::Body::wrap_stream(body));
    assert_eq!(sending.send().await.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
    drop(sender);
}

#[tokio::test]
async fn a_client_that_goes_in_mid_upload_ends_the_upload_at_the_function() {
    let (sender, mut ended) = mpsc::channel(1);
    let take = move |request: Request| {
        let sender = sender.clone();
        async move {
            let mut body = request.into_body().into_data_stream();
            while let Some(piece) = body.next().await {
                sender.send(piece.is_ok()).await.unwrap();
            }
            StatusCode::ACCEPTED.into_response()
        }
    };
    let home = gateway_to(upstream(take).await).await;
    let mut client = TcpStream::connect(home.strip_prefix("http://").unwrap()).await.unwrap();
    client.write_all(b"POST /upload HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nbegin").await.unwrap();
    assert_eq!(ended.recv().await, Some(true));
    drop(client);
    assert_eq!(ended.recv().await, Some(false));
}

#[tokio::test]
async fn a_function_that_is_away_is_502_and_one_that_is_not_configured_503_both_problems() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let home = gateway(GatewayConfig { jobs_url: format!("http://{free}"), ..Default::default() }).await;
    for (path, status) in [("/jobs", StatusCode::BAD_GATEWAY), ("/login", StatusCode::SERVICE_UNAVAILABLE)] {
        let answer = reqwest::get(format!("{home}{path}")).await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let problem: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(problem["instance"], path);
        assert!(!problem.to_string().contains(&free.to_string()), "the address of a function got out");
    }
}

#[tokio::test]
async fn what_a_function_says_of_itself_passes_as_it_is() {
    let answer = async |_| (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "7")], "away").into_response();
    let home = gateway_to(upstream(answer).await).await;
    let answer = reqwest::get(format!("{home}/jobs")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "7");
    assert_eq!(answer.text().await.unwrap(), "away");
}

#[tokio::test]
async fn a_silent_function_is_504_but_a_long_upload_is_not_silence() {
    let home = gateway_to(upstream(async |_| pending().await).await).await;
    assert_eq!(reqwest::get(format!("{home}/jobs")).await.unwrap().status(), StatusCode::GATEWAY_TIMEOUT);
    let take = async |request: Request| {
        let mut body = request.into_body().into_data_stream();
        while body.next().await.is_some() {}
        StatusCode::ACCEPTED.into_response()
    };
    let home = gateway_to(upstream(take).await).await;
    // Longer in all than the function may be silent.
    let slow = stream::unfold(0, async |n| {
        tokio::time::sleep(Duration::from_millis(100)).await;
        (n < 25).then_some((Frame::Ok(Bytes::from_static(b"piece")), n + 1))
    });
    let sending =
        reqwest::Client::new().post(format!("{home}/upload")).body(reqwest::Body::wrap_stream(slow));
    assert_eq!(sending.send().await.unwrap().status(), StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // A function that takes one connection only.
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        drop(listener);
        let mut bytes = [0; 4096];
        while socket.read(&mut bytes).await.unwrap() > 0 {
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        }
    });
    let home = gateway_to(address).await;
    for _ in 0..3 {
        assert_eq!(reqwest::get(format!("{home}/jobs")).await.unwrap().text().await.unwrap(), "ok");
    }
}
