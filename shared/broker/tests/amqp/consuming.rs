//! The way in.

use std::{sync::Arc, time::Duration};

use contracts::VideoUploaded;
use lapin::{
    options::QueueDeclareOptions,
    types::{AMQPValue, FieldTable},
};
use runtime::{CancellationToken, Context, Failure, Function};
use tokio::sync::Semaphore;

use crate::world::{Heard, QUEUE, WORK, World, envelope};

/// A handler that waits until the test lets it go on.
#[derive(Clone)]
struct Gate {
    begun: Heard,
    open: Arc<Semaphore>,
    finished: Heard,
}

impl Gate {
    fn closed() -> Self {
        Self { begun: Heard::default(), open: Arc::new(Semaphore::new(0)), finished: Heard::default() }
    }

    fn function(&self) -> Function {
        Function::new().on(self.clone(), |gate: Context<Self>, event: VideoUploaded| async move {
            gate.begun.note(event.job_id);
            gate.open.acquire().await.unwrap().forget();
            gate.finished.note(event.job_id);
            Ok(())
        })
    }
}

/// Asks for the event again until it was there `times`.
fn asks_again(heard: &Heard, times: usize) -> Function {
    Function::new().on(heard.clone(), move |heard: Context<Heard>, event: VideoUploaded| async move {
        match heard.note(event.job_id) {
            count if count < times => Err(Failure::Retry("not yet".into())),
            _ => Ok(()),
        }
    })
}

#[tokio::test]
async fn a_handler_that_asks_for_it_gets_the_event_again_after_a_pause() {
    let world = World::new().await;
    let heard = Heard::default();
    let served = world.serve(asks_again(&heard, 3)).await;
    let recorded = world.uploaded().await;
    let begun = std::time::Instant::now();
    world.broker().publish(&recorded.envelope).await;
    heard.count(3).await;
    assert!(begun.elapsed() >= Duration::from_secs(10), "two pauses of 5 s");
    served.stop().await;
    assert_eq!(world.look(QUEUE).await, Some((0, 0)));
}

#[tokio::test]
async fn a_worker_has_one_message_in_hand_and_leaves_the_others_to_others() {
    let world = World::new().await;
    let queue = world.work_queue();
    for _ in 0..3 {
        queue.publish(&envelope()).await.unwrap();
    }
    let (gate, shutdown) = (Gate::closed(), CancellationToken::new());
    tokio::join!(queue.work(gate.function(), world.broker(), shutdown.clone()), async {
        gate.begun.count(1).await;
        world.holds(WORK, 2).await;
        gate.open.add_permits(3);
        gate.finished.count(3).await;
        shutdown.cancel();
    });
    assert_eq!(world.look(WORK).await, Some((0, 0)));
}

#[tokio::test]
async fn shutdown_lets_the_handler_in_hand_finish_and_takes_nothing_new() {
    let world = World::new().await;
    let queue = world.work_queue();
    queue.publish(&envelope()).await.unwrap();
    queue.publish(&envelope()).await.unwrap();
    let (gate, shutdown) = (Gate::closed(), CancellationToken::new());
    tokio::join!(queue.work(gate.function(), world.broker(), shutdown.clone()), async {
        gate.begun.count(1).await;
        shutdown.cancel();
        gate.open.add_permits(2);
    });
    assert_eq!(gate.finished.all().len(), 1);
    assert_eq!(world.look(WORK).await, Some((1, 0)), "one was acknowledged, one waits for another worker");
}

#[tokio::test]
async fn a_message_in_the_hands_of_a_consumer_that_dies_goes_to_another() {
    let world = World::new().await;
    let queue = world.work_queue();
    queue.publish(&envelope()).await.unwrap();
    let (dead, shutdown) = (Gate::closed(), CancellationToken::new());
    tokio::select! {
        () = queue.work(dead.function(), world.broker(), shutdown.clone()) => {}
        () = dead.begun.count(1) => {}
    }
    let heard = Heard::default();
    tokio::join!(queue.work(heard.function(), world.broker(), shutdown.clone()), async {
        heard.count(1).await;
        shutdown.cancel();
    });
    assert_eq!(heard.all(), dead.begun.all());
}

#[tokio::test]
async fn light_events_are_handled_side_by_side() {
    let world = World::new().await;
    let gate = Gate::closed();
    let served = world.serve(gate.function()).await;
    let broker = world.broker();
    for _ in 0..10 {
        let recorded = world.uploaded().await;
        broker.publish(&recorded.envelope).await;
    }
    gate.begun.count(usize::from(world.config.broker_prefetch)).await;
    gate.open.add_permits(10);
    gate.finished.count(10).await;
    served.stop().await;
}

#[tokio::test]
async fn once_takes_one_message_and_says_whether_there_was_one() {
    let world = World::new().await;
    let queue = world.work_queue();
    let (heard, shutdown) = (Heard::default(), CancellationToken::new());
    let once = || queue.work_once(heard.function(), world.broker(), Duration::ZERO, &shutdown);
    assert!(!once().await.unwrap());
    queue.publish(&envelope()).await.unwrap();
    queue.publish(&envelope()).await.unwrap();
    assert!(once().await.unwrap());
    assert_eq!(heard.all().len(), 1);
    world.holds(WORK, 1).await;
}

#[tokio::test]
async fn a_pause_before_the_next_delivery_does_not_hold_up_the_shutdown_and_loses_nothing() {
    let world = World::new().await;
    let queue = world.work_queue();
    queue.publish(&envelope()).await.unwrap();
    let (heard, shutdown) = (Heard::default(), CancellationToken::new());
    tokio::join!(queue.work(asks_again(&heard, 2), world.broker(), shutdown.clone()), async {
        heard.count(1).await;
        shutdown.cancel();
    });
    assert_eq!(heard.all().len(), 1);
    world.holds(WORK, 1).await;
}

#[tokio::test]
async fn after_the_drain_time_a_handler_is_told_to_give_back_what_it_has_in_hand() {
    let mut world = World::new().await;
    world.config.broker_drain_seconds = 0;
    let queue = world.work_queue();
    queue.publish(&envelope()).await.unwrap();
    let (heard, shutdown) = (Heard::default(), CancellationToken::new());
    let function =
        Function::new().on(heard.clone(), |heard: Context<Heard>, event: VideoUploaded| async move {
            heard.note(event.job_id);
            heard.call.shutdown.cancelled().await;
            Ok(())
        });
    tokio::join!(queue.work(function, world.broker(), shutdown.clone()), async {
        heard.count(1).await;
        shutdown.cancel();
    });
    assert_eq!(world.look(WORK).await, Some((0, 0)));
}

#[tokio::test]
async fn a_handler_that_gives_nothing_back_is_cut_off_and_its_message_stays() {
    let mut world = World::new().await;
    world.config.broker_drain_seconds = 0;
    let queue = world.work_queue();
    queue.publish(&envelope()).await.unwrap();
    let (gate, shutdown) = (Gate::closed(), CancellationToken::new());
    tokio::join!(queue.work(gate.function(), world.broker(), shutdown.clone()), async {
        gate.begun.count(1).await;
        shutdown.cancel();
    });
    world.holds(WORK, 1).await;
}

/// As the landed version made it: with a limit, and a place for dead letters.
#[tokio::test]
async fn a_queue_that_is_there_with_other_arguments_is_consumed_all_the_same() {
    for name in [QUEUE, WORK] {
        let world = World::new().await;
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(20));
        arguments.insert("x-dead-letter-exchange".into(), AMQPValue::LongString("tapedeck.dead".into()));
        let durable = QueueDeclareOptions::durable();
        world.raw().await.channel.queue_declare(name.into(), durable, arguments).await.unwrap();
        let heard = Heard::default();
        let recorded = world.uploaded().await;
        if name == QUEUE {
            let served = world.serve(heard.function()).await;
            world.broker().publish(&recorded.envelope).await;
            heard.count(1).await;
            served.stop().await;
        } else {
            let (queue, shutdown) = (world.work_queue(), CancellationToken::new());
            queue.publish(&recorded.envelope).await.unwrap();
            tokio::join!(queue.work(heard.function(), world.broker(), shutdown.clone()), async {
                heard.count(1).await;
                shutdown.cancel();
            });
        }
        assert_eq!(world.look(name).await, Some((0, 0)));
    }
}
