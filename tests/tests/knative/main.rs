//! What only a cluster does: events that nobody hears yet, a broker that repeats, delays and buries, functions that sleep,
//! workers that come and go. `TEST_WORLD=knative` runs the journeys there.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says how it went"
)]

mod broker;
mod push;
mod scaling;

use std::time::{Duration, Instant};

/// Waits for something that comes in a while, on a busy machine too.
async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(120);
    while !condition().await {
        assert!(Instant::now() < end, "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
