//! A function as a process of its own.

use std::sync::Arc;

use axum::Router;
use contracts::Envelope;
use futures_util::{FutureExt as _, future::BoxFuture};
use runtime::{Call, CancellationToken, Failure, Function, Service, event_routes};

use crate::{
    Broker, BrokerConfig,
    amqp::{consumer::Consumer, settle::Settler, topology::Queue},
    publish::Transport,
};

/// Serves the routes of `function` and brings it its events until the shutdown of `service`; ends when all that was in
/// hand is done, or when a part of it has died. On Knative events come by `POST /`, else from a queue per subscription,
/// `tapedeck.<name>.<event>`.
///
/// What handlers say is published at once.
///
/// # Errors
/// If the listener fails, or a part ended before the process: so that whoever started it starts it anew.
pub fn serve<'a>(
    name: &'a str,
    function: Function,
    broker: &'a Broker,
    service: Service,
) -> BoxFuture<'a, Result<(), Box<dyn std::error::Error>>> {
    // In a box, as `Broker::publish`.
    serve_here(name, function, broker, service).boxed()
}

async fn serve_here(
    name: &str,
    function: Function,
    broker: &Broker,
    mut service: Service,
) -> Result<(), Box<dyn std::error::Error>> {
    let ahead = broker.clone();
    tokio::spawn(async move { ahead.connect_ahead().await });
    let (function, mut routes) = (function.subscriptions(), function.into_parts().0);
    match &broker.transport {
        // `Local` delivers.
        Transport::Local(_) => {}
        Transport::Remote(_, config) if config.is_knative() => {
            // Who subscribes to nothing has no door for events.
            if !function.event_types().is_empty() {
                routes = routes.merge(publishing_routes(function, broker.clone(), service.shutdown.clone()));
            }
        }
        Transport::Remote(_, config) => {
            for consumer in subscriptions(name, function, broker, config) {
                service.tasks.spawn("a consumer", consumer.run(service.shutdown.clone()));
            }
        }
    }
    service.serve(routes).await
}

/// `POST /`: what the handler says goes to the sink rather than into the answer, so that its rows can go.
fn publishing_routes(function: Function, broker: Broker, shutdown: CancellationToken) -> Router {
    event_routes(move |envelope| {
        handle_and_publish(function.clone(), broker.clone(), envelope, shutdown.clone())
    })
}

async fn handle_and_publish(
    function: Function,
    broker: Broker,
    envelope: Envelope,
    shutdown: CancellationToken,
) -> Result<Vec<Envelope>, Failure> {
    for reply in function.deliver(envelope, Call::until(shutdown)).await? {
        broker.publish(&reply).await;
    }
    Ok(Vec::new())
}

fn subscriptions(
    name: &str,
    function: Function,
    broker: &Broker,
    config: &Arc<BrokerConfig>,
) -> Vec<Consumer> {
    let settler = Settler { function: function.clone(), broker: broker.clone() };
    let consumer = |event| Consumer {
        queue: Queue::of_subscription(name, event),
        prefetch: config.broker_prefetch,
        settler: settler.clone(),
        config: config.clone(),
    };
    function.event_types().into_keys().map(consumer).collect()
}
