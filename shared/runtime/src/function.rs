//! A function is a value.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Instant};

use axum::Router;
use contracts::{Ended, Envelope, Event, Recorded, Timestamp, Trace};
use futures_util::future::BoxFuture;
use tracing::Instrument as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::{Call, Context, Failure, OrFail as _, SpanKind, Traced, metrics};

/// HTTP routes (with their description) and event subscriptions.
#[derive(Clone, Default)]
pub struct Function {
    routes: OpenApiRouter,
    subscriptions: Vec<Subscription>,
}

/// A handler with its types wrapped away: the event's data in, the events to pass on out.
type Handle = dyn Fn(serde_json::Value, Call) -> BoxFuture<'static, Outcome> + Send + Sync;
type Outcome = Result<Vec<Envelope>, Failure>;

#[derive(Clone)]
struct Subscription {
    kind: &'static str,
    at_once: usize,
    handle: Arc<Handle>,
}

/// Deliveries of one kind that a process has in hand at once, where the function says nothing else.
const AT_ONCE: usize = 8;

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
impl<E: Event> Reply for Ended<E> {
    fn into_envelopes(self) -> Vec<Envelope> {
        let deliveries = self.deliveries.into_iter().map(|due| due.envelope);
        std::iter::once(self.fact.envelope).chain(deliveries).collect()
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
        F: Fn(Context<D>, E) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<R, Failure>> + Send,
    {
        let handle = move |data: serde_json::Value, call: Call| -> BoxFuture<'static, Outcome> {
            let (deps, handler) = (deps.clone(), handler.clone());
            Box::pin(async move {
                let event = serde_json::from_value(data).or_reject()?;
                Ok(handler(Context::new(deps, call), event).await?.into_envelopes())
            })
        };
        self.subscriptions.push(Subscription { kind: E::TYPE, at_once: AT_ONCE, handle: Arc::new(handle) });
        self
    }

    /// How many deliveries of the latest subscription a process has in hand at once.
    #[must_use]
    pub fn at_once(mut self, count: usize) -> Self {
        if let Some(latest) = self.subscriptions.last_mut() {
            latest.at_once = count.max(1);
        }
        self
    }

    /// Joins two functions into one.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.routes = self.routes.merge(other.routes);
        self.subscriptions.extend(other.subscriptions);
        self
    }

    /// Its subscriptions alone. The description of the routes is large (a MiB for all functions), and whoever only brings
    /// events would keep it for as long.
    #[must_use]
    pub fn subscriptions(&self) -> Self {
        Self { routes: OpenApiRouter::default(), subscriptions: self.subscriptions.clone() }
    }

    /// The event types that have subscribers here, each once, with how many deliveries may be in hand at once.
    pub fn event_types(&self) -> BTreeMap<&'static str, usize> {
        let mut types = BTreeMap::new();
        for subscription in &self.subscriptions {
            let at_once = types.entry(subscription.kind).or_insert(subscription.at_once);
            *at_once = subscription.at_once.max(*at_once);
        }
        types
    }

    /// Hands an event to its subscribers, each in a span of its own. Returns the events to pass on.
    ///
    /// # Errors
    /// What a handler says, after all have run; [`Failure::Reject`] for an event that has no subscriber here or can't be
    /// read.
    pub async fn deliver(&self, envelope: Envelope, call: Call) -> Result<Vec<Envelope>, Failure> {
        let subscribers = self.subscriptions.iter().filter(|known| known.kind == envelope.kind);
        let cause = Trace::of(&envelope.extensions);
        // In the outbox, in a queue, on the way.
        Traced::passed("wait", &envelope.kind, &cause, (envelope.time, Timestamp::now()));
        let outcomes: Vec<Outcome> = futures_util::future::join_all(subscribers.map(|subscription| {
            let traced = Traced::begin(SpanKind::Consumer, "CloudEvents Process", &envelope.kind, &cause).about(&envelope);
            let trace = traced.trace().id();
            let span = tracing::info_span!("deliver", event = %envelope.id, kind = %envelope.kind, subject = %envelope.subject, trace);
            handled(subscription, envelope.data.clone(), call.clone(), traced).instrument(span)
        }))
        .await;
        if outcomes.is_empty() {
            return Err(Failure::Reject(format!("there is no subscriber of {}", envelope.kind)));
        }
        outcomes.into_iter().collect::<Result<Vec<_>, _>>().map(|replies| replies.concat())
    }

    /// The HTTP routes and their description.
    pub fn into_parts(self) -> (Router, OpenApi) {
        self.routes.split_for_parts()
    }
}

async fn handled(
    subscription: &Subscription,
    data: serde_json::Value,
    call: Call,
    mut traced: Traced,
) -> Outcome {
    let begun = Instant::now();
    let call = Call { trace: traced.trace().clone(), ..call };
    let outcome = (subscription.handle)(data, call).await;
    let word = match &outcome {
        Ok(_) => "ok",
        Err(Failure::Retry(_)) => "retry",
        Err(Failure::Reject(_)) => "reject",
    };
    metrics::handled(subscription.kind, word, begun.elapsed());
    if let Err(Failure::Retry(cause) | Failure::Reject(cause)) = &outcome {
        traced.failed(cause);
    }
    outcome
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use contracts::{AudioReady, JobId, Timestamp, VideoUploaded};

    use super::*;

    fn envelope<E: Event>(event: &E) -> Envelope {
        Envelope::of(event, Timestamp::now()).unwrap()
    }
    fn uploaded() -> Envelope {
        envelope(&VideoUploaded { job_id: JobId::generate() })
    }

    async fn convert(_: Context<()>, event: VideoUploaded) -> Result<Option<Recorded<AudioReady>>, Failure> {
        let event = AudioReady { job_id: event.job_id, audio_id: contracts::AudioId::generate() };
        let envelope = envelope(&event);
        Ok(Some(Recorded { event, envelope }))
    }
    async fn notify(_: Context<()>, _: AudioReady) -> Result<(), Failure> {
        Err(Failure::Retry("no mail server".into()))
    }
    async fn count(cx: Context<Arc<AtomicUsize>>, _: AudioReady) -> Result<(), Failure> {
        cx.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    #[tokio::test]
    async fn merged_functions_deliver_each_event_to_its_handler() {
        let function = Function::new().on((), convert).merge(Function::new().on((), notify));
        let uploaded = uploaded();
        let replies = function.deliver(uploaded.clone(), Call::default()).await.unwrap();
        assert_eq!(replies.len(), 1);
        assert_eq!(replies[0].kind, AudioReady::TYPE);
        assert_eq!(replies[0].subject, uploaded.subject);
        let outcome = function.deliver(replies[0].clone(), Call::default()).await;
        assert!(matches!(outcome, Err(Failure::Retry(_))));
    }

    #[tokio::test]
    async fn subscriptions_alone_hear_their_events_and_describe_nothing() {
        let routes = OpenApiRouter::new().route("/", axum::routing::get(|| async {}));
        let subscriptions = Function::new().routes(routes).on((), convert).subscriptions();
        assert_eq!(subscriptions.deliver(uploaded(), Call::default()).await.unwrap().len(), 1);
        let (router, description) = subscriptions.into_parts();
        assert!(!router.has_routes() && description.paths.paths.is_empty());
    }

    #[tokio::test]
    async fn every_subscriber_of_an_event_hears_it_once() {
        let heard = [Arc::<AtomicUsize>::default(), Arc::default()];
        let function = Function::new()
            .on(heard[0].clone(), count)
            .merge(Function::new().on((), notify).on(heard[1].clone(), count).at_once(20));
        assert_eq!(function.event_types().into_iter().collect::<Vec<_>>(), [(AudioReady::TYPE, 20)]);
        let event = AudioReady { job_id: JobId::generate(), audio_id: contracts::AudioId::generate() };
        let outcome = function.deliver(envelope(&event), Call::default()).await;
        assert!(matches!(outcome, Err(Failure::Retry(_))), "the failure of one is told");
        assert_eq!(heard.map(|heard| heard.load(Ordering::SeqCst)), [1, 1]);
    }

    #[tokio::test]
    async fn an_event_that_has_no_subscriber_or_can_not_be_read_is_rejected() {
        let function = Function::new().on((), notify);
        assert!(matches!(function.deliver(uploaded(), Call::default()).await, Err(Failure::Reject(_))));
        let event = AudioReady { job_id: JobId::generate(), audio_id: contracts::AudioId::generate() };
        let mut broken = envelope(&event);
        broken.data = serde_json::json!({"job_id": "../etc/passwd"});
        assert!(matches!(function.deliver(broken, Call::default()).await, Err(Failure::Reject(_))));
    }
}
