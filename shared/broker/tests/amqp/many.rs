//! Many events at once, on a line that is slow, silent or broken.

use std::time::Duration;

use broker::Broker;
use contracts::{DeliveryDue, Envelope, Event as _, VideoUploaded};
use db::NewUser;
use futures_util::future::join_all;
use servers::Proxy;

use crate::world::{Heard, World, until};

/// A world whose `broker` goes through the proxy, and whose queue is there already.
async fn behind_a_proxy() -> (World, Proxy, Broker) {
    let world = World::new().await;
    world.serve(Heard::default().function()).await.stop().await;
    let proxy = Proxy::to(world.port());
    let config =
        broker::BrokerConfig { broker_url: proxy.url(&world.config.broker_url), ..world.config.clone() };
    let broker = Broker::open(&config, world.db.clone()).unwrap();
    (world, proxy, broker)
}

async fn publish(broker: &Broker, events: &[Envelope]) {
    join_all(events.iter().map(|event| broker.publish(event))).await;
}

async fn uploads(world: &World, count: usize) -> Vec<Envelope> {
    let mut events = Vec::new();
    for _ in 0..count {
        events.push(world.uploaded().await.envelope);
    }
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_event_goes_by_the_connection_that_was_opened_ahead() {
    let (world, proxy, broker) = behind_a_proxy().await;
    broker.connect_ahead().await;
    assert_eq!(proxy.accepted(), 1);
    publish(&broker, &uploads(&world, 1).await).await;
    assert_eq!((world.rows().await, proxy.accepted()), (0, 1));
    let away = broker::BrokerConfig { broker_url: "amqp://127.0.0.1:1/%2f".into(), ..world.config.clone() };
    // It is no error: the first event finds out.
    Broker::open(&away, world.db.clone()).unwrap().connect_ahead().await;
}

/// One at a time would take one round trip each, and each that is late would take the connection with it.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_at_once_are_on_their_way_together_on_one_connection() {
    let (world, proxy, broker) = behind_a_proxy().await;
    publish(&broker, &uploads(&world, 1).await).await;
    assert_eq!((world.rows().await, proxy.accepted()), (0, 1));
    let events = uploads(&world, 200).await;
    proxy.stall();
    tokio::join!(publish(&broker, &events), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        proxy.go_on();
    });
    // On a busy machine a few may be late, and the sweep's.
    until(|| async {
        world.sweep(&broker).await;
        world.rows().await == 0
    })
    .await;
    assert_eq!(proxy.accepted(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_broker_is_not_connected_to_anew_for_each_event_and_is_found_again() {
    let (world, proxy, broker) = behind_a_proxy().await;
    publish(&broker, &uploads(&world, 1).await).await;
    let events = uploads(&world, 20).await;
    proxy.stall();
    // Each round lasts 3 s, until the last one gives up.
    for _ in 0..6 {
        publish(&broker, &events).await;
    }
    assert_eq!(world.rows().await, 20);
    assert!(proxy.accepted() <= 7, "{} connections for 120 tries", proxy.accepted());
    proxy.go_on();
    until(|| async {
        world.sweep(&broker).await;
        world.rows().await == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_line_is_replaced() {
    let (world, proxy, broker) = behind_a_proxy().await;
    for round in 1..=3 {
        publish(&broker, &uploads(&world, 5).await).await;
        until(|| async {
            world.sweep(&broker).await;
            world.rows().await == 0
        })
        .await;
        assert!(proxy.accepted() >= round);
        proxy.cut();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn among_many_at_once_each_hears_whether_a_queue_takes_its_own() {
    let (world, _proxy, broker) = behind_a_proxy().await;
    let mut events = Vec::new();
    for number in 0..50 {
        let email = format!("{number}@example.org");
        let new = NewUser { email, password_hash: "x".into(), admin_if_first: false, verified: false };
        let mut registered = world.db.create_user(new).await.unwrap().1;
        world.db.outbox().sent(&registered.fact.envelope.id).await.unwrap();
        events.push(registered.deliveries.remove(0).envelope);
        events.push(world.uploaded().await.envelope);
    }
    publish(&broker, &events).await;
    until(|| async {
        world.sweep(&broker).await;
        world.attempts().await.is_empty()
    })
    .await;
    let left = world.db.outbox().due(DeliveryDue::TYPE, 100).await.unwrap();
    let uploads = world.db.outbox().due(VideoUploaded::TYPE, 100).await.unwrap();
    assert_eq!((left.len(), uploads.len()), (50, 0));
}
