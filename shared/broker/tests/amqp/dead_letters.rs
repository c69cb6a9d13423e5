//! Events that nobody can handle.

use contracts::VideoUploaded;
use lapin::{
    BasicProperties,
    options::{BasicGetOptions, BasicPublishOptions},
    types::AMQPValue,
};
use runtime::{CancellationToken, Failure, Function};

use crate::world::{Heard, WORK, World, envelope};

const DEAD: &str = "tapedeck.dead";

/// Runs a worker until `count` events were tried and `dead` of them are dead letters.
async fn work(world: &World, function: Function, heard: &Heard, count: usize, dead: u32) {
    let shutdown = CancellationToken::new();
    let queue = world.work_queue();
    tokio::join!(queue.work(function, world.broker(), shutdown.clone()), async {
        heard.count(count).await;
        world.holds(DEAD, dead).await;
        shutdown.cancel();
    });
    assert_eq!(world.look(WORK).await, Some((0, 0)));
}

fn fails(heard: &Heard, failure: fn() -> Failure) -> Function {
    Function::new().on(
        (heard.clone(), failure),
        |(heard, failure): (Heard, fn() -> Failure), event| async move {
            let event: VideoUploaded = event;
            heard.note(event.job_id);
            Err::<(), _>(failure())
        },
    )
}

#[tokio::test]
async fn a_rejected_event_is_a_dead_letter_at_once_and_keeps_its_attributes() {
    let world = World::new().await;
    let heard = Heard::default();
    let event = envelope();
    world.work_queue().publish(&event).await.unwrap();
    let function = fails(&heard, || Failure::Reject("no such job".into()));
    work(&world, function, &heard, 1, 1).await;
    let letter = world.take(DEAD).await;
    let headers = letter.properties.headers().clone().unwrap();
    assert_eq!(headers.inner()["id"], AMQPValue::LongString(event.id.as_str().into()));
    assert_eq!(headers.inner()["x-first-death-queue"], AMQPValue::LongString(WORK.into()));
    assert_eq!(headers.inner()["x-first-death-reason"], AMQPValue::LongString("rejected".into()));
}

#[tokio::test]
async fn an_event_that_is_always_to_be_retried_becomes_a_dead_letter() {
    let world = World::new().await;
    let heard = Heard::default();
    world.work_queue().publish(&envelope()).await.unwrap();
    let function = fails(&heard, || Failure::Retry("the store is away".into()));
    work(&world, function, &heard, 3, 1).await;
    assert_eq!(heard.all().len(), 3, "BROKER_MAX_DELIVERIES");
}

#[tokio::test]
async fn what_is_no_event_is_a_dead_letter_that_no_handler_sees() {
    let world = World::new().await;
    let heard = Heard::default();
    world.work_queue().publish(&envelope()).await.unwrap();
    world.take(WORK).await;
    let channel = world.raw().await.channel;
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    channel.basic_publish("".into(), WORK.into(), options, b"hello", properties).await.unwrap();
    work(&world, heard.function(), &heard, 0, 1).await;
}

#[tokio::test]
async fn an_event_that_kills_its_consumers_becomes_a_dead_letter() {
    let world = World::new().await;
    world.work_queue().publish(&envelope()).await.unwrap();
    // The broker's own count: nobody says no here, the connections just end.
    for _ in 0..=world.config.broker_max_deliveries {
        let raw = world.raw().await;
        let taken = raw.channel.basic_get(WORK.into(), BasicGetOptions::default()).await.unwrap();
        assert!(taken.is_some());
        drop(raw);
        let back = async || world.look(WORK).await.unwrap().0 + dead(&world).await == 1;
        crate::world::until(back).await;
    }
    world.holds(DEAD, 1).await;
}

async fn dead(world: &World) -> u32 {
    world.look(DEAD).await.unwrap().0
}
