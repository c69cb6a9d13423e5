//! A function is a value.

use std::{future::Future, sync::Arc};

use axum::Router;
use contracts::{Envelope, Event, Recorded};
use futures_util::future::BoxFuture;
use tracing::Instrument as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::{Failure, OrFail as _};

/// HTTP routes (with their description) and event subscriptions.
#[derive(Clone, Default)]
pub struct Function {
    routes: OpenApiRouter,
    subscriptions: Vec<Subscription>,
}

/// A handler with its types wrapped away: the event's data in, the events to pass on out.
type Handle = dyn Fn(serde_json::Value) -> BoxFuture<'static, Outcome> + Send + Sync;
type Outcome = Result<Vec<Envelope>, Failure>;

#[derive(Clone)]
struct Subscription {
    kind: &'static str,
    handle: Arc<Handle>,
}

/// What a handler may return: events that stand in the outbox already, to be passed on at once.
pub trait Reply: Send + 'static {
    /// The events, in order.
    fn into_envelopes(self) -> Vec<Envelope>;
}
impl Reply for () {
    fn into_envelopes(self) -> Vec<Envelope> {
        Vec::new()
    }
}
impl<E: Event> Reply for Recorded<E> {
    fn into_envelopes(self) -> Vec<Envelope> {
        vec![self.envelope]
    }
}
impl<R: Reply> Reply for Option<R> {
    fn into_envelopes(self) -> Vec<Envelope> {
        self.map(R::into_envelopes).unwrap_or_default()
    }
}

impl Function {
    /// A function without routes and subscriptions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds HTTP routes.
    #[must_use]
    pub fn routes(mut self, routes: OpenApiRouter) -> Self {
        self.routes = self.routes.merge(routes);
        self
    }

    /// Subscribes `handler` to the event that its second argument names.
    #[must_use]
    pub fn on<D, E, R, F, Fut>(mut self, deps: D, handler: F) -> Self
    where
        D: Clone + Send + Sync + 'static,
        E: Event,
        R: Reply,
        F: Fn(D, E) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<R, Failure>> + Send,
    {
        let handle = move |data: serde_json::Value| -> BoxFuture<'static, Outcome> {
            let (deps, handler) = (deps.clone(), handler.clone());
            Box::pin(async move {
                let event = serde_json::from_value(data).or_reject()?;
                Ok(handler(deps, event).await?.into_envelopes())
            })
        };
        self.subscriptions.push(Subscription { kind: E::TYPE, handle: Arc::new(handle) });
        self
    }

    /// Joins two functions into one.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.routes = self.routes.merge(other.routes);
        self.subscriptions.extend(other.subscriptions);
        self
    }

    /// The event types that somebody here hears, in the order of subscription.
    pub fn event_types(&self) -> impl Iterator<Item = &'static str> {
        self.subscriptions.iter().map(|subscription| subscription.kind)
    }

    /// Hands an event to its handler, in a span of its own. Returns the events to pass on.
    ///
    /// # Errors
    /// What the handler says; [`Failure::Reject`] for an event that nobody here hears or can read.
    pub async fn deliver(&self, envelope: Envelope) -> Result<Vec<Envelope>, Failure> {
        let Some(subscription) = self.subscriptions.iter().find(|known| known.kind == envelope.kind) else {
            return Err(Failure::Reject(format!("nobody here hears {}", envelope.kind)));
        };
        let span = tracing::info_span!("deliver", event = %envelope.id, kind = %envelope.kind, subject = %envelope.subject);
        (subscription.handle)(envelope.data).instrument(span).await
    }

    /// The HTTP routes and their description.
    pub fn into_parts(self) -> (Router, OpenApi) {
        self.routes.split_for_parts()
    }
}

#[cfg(test)]
mod tests {
    use contracts::{AudioReady, JobId, VideoUploaded};

    use super::*;

    async fn convert(_: (), event: VideoUploaded) -> Result<Option<Recorded<AudioReady>>, Failure> {
        let event = AudioReady { job_id: event.job_id, audio_id: contracts::AudioId::generate() };
        let envelope = Envelope::of(&event).unwrap();
        Ok(Some(Recorded { event, envelope }))
    }
    async fn notify(_: (), _: AudioReady) -> Result<(), Failure> {
        Err(Failure::Retry("no mail server".into()))
    }

    #[tokio::test]
    async fn merged_functions_deliver_each_event_to_its_handler() {
        let function = Function::new().on((), convert).merge(Function::new().on((), notify));
        let uploaded = Envelope::of(&VideoUploaded { job_id: JobId::generate() }).unwrap();
        let replies = function.deliver(uploaded.clone()).await.unwrap();
        assert_eq!(replies.len(), 1);
        assert_eq!(replies[0].kind, AudioReady::TYPE);
        assert_eq!(replies[0].subject, uploaded.subject);
        assert!(matches!(function.deliver(replies[0].clone()).await, Err(Failure::Retry(_))));
    }

    #[tokio::test]
    async fn an_event_that_nobody_hears_or_can_read_is_rejected() {
        let function = Function::new().on((), notify);
        let foreign = Envelope::of(&VideoUploaded { job_id: JobId::generate() }).unwrap();
        assert!(matches!(function.deliver(foreign).await, Err(Failure::Reject(_))));
        let event = AudioReady { job_id: JobId::generate(), audio_id: contracts::AudioId::generate() };
        let mut broken = Envelope::of(&event).unwrap();
        broken.data = serde_json::json!({"job_id": "../etc/passwd"});
        assert!(matches!(function.deliver(broken).await, Err(Failure::Reject(_))));
    }
}
