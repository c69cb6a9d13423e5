//! Events that nobody can handle: what they hint at stands in rows, so they are dropped, with a line in the log.

use contracts::VideoUploaded;
use lapin::{
    BasicProperties,
    options::{BasicGetOptions, BasicPublishOptions},
};
use runtime::{CancellationToken, Context, Failure, Function};

use crate::world::{Heard, WORK, World, envelope};

/// Runs a worker until `count` events were heard.
async fn work(world: &World, function: Function, heard: &Heard, count: usize) {
    let shutdown = CancellationToken::new();
    let queue = world.work_queue();
    tokio::join!(queue.work(function, world.broker(), shutdown.clone()), async {
        heard.count(count).await;
        shutdown.cancel();
    });
    assert_eq!(world.look(WORK).await, Some((0, 0)));
}

#[tokio::test]
async fn an_event_that_is_rejected_or_makes_its_handler_panic_is_dropped_and_the_next_one_comes() {
    for panics in [false, true] {
        let world = World::new().await;
        let heard = Heard::default();
        world.work_queue().publish(&envelope()).await.unwrap();
        world.work_queue().publish(&envelope()).await.unwrap();
        let handler = move |heard: Context<Heard>, event: VideoUploaded| async move {
            heard.note(event.job_id);
            assert!(!panics, "a bug");
            Err::<(), _>(Failure::Reject("no such job".into()))
        };
        work(&world, Function::new().on(heard.clone(), handler), &heard, 2).await;
        assert_ne!(heard.all()[0], heard.all()[1], "each once");
    }
}

#[tokio::test]
async fn what_is_no_event_is_dropped_and_no_handler_sees_it() {
    let world = World::new().await;
    let heard = Heard::default();
    world.work_queue().publish(&envelope()).await.unwrap();
    world.take(WORK).await;
    let channel = world.raw().await.channel;
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    channel.basic_publish("".into(), WORK.into(), options, b"hello", properties).await.unwrap();
    world.work_queue().publish(&envelope()).await.unwrap();
    work(&world, heard.function(), &heard, 1).await;
}

#[tokio::test]
async fn an_event_whose_consumers_die_is_kept_until_one_lives() {
    let world = World::new().await;
    world.work_queue().publish(&envelope()).await.unwrap();
    for _ in 0..25 {
        let raw = world.raw().await;
        let taken = raw.channel.basic_get(WORK.into(), BasicGetOptions::default()).await.unwrap();
        assert!(taken.is_some());
        drop(raw);
        world.holds(WORK, 1).await;
    }
    let heard = Heard::default();
    work(&world, heard.function(), &heard, 1).await;
}

#[tokio::test]
async fn an_event_with_nul_bytes_is_dropped_and_the_next_one_comes() {
    let world = World::new().await;
    let heard = Heard::default();
    let good = envelope();
    let nul = || "a\0b".to_owned();
    for bad in [
        contracts::Envelope { data: serde_json::json!({"job_id": "\0"}), ..envelope() },
        contracts::Envelope { kind: nul(), ..envelope() },
        contracts::Envelope { data: serde_json::json!({"\0": "\0"}), subject: nul(), ..envelope() },
    ] {
        world.work_queue().publish(&bad).await.unwrap();
    }
    world.work_queue().publish(&good).await.unwrap();
    work(&world, heard.function(), &heard, 1).await;
    assert_eq!(heard.all()[0].to_string(), good.subject);
}
