//! The broker's ingress: 202 means that RabbitMQ has confirmed the event. What no Trigger matches is confirmed and gone.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};

use crate::{
    event::Event,
    log::Log,
    rabbit::{Published, Rabbit},
};

pub(crate) struct Ingress {
    pub(crate) rabbit: Arc<Rabbit>,
    pub(crate) exchange: String,
    pub(crate) log: Log,
    /// Types of events that no Trigger was bound for.
    pub(crate) dropped: Mutex<Vec<String>>,
}

impl Ingress {
    /// POST at exactly `/`; axum answers everything else 404 or 405, as the real one does.
    pub(crate) fn router(self: Arc<Self>) -> Router {
        Router::new().route("/", post(take)).with_state(self)
    }

    /// Of the ingress, and of a subscriber's answer.
    pub(crate) async fn publish(&self, event: &Event) -> Result<(), String> {
        if self.rabbit.publish(&self.exchange, "", event).await? == Published::Dropped {
            self.dropped.lock().unwrap().push(event.kind().to_owned());
            self.log.line(&format!("no Trigger is bound for {} {}: dropped", event.kind(), event.id()));
        }
        Ok(())
    }
}

async fn take(State(ingress): State<Arc<Ingress>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let Ok(Some(event)) = Event::read(&headers, body) else { return StatusCode::BAD_REQUEST };
    match ingress.publish(&event).await {
        Ok(()) => StatusCode::ACCEPTED,
        Err(error) => {
            ingress.log.line(&format!("the ingress could not publish: {error}"));
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}
