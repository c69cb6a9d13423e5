//! What a job says that it has taken.

use std::time::Duration;

use contracts::State;
use runtime::{Call, CancellationToken};

use crate::world::{LONG, World, engine, no_engine};

#[tokio::test]
async fn a_job_tells_its_wait_its_work_and_its_bytes() {
    let world = World::new().await;
    let id = world.uploaded().await;
    world.clock.advance(Duration::from_secs(7));
    assert_eq!(world.job(id).await.cost, None);
    world.deliver(id, engine()).await.unwrap();
    let job = world.job(id).await;
    let (cost, audio) = (job.cost.unwrap(), job.audio.unwrap());
    assert_eq!((cost.attempts, cost.waited_seconds, cost.bytes_written), (1, 7.0, audio.bytes));
    assert!(cost.cpu_seconds > 0.0 && cost.ran_seconds > 0.0 && cost.bytes_read > 0, "{cost:?}");

    let copy = world.uploaded().await;
    world.deliver(copy, no_engine()).await.unwrap();
    let cost = world.job(copy).await.cost.unwrap();
    assert_eq!((cost.attempts, cost.cpu_seconds), (1, 0.0), "an earlier result costs no CPU time");
    assert_eq!((cost.bytes_read, cost.bytes_written), (audio.bytes, audio.bytes));
}

#[tokio::test]
async fn an_attempt_that_is_given_back_at_a_shutdown_has_its_cost_too() {
    let world = World::new().await;
    let id = world.uploaded_noise(LONG).await;
    let shutdown = CancellationToken::new();
    let conversion = world.converting(id, Call::until(shutdown.clone())).await;
    shutdown.cancel();
    conversion.await.unwrap().unwrap();
    assert_eq!(world.standing(id).await, (State::Queued, 0, 0));
    let cost = world.job(id).await.cost.unwrap();
    assert!(cost.attempts == 1 && cost.cpu_seconds > 0.0 && cost.bytes_read > 0, "{cost:?}");
}

#[tokio::test]
async fn every_attempt_adds_to_the_cost_however_it_ends_also_after_a_retry() {
    let world = World::new().await;
    let id = world.uploaded().await;
    for _ in 0..3 {
        world.deliver(id, no_engine()).await.unwrap();
    }
    let failed = world.job(id).await;
    assert_eq!((failed.state, failed.cost.unwrap().attempts), (State::Failed, 3));
    world.db.jobs().retry(id).await.unwrap().unwrap();
    world.deliver(id, engine()).await.unwrap();
    let done = world.job(id).await;
    let cost = done.cost.unwrap();
    assert_eq!((done.state, done.attempts, cost.attempts), (State::Done, 1, 4));
    let month = world.clock.now().month();
    let sums = world.db.costs(&month, None, 10).await.unwrap();
    let made = (sums[0].audio.as_millis(), done.audio.unwrap().duration.as_millis());
    assert_eq!((sums.len(), sums[0].user_id, made.0), (1, world.anna, made.1));
    let sum = sums[0].cost;
    assert_eq!((sum.attempts, sum.bytes_written), (cost.attempts, cost.bytes_written));
    assert!((sum.cpu_seconds - cost.cpu_seconds).abs() < 1e-9, "{sum:?} {cost:?}");
}

#[tokio::test]
async fn a_job_that_was_canceled_in_mid_conversion_does_not_know_what_that_took() {
    let world = World::new().await;
    let id = world.uploaded_noise(LONG).await;
    let conversion = world.converting(id, Call::default()).await;
    world.db.jobs().cancel(id).await.unwrap();
    conversion.await.unwrap().unwrap();
    assert_eq!((world.job(id).await.state, world.job(id).await.cost), (State::Canceled, None));
}
