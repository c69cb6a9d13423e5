//! A ticket says that some job waits; which one is taken, and which one is not.

use contracts::{AudioReady, DeliveryDue, Event as _, JobId, State, VideoUploaded};
use db::UserChanges;
use futures_util::future::join_all;

use crate::world::{World, engine, kinds, no_engine};

#[tokio::test]
async fn a_ticket_converts_the_fairest_job_whatever_it_names() {
    let world = World::new().await;
    let ben = world.user("ben").await;
    let (first, second) = (world.uploaded().await, world.uploaded().await);
    let other = world.uploaded_by(ben).await;
    let mut order = Vec::new();
    for _ in 0..3 {
        // Always the same: that of Anna's second video.
        let events = world.deliver(second, engine()).await.unwrap();
        assert_eq!(kinds(&events), [AudioReady::TYPE, DeliveryDue::TYPE]);
        order.push(events[0].subject.parse::<JobId>().unwrap());
    }
    assert_eq!(order[2], second, "Ben has waited for nobody's second video");
    assert!(order.contains(&first) && order.contains(&other));
}

#[tokio::test]
async fn more_tickets_than_jobs_are_harmless() {
    let world = World::new().await;
    let jobs = [world.uploaded().await, world.uploaded().await];
    let tickets = [jobs[0], jobs[0], jobs[1], jobs[0], jobs[1], JobId::generate()];
    let delivered = join_all(tickets.map(|job| world.deliver(job, engine()))).await;
    let events: Vec<_> = delivered.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(events.iter().filter(|event| event.kind == AudioReady::TYPE).count(), 2);
    for job in jobs {
        assert_eq!(world.standing(job).await, (State::Done, 1, 0));
    }
    assert_eq!(world.count("audios"), 2);
}

#[tokio::test]
async fn jobs_of_a_locked_account_are_canceled_and_the_next_one_is_taken() {
    let world = World::new().await;
    let ben = world.user("ben").await;
    let locked = [world.uploaded_by(ben).await, world.uploaded_by(ben).await];
    let other = world.uploaded().await;
    let lock = UserChanges { disabled: Some(true), ..UserChanges::default() };
    world.db.change_user(ben, &lock).await.unwrap().unwrap().unwrap();
    while !world.deliver(locked[0], engine()).await.unwrap().is_empty() {}
    for job in locked {
        assert_eq!(world.job(job).await.state, State::Canceled);
        assert_eq!(world.db.deliveries().of_job(job).await.unwrap().len(), 0, "nobody is told");
    }
    assert_eq!(world.standing(other).await, (State::Done, 1, 0));
}

#[tokio::test]
async fn a_job_of_a_newer_version_rests_and_is_not_converted() {
    let world = World::new().await;
    let (new, old) = (world.uploaded().await, world.uploaded().await);
    world.sql(&format!("UPDATE jobs SET options = '{{\"smell\":\"roses\"}}' WHERE id = '{new}'"));
    while world.job(old).await.state == State::Queued {
        world.deliver(new, engine()).await.unwrap();
    }
    assert_eq!(world.standing(old).await, (State::Done, 1, 0));
    if world.job(new).await.outages == 0 {
        world.deliver(new, no_engine()).await.unwrap();
    }
    assert_eq!(world.standing(new).await, (State::Queued, 0, 1));
    assert!(world.deliver(new, engine()).await.unwrap().is_empty(), "it rests");
    world.clock.advance(std::time::Duration::from_secs(5));
    assert_eq!(kinds(&world.look().await), [VideoUploaded::TYPE]);
    // A newer version has come.
    world.sql(&format!("UPDATE jobs SET options = '{{}}' WHERE id = '{new}'"));
    world.deliver(new, engine()).await.unwrap();
    assert_eq!(world.standing(new).await, (State::Done, 1, 0));
}
