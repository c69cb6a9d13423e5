//! The HTTP server around a router: the edge, health, limits against slow clients, and an orderly end.
//!
//! - A head that is not complete after [`ServeConfig::head_seconds`] ends its connection; so does a kept connection
//!   without a next request.
//! - A client that takes no byte of its answer for [`ServeConfig::write_idle_seconds`] is cut off (`write_timeout.rs`).
//! - Beyond [`ServeConfig::connections`] clients wait to be accepted, in the kernel's queue.
//! - Bodies are the handlers' own affair: `extract.rs` gives JSON a time, `upload` watches its stream.
//!
//! What hyper answers by itself (400 to a broken head, 431 to one over [`HEAD_BYTES`]) has neither a problem body nor
//! a request id: no request exists yet that could have them.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, DefaultBodyLimit, Request},
    middleware,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use serde::{Deserialize, Serialize};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{Checked, Client, Config, edge, health, within, write_timeout::WriteTimeout};

/// Most bytes of a request's head, and of a body that are read at once: what a connection may hold in memory.
const HEAD_BYTES: usize = 64 * 1024;
/// How long a silent connection is left alone before the kernel asks whether anybody is there.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// The pause after the process ran out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// How to serve.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ServeConfig {
    /// Seconds that requests in hand get after SIGTERM.
    pub drain_seconds: u64,
    /// Seconds for the head of a request, counted from the end of the one before.
    pub head_seconds: u64,
    /// Seconds that a client may take no byte of its answer.
    pub write_idle_seconds: u64,
    /// Most connections at once.
    pub connections: usize,
    /// Whether proxies stand before this process and say who the client is.
    pub trust_forwarded: bool,
}

impl Default for ServeConfig {
    fn default() -> Self {
        // A process has 1024 descriptors by default, and a request needs a second one: a file, a function behind the
        // gateway.
        Self {
            drain_seconds: 30,
            head_seconds: 30,
            write_idle_seconds: 60,
            connections: 480,
            trust_forwarded: false,
        }
    }
}

impl Config for ServeConfig {
    const PREFIX: &'static str = "SERVE_";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        ("drain_seconds", "seconds that open requests get to finish after SIGTERM"),
        ("head_seconds", "seconds for the head of a request; also how long an unused connection is kept"),
        ("write_idle_seconds", "seconds that a client may take no byte of its answer"),
        ("connections", "most connections at once; more wait until one ends"),
        (
            "trust_forwarded",
            "whether only proxies reach this process, so that `X-Forwarded-For` says who the client is: limits count by it",
        ),
    ];

    fn check(&self) -> Checked {
        within("drain_seconds", &self.drain_seconds, 0..=24 * 3600)?;
        within("head_seconds", &self.head_seconds, 1..=3600)?;
        within("write_idle_seconds", &self.write_idle_seconds, 1..=24 * 3600)?;
        within("connections", &self.connections, 1..=1_000_000)
    }
}

/// `routes` inside the edge: request ids, problems for what goes wrong, health, a small default body limit.
pub fn http_router(routes: Router, shutdown: CancellationToken) -> Router {
    routes
        .merge(health::routes(shutdown))
        .fallback(edge::no_route)
        .method_not_allowed_fallback(edge::no_method)
        .layer(DefaultBodyLimit::max(64 * 1024))
        .layer(CatchPanicLayer::custom(edge::panicked))
        .layer(middleware::from_fn(edge::edge))
}

/// Serves until `shutdown`, then lets the requests in hand finish for [`ServeConfig::drain_seconds`].
///
/// # Errors
/// None so far: a listener that fails is tried again.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    config: &ServeConfig,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let in_hand = GracefulShutdown::new();
    tokio::select! {
        () = accept(&listener, &router, config, &in_hand) => {}
        () = shutdown.cancelled() => {}
    }
    drop(listener);
    let drain = Duration::from_secs(config.drain_seconds);
    if tokio::time::timeout(drain, in_hand.shutdown()).await.is_err() {
        tracing::warn!("open requests were aborted after the drain time");
    }
    Ok(())
}

/// Takes connections as long as there are fewer than allowed; never ends.
async fn accept(listener: &TcpListener, router: &Router, config: &ServeConfig, in_hand: &GracefulShutdown) {
    let places = Arc::new(Semaphore::new(config.connections.clamp(1, Semaphore::MAX_PERMITS)));
    loop {
        // The semaphore is never closed.
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let served = connection(stream, peer, router.clone(), config, in_hand.watcher());
                tokio::spawn(async move {
                    served.await;
                    drop(place);
                });
            }
            Err(error) if is_about_one_client(&error) => {}
            Err(error) => {
                tracing::error!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_about_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset)
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    config: &ServeConfig,
    in_hand: Watcher,
) -> impl Future<Output = ()> + use<> {
    if let Err(error) = set_up(&stream) {
        tracing::debug!(%error, "a connection could not be set up");
    }
    let io = TokioIo::new(WriteTimeout::new(stream, Duration::from_secs(config.write_idle_seconds)));
    let trust_forwarded = config.trust_forwarded;
    let service = service_fn(move |request| answer(router.clone(), (peer, trust_forwarded), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(config.head_seconds))
        .max_buf_size(HEAD_BYTES)
        .serve_connection(io, service);
    async move {
        if let Err(error) = in_hand.watch(connection).await {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

fn set_up(stream: &TcpStream) -> io::Result<()> {
    // An answer goes out at once: we write whole blocks.
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEP_ALIVE))
}

/// Says who is at the other end: the gateway tells it to the functions.
async fn answer(
    router: Router,
    (peer, trust_forwarded): (SocketAddr, bool),
    request: hyper::Request<Incoming>,
) -> Result<axum::response::Response, Infallible> {
    let mut request: Request = request.map(Body::new);
    let client = Client::new(peer.ip(), request.headers(), trust_forwarded);
    request.extensions_mut().insert(client);
    request.extensions_mut().insert(ConnectInfo(peer));
    router.oneshot(request).await
}

/// Ends with the first SIGTERM or SIGINT.
///
/// # Errors
/// If the signal handlers can't be installed.
pub fn shutdown_signal() -> io::Result<CancellationToken> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = CancellationToken::new();
    let ended = token.clone();
    tokio::spawn(async move {
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        tracing::info!("shutting down");
        ended.cancel();
    });
    Ok(token)
}
