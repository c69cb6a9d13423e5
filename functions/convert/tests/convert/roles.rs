//! Intake and workers as processes, on a real RabbitMQ.

use std::time::Duration;

use contracts::{AudioReady, Event as _, State, VideoUploaded};
use db::Retention;

use crate::world::{LONG, processes::Processes as World};

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn on_knative_a_posted_event_becomes_audio_and_a_posted_event() {
    let world = World::new().await;
    let event = world.uploaded(1).await;
    let (intake, worker) = (world.start_on_knative(&["intake"]), world.start_on_knative(&["worker"]));
    assert_eq!(intake.post(VideoUploaded::TYPE, &event).await, 202);
    world.job_is(&event, |job| job.state == State::Done).await;
    world.posted(AudioReady::TYPE).await;
    assert_eq!((intake.stop().await, worker.stop().await), (Some(0), Some(0)));
}

#[tokio::test]
async fn the_intake_refuses_what_it_does_not_know_and_asks_for_patience_when_the_queue_is_away() {
    let world = World::new().await;
    let event = world.uploaded(1).await;
    let intake = world.start_on_knative(&["intake"]);
    assert_eq!(intake.post(AudioReady::TYPE, &event).await, 422);
    let lonely =
        world.start_with(&["intake"], &[("BROKER_URL", "amqp://127.0.0.1:1"), ("K_SINK", "http://x")]);
    assert_eq!(lonely.post(VideoUploaded::TYPE, &event).await, 503);
}

#[tokio::test]
async fn on_amqp_alone_the_workers_hear_the_event_itself() {
    let world = World::new().await;
    let event = world.uploaded(1).await;
    let worker = world.start(&["worker"]);
    let broker = world.broker();
    let done = world.job_is(&event, |job| job.state == State::Done);
    // Until the worker has made its queue the event has no way to go, and waits in the outbox.
    let publish = async {
        while world.job(&event).await.state == State::Queued {
            broker.publish(&event).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    assert_eq!(tokio::join!(done, publish).0.attempts, 1);
    assert_eq!(worker.stop().await, Some(0));
}

#[tokio::test]
async fn once_converts_one_video_and_ends() {
    let world = World::new().await;
    let (first, second) = (world.uploaded(1).await, world.uploaded(1).await);
    let intake = world.start_on_knative(&["intake"]);
    assert_eq!(intake.post(VideoUploaded::TYPE, &first).await, 202);
    assert_eq!(intake.post(VideoUploaded::TYPE, &second).await, 202);
    for done in [1, 2] {
        assert_eq!(world.start_on_knative(&["worker", "--once"]).ended().await, Some(0));
        let states = [world.job(&first).await.state, world.job(&second).await.state];
        assert_eq!(states.iter().filter(|state| **state == State::Done).count(), done);
    }
    assert_eq!(world.start_on_knative(&["worker", "--once"]).ended().await, Some(0), "with nothing to do");
}

#[tokio::test]
async fn sigterm_in_mid_conversion_finishes_the_job_and_ends_well() {
    let world = World::new().await;
    let event = world.uploaded(LONG).await;
    let (intake, worker) = (world.start_on_knative(&["intake"]), world.start_on_knative(&["worker"]));
    intake.post(VideoUploaded::TYPE, &event).await;
    world.job_is(&event, |job| job.state == State::Converting).await;
    assert_eq!(worker.stop().await, Some(0));
    let job = world.job(&event).await;
    assert_eq!((job.state, job.attempts), (State::Done, 1));
    // Acknowledged: another worker finds nothing.
    assert_eq!(world.start_on_knative(&["worker", "--once"]).ended().await, Some(0));
    assert_eq!(world.job(&event).await.attempts, 1);
}

#[tokio::test]
async fn after_a_kill_in_mid_conversion_another_worker_finishes_and_the_second_attempt_shows() {
    let world = World::new().await;
    let event = world.uploaded(LONG).await;
    let worker = world.start(&["worker"]);
    let broker = world.broker();
    while world.job(&event).await.state == State::Queued {
        broker.publish(&event).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    drop(worker);
    assert_eq!(world.job(&event).await.state, State::Converting);
    let other = world.start(&["worker"]);
    let done = world.job_is(&event, |job| job.state == State::Done);
    // What the sweep does.
    let sweep = async {
        let keep = Retention { videos: DAY, jobs: DAY };
        let mut tickets = Vec::new();
        while tickets.is_empty() {
            tokio::time::sleep(Duration::from_millis(100)).await;
            tickets = world.db.jobs().look(keep, 100).await.unwrap().events;
        }
        broker.publish_all(&tickets).await;
    };
    assert_eq!(tokio::join!(done, sweep).0.attempts, 2);
    assert_eq!(other.stop().await, Some(0));
}
