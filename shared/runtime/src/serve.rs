//! The HTTP server around a router: the edge, health, and an orderly end.

use std::{io, net::SocketAddr, time::Duration};

use axum::{Router, extract::DefaultBodyLimit, middleware};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use serde::{Deserialize, Serialize};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{Checked, Config, edge, health, within};

/// How to serve.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ServeConfig {
    /// Seconds that requests in hand get after SIGTERM.
    pub drain_seconds: u64,
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self { drain_seconds: 30 }
    }
}

impl Config for ServeConfig {
    const PREFIX: &'static str = "SERVE_";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] =
        &[("drain_seconds", "seconds that requests in hand get to finish after SIGTERM")];

    fn check(&self) -> Checked {
        within("drain_seconds", &self.drain_seconds, 0..=24 * 3600)
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
/// If the listener fails.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    config: &ServeConfig,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let graceful = shutdown.clone();
    // Who is at the other end: the gateway tells it to the functions.
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    let server =
        axum::serve(listener, router).with_graceful_shutdown(async move { graceful.cancelled().await });
    let deadline = async {
        shutdown.cancelled().await;
        tokio::time::sleep(Duration::from_secs(config.drain_seconds)).await;
    };
    tokio::select! {
        result = server.into_future() => result,
        () = deadline => {
            tracing::warn!("requests in hand were cut off after the drain time");
            Ok(())
        }
    }
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

/// How much of a refused body is read, so that the client sees the answer instead of a reset connection.
const DRAIN_BYTES: usize = 16 * 1024 * 1024;
/// How long a refused body is read.
pub const DRAIN_TIME: Duration = Duration::from_secs(3);

/// Reads and drops what a client still sends, up to a limit, before an early refusal.
pub async fn drain<E>(mut body: impl Stream<Item = Result<Bytes, E>> + Unpin) {
    let drained = async {
        let mut total = 0;
        while let Some(Ok(bytes)) = body.next().await {
            total += bytes.len();
            if total > DRAIN_BYTES {
                break;
            }
        }
    };
    // Late or not, the answer follows.
    let _ = tokio::time::timeout(DRAIN_TIME, drained).await;
}
