//! A function as a process of its own.

use std::io;

use axum::Router;
use contracts::Envelope;
use runtime::{CancellationToken, Failure, Function, ServeConfig, event_routes, http_router};
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    Broker, BrokerConfig,
    amqp::{consumer::Consumer, settle::Settler, topology::Queue},
    publish::Transport,
};

/// Serves the routes of `function` and brings it its events until `shutdown`; ends when all that was in hand is
/// done. On Knative events come by `POST /`, else from a queue per subscription, `tapedeck.<name>.<event>`.
///
/// What handlers say is published at once.
///
/// # Errors
/// If the listener fails.
pub async fn serve(
    name: &str,
    function: Function,
    broker: &Broker,
    listener: TcpListener,
    config: &ServeConfig,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let mut routes = function.clone().into_parts().0;
    let mut consumers = JoinSet::new();
    match &broker.transport {
        // `Local` delivers.
        Transport::Local(_) => {}
        Transport::Remote(_, config) if config.is_knative() => {
            routes = routes.merge(publishing_routes(function, broker.clone()));
        }
        Transport::Remote(_, config) => {
            for consumer in subscriptions(name, function, broker, config) {
                consumers.spawn(consumer.run(shutdown.clone()));
            }
        }
    }
    runtime::serve(listener, http_router(routes, shutdown.clone()), config, shutdown).await?;
    consumers.join_all().await;
    Ok(())
}

/// `POST /`: what the handler says goes to the sink rather than into the answer, so that its rows can go.
fn publishing_routes(function: Function, broker: Broker) -> Router {
    event_routes(move |envelope| handle_and_publish(function.clone(), broker.clone(), envelope))
}

async fn handle_and_publish(
    function: Function,
    broker: Broker,
    envelope: Envelope,
) -> Result<Vec<Envelope>, Failure> {
    for reply in function.deliver(envelope).await? {
        broker.publish(&reply).await;
    }
    Ok(Vec::new())
}

fn subscriptions(name: &str, function: Function, broker: &Broker, config: &BrokerConfig) -> Vec<Consumer> {
    let settler = Settler { function: function.clone(), broker: broker.clone(), config: config.clone() };
    let consumer = |event| Consumer {
        queue: Queue::of_subscription(name, event),
        prefetch: config.broker_prefetch,
        settler: settler.clone(),
    };
    function.event_types().map(consumer).collect()
}
