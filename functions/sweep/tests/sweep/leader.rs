//! One looks at a time, and one walks.

use std::collections::HashSet;

use contracts::{EventId, SweepBlobs, SweepDue};
use db::Task;
use runtime::Call;

use crate::world::{DAY, LEASE, SWEEP_LEASE, World};

#[tokio::test]
async fn of_two_that_look_at_once_one_does_it_all() {
    let world = World::new().await;
    let mut jobs = HashSet::new();
    for _ in 0..60 {
        jobs.insert(world.claimed().await.job.id);
    }
    world.lose_events().await;
    world.clock.advance(LEASE);
    // In two processes, and twice in one.
    let (one, other) = (world.function(), world.function());
    let due = || world.event::<SweepDue>();
    let looks = tokio::join!(
        one.deliver(due(), Call::default()),
        one.deliver(due(), Call::default()),
        other.deliver(due(), Call::default()),
    );
    assert!(looks.0.is_ok() && looks.1.is_ok() && looks.2.is_ok());
    let tickets = world.tickets().await;
    assert_eq!((tickets.len(), tickets.into_iter().collect()), (60, jobs), "one ticket for each");
}

#[tokio::test]
async fn nobody_looks_or_walks_while_somebody_else_does_until_that_lease_expires() {
    let world = World::new().await;
    world.claimed().await;
    world.lose_events().await;
    world.orphan(2 * DAY);
    world.clock.advance(LEASE);
    for task in [Task::Sweep, Task::Blobs] {
        let dead = EventId::generate();
        world.db.take_lease(task, dead, SWEEP_LEASE).await.unwrap().unwrap();
    }
    world.tick::<SweepDue>().await.unwrap();
    world.tick::<SweepBlobs>().await.unwrap();
    assert!(world.tickets().await.is_empty() && world.db.due_garbage(1).await.unwrap().is_empty());
    world.clock.advance(SWEEP_LEASE);
    world.tick::<SweepDue>().await.unwrap();
    world.tick::<SweepBlobs>().await.unwrap();
    assert_eq!((world.tickets().await.len(), world.db.due_garbage(10).await.unwrap().len()), (1, 1));
}

#[tokio::test]
async fn a_look_and_a_walk_give_their_leases_back() {
    let world = World::new().await;
    world.claimed().await;
    world.tick::<SweepDue>().await.unwrap();
    world.tick::<SweepBlobs>().await.unwrap();
    for task in [Task::Sweep, Task::Blobs] {
        let next = world.db.take_lease(task, EventId::generate(), LEASE).await.unwrap();
        assert_eq!(next.as_deref(), Some(""));
    }
}
