//! Event -> work queue. A Trigger wants its answer in seconds, so nothing is converted inside a delivery.

use std::sync::Arc;

use axum::Router;
use broker::WorkQueue;
use contracts::{Envelope, Event as _, VideoUploaded};
use runtime::{Failure, OrFail as _, event_routes};

/// `POST /`: 202 once the queue has the event on disk, 503 if it does not take it, 422 for any other event.
pub fn intake(queue: WorkQueue) -> Router {
    let queue = Arc::new(queue);
    event_routes(move |envelope| pass_on(queue.clone(), envelope))
}

/// As it is, so that the job is done under the id of its event.
async fn pass_on(queue: Arc<WorkQueue>, envelope: Envelope) -> Result<Vec<Envelope>, Failure> {
    if envelope.kind != VideoUploaded::TYPE {
        return Err(Failure::Reject(format!("the intake does not take {}", envelope.kind)));
    }
    serde_json::from_value::<VideoUploaded>(envelope.data.clone()).or_reject()?;
    queue.publish(&envelope).await.or_retry()?;
    Ok(Vec::new())
}
