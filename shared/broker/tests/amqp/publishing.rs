//! The way out.

use std::time::Duration;

use broker::{Broker, BrokerConfig, Error, Topology, WorkQueue};
use contracts::{AudioId, AudioReady, Ended, VideoUploaded};
use db::{Audio, Db, Finished};
use lapin::options::QueueDeleteOptions;
use runtime::{Context, Function};

use crate::world::{Heard, QUEUE, WORK, World, envelope, until};

const LEASE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn an_event_is_delivered_and_its_row_goes_with_the_confirm() {
    let world = World::new().await;
    let heard = Heard::default();
    let served = world.serve(heard.function()).await;
    let recorded = world.uploaded().await;
    world.broker().publish(&recorded.envelope).await;
    assert_eq!(world.rows().await, 0);
    heard.count(1).await;
    assert_eq!(heard.all(), [recorded.event.job_id]);
    served.stop().await;
}

async fn finish(db: &Db) -> Option<Ended<AudioReady>> {
    let claimed = db.jobs().claim_next(LEASE).await.unwrap()?;
    let audio = Audio {
        id: AudioId::generate(),
        bytes: 1,
        duration: Duration::from_secs(1),
        codec: "mp3".into(),
        bitrate: 128,
    };
    let finished = Finished {
        audio,
        peaks: None,
        source_codec: None,
        source_duration: None,
        warning: None,
        keep: LEASE,
    };
    db.jobs().finish(&claimed, &finished, "1").await.unwrap()
}

#[tokio::test]
async fn a_hint_that_no_queue_takes_is_offered_again_later_and_a_fact_goes() {
    let world = World::new().await;
    let hint = world.uploaded().await;
    let fact = finish(&world.db).await.unwrap().fact;
    let broker = world.broker();
    broker.publish(&hint.envelope).await;
    broker.publish(&fact.envelope).await;
    assert_eq!(world.rows().await, 2, "the upload, and the mail that is due");
    assert_eq!(world.attempts().await, [0], "not put off: the sweep offers it soon");
    world.sweep(&broker).await;
    assert_eq!(world.attempts().await, [1], "put off");
    let heard = Heard::default();
    let served = world.serve(heard.function()).await;
    world.sweep(&broker).await;
    heard.count(1).await;
    served.stop().await;
}

#[tokio::test]
async fn more_than_a_batch_is_published_and_what_has_no_queue_does_not_hold_it_up() {
    let world = World::new().await;
    world.serve(Heard::default().function()).await.stop().await;
    world.uploaded().await;
    finish(&world.db).await.unwrap();
    for _ in 0..250 {
        world.uploaded().await;
    }
    let broker = world.broker();
    // A busy machine may need a second turn.
    until(|| async {
        world.sweep(&broker).await;
        world.attempts().await.is_empty()
    })
    .await;
    assert!(world.look(QUEUE).await.is_some_and(|(ready, _)| ready >= 251));
}

#[tokio::test]
async fn what_a_handler_says_is_published_at_once_and_its_row_goes() {
    let world = World::new().await;
    let heard = Heard::default();
    let function = Function::new()
        .on(world.db.clone(), |db: Context<Db>, _: VideoUploaded| async move { Ok(finish(&db).await) })
        .on(heard.clone(), |heard: Context<Heard>, event: AudioReady| async move {
            heard.note(event.job_id);
            Ok(())
        })
        .on((), |_: Context<()>, _: contracts::DeliveryDue| async { Ok(()) });
    let served = world.serve(function).await;
    let recorded = world.uploaded().await;
    world.broker().publish(&recorded.envelope).await;
    heard.count(1).await;
    until(|| async { world.rows().await == 0 }).await;
    served.stop().await;
}

#[tokio::test]
async fn the_work_queue_says_no_when_it_is_missing() {
    let world = World::new().await;
    let queue = world.work_queue();
    queue.publish(&envelope()).await.unwrap();
    world.raw().await.channel.queue_delete(WORK.into(), QueueDeleteOptions::default()).await.unwrap();
    assert!(matches!(queue.publish(&envelope()).await, Err(Error::NoRoute)));
}

#[tokio::test]
async fn a_topology_that_is_only_checked_must_be_there() {
    let world = World::new().await;
    let checked = BrokerConfig { broker_topology: Topology::Check, ..world.config.clone() };
    let open = || WorkQueue::open::<VideoUploaded>("convert", &checked).unwrap();
    assert!(matches!(open().publish(&envelope()).await, Err(Error::Unavailable(_))));
    assert!(world.look(WORK).await.is_none(), "nothing was made");
    world.work_queue().publish(&envelope()).await.unwrap();
    open().publish(&envelope()).await.unwrap();
    world.holds(WORK, 2).await;
}

#[tokio::test]
async fn a_function_on_its_own_refuses_the_broker_of_one_process() {
    let world = World::new().await;
    let local = BrokerConfig::default();
    assert!(local.is_local());
    assert!(matches!(Broker::open(&local, world.db), Err(Error::Url)));
}

/// Built without its TLS parts lapin takes `amqps` for `amqp`, password and all.
#[tokio::test]
async fn amqps_is_never_spoken_in_the_clear() {
    let mut world = World::new().await;
    world.config.broker_url = world.config.broker_url.replace("amqp://", "amqps://");
    assert!(matches!(world.work_queue().publish(&envelope()).await, Err(Error::Unavailable(_))));
}
