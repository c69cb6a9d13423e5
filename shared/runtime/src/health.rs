//! Liveness and readiness. Both are process-local and cheap: queue-proxy asks every 50 ms until the first yes.

use axum::{Router, http::StatusCode, routing::get};
use tokio_util::sync::CancellationToken;

/// `/health/liveness` is 200 while the process runs; `/health/readiness` is 503 once it drains, and so is `/health`, which people
/// and their monitors try first.
pub(crate) fn routes(draining: CancellationToken) -> Router {
    let readiness = move || {
        let draining = draining.is_cancelled();
        async move { if draining { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK } }
    };
    Router::new()
        .route("/health/liveness", get(StatusCode::OK))
        .route("/health/readiness", get(readiness.clone()))
        .route("/health", get(readiness))
}
