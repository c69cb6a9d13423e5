//! The HTTP server against clients that are slow, silent or many.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, routing::get};
use futures_util::stream;
use runtime::{CancellationToken, ServeConfig, http_router, serve};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

/// Far longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    ended: JoinHandle<std::io::Result<()>>,
}

async fn start(routes: Router, config: ServeConfig) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let router = http_router(routes, shutdown.clone());
    let ended = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { serve(listener, router, &config, shutdown).await }
    });
    Server { address, shutdown, ended }
}

impl Server {
    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn get(&self, path: &str) -> String {
        all(self.send(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await).await
    }
}

/// What comes until the other end closes.
async fn all(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    // A reset ends it too; what came before counts.
    let _ = tokio::time::timeout(LONG, stream.read_to_end(&mut text)).await.expect("it never ended");
    String::from_utf8(text).unwrap()
}

fn config() -> ServeConfig {
    ServeConfig { head_seconds: 1, ..ServeConfig::default() }
}

/// `/slow` answers when `go` says so; `begun` hears of each request.
fn slow(begun: Arc<Notify>, go: Arc<Notify>) -> Router {
    let wait = move || {
        let (begun, go) = (begun.clone(), go.clone());
        async move {
            begun.notify_one();
            go.notified().await;
            "done"
        }
    };
    Router::new().route("/slow", get(wait))
}

#[tokio::test]
async fn half_a_head_is_closed_in_time_and_so_is_a_connection_without_a_next_request() {
    let server = start(Router::new(), config()).await;
    let half = server.send("GET /health/liveness HTTP/1.1\r\nHost: x\r\n").await;
    let nothing = server.send("").await;
    let kept = server.send("GET /health/liveness HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(!all(half).await.starts_with("HTTP/1.1 200"));
    assert_eq!(all(nothing).await, "");
    assert!(all(kept).await.starts_with("HTTP/1.1 200"), "answered first");
}

#[tokio::test]
async fn monitors_find_health_at_its_long_and_its_short_address() {
    let server = start(Router::new(), config()).await;
    for path in ["/health", "/health/liveness", "/health/readiness"] {
        assert!(server.get(path).await.starts_with("HTTP/1.1 200"), "{path}");
    }
}

#[tokio::test]
async fn a_client_that_never_reads_is_cut_off() {
    let (dropped, seen) = tokio::sync::oneshot::channel::<()>();
    let dropped = Arc::new(std::sync::Mutex::new(Some(dropped)));
    let endless = get(move || {
        // Ends with the body that owns it.
        let held = dropped.lock().unwrap().take();
        let body =
            stream::unfold(held, |held| async { Some((Ok::<_, std::io::Error>(vec![0_u8; 65536]), held)) });
        async { Body::from_stream(body) }
    });
    let config = ServeConfig { write_idle_seconds: 1, ..ServeConfig::default() };
    let server = start(Router::new().route("/endless", endless), config).await;
    let silent = server.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(tokio::time::timeout(LONG, seen).await.expect("it is still served").is_err());
    drop(silent);
}

#[tokio::test]
async fn one_connection_too_many_waits_until_another_ends() {
    let config = ServeConfig { connections: 2, ..ServeConfig::default() };
    let server = start(Router::new(), config).await;
    let one = server.send("GET /health/liveness HTTP/1.1\r\nHost: x\r\n").await;
    let two = server.send("GET /health/liveness HTTP/1.1\r\nHost: x\r\n").await;
    let third = server.get("/health/liveness");
    tokio::pin!(third);
    let early = tokio::time::timeout(Duration::from_millis(300), &mut third).await;
    assert!(early.is_err(), "there were two places, and three were served: {early:?}");
    drop(one);
    assert!(third.await.starts_with("HTTP/1.1 200"));
    drop(two);
}

#[tokio::test]
async fn a_request_in_hand_is_finished_and_no_new_one_is_taken_after_shutdown() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let server = start(slow(begun.clone(), go.clone()), ServeConfig::default()).await;
    let in_hand = server.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    begun.notified().await;
    server.shutdown.cancel();
    let refused = async {
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LONG, refused).await.expect("it still listens");
    go.notify_one();
    let answer = all(in_hand).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
    tokio::time::timeout(LONG, server.ended).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn what_is_not_done_after_the_drain_time_is_cut_off() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let config = ServeConfig { drain_seconds: 1, ..ServeConfig::default() };
    let server = start(slow(begun.clone(), go), config).await;
    let _in_hand = server.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    begun.notified().await;
    server.shutdown.cancel();
    tokio::time::timeout(LONG, server.ended).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_handler_knows_who_is_at_the_other_end() {
    let peer = get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() });
    let server = start(Router::new().route("/peer", peer), ServeConfig::default()).await;
    assert!(server.get("/peer").await.ends_with("127.0.0.1"));
}

#[tokio::test]
async fn a_head_far_beyond_64_kib_is_refused() {
    let server = start(Router::new(), ServeConfig::default()).await;
    let head =
        format!("GET /health/liveness HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(256 * 1024));
    assert!(all(server.send(&head).await).await.starts_with("HTTP/1.1 431"));
}
