//! A refused body is read for a while, so that the client sees the answer instead of a reset connection.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};

/// How much of a refused body is read.
const DRAIN_BYTES: usize = 16 * 1024 * 1024;
/// How long a refused body is read.
const DRAIN_TIME: Duration = Duration::from_secs(3);

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
