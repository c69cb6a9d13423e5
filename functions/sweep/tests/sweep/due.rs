//! Jobs and deliveries that are due.

use std::time::Duration;

use contracts::{Channel, DeliveryDue, State, SweepDue};
use db::{Attempt, NewUser};

use crate::world::{DAY, HOUR, LEASE, World};

async fn registered(world: &World) -> contracts::DeliveryId {
    let (email, password_hash) = ("anna@example.org".into(), "x".into());
    let new = NewUser { email, password_hash, admin_if_first: false, verified: false };
    let (_, ended) = world.db.create_user(new).await.unwrap();
    ended.deliveries[0].event.delivery_id
}

#[tokio::test]
async fn more_expired_rows_than_a_page_go_in_one_look_and_their_blobs_with_them() {
    let world = World::new().await;
    // Uploads that nobody finished, and jobs whose audio has had its time.
    for _ in 0..1000 {
        world.uploading().await;
    }
    let mut done = Vec::new();
    for _ in 0..200 {
        done.push(world.done().await.job.id);
    }
    assert_eq!((world.count("videos"), world.count("audios")), (1200, 200));
    world.clock.advance(2 * DAY);
    world.tick::<SweepDue>().await.unwrap();
    assert_eq!((world.count("videos"), world.count("audios")), (0, 0));
    for id in done {
        assert_eq!(world.db.jobs().get(id).await.unwrap().unwrap().state, State::Expired);
    }
    assert!(world.db.due_garbage(1).await.unwrap().is_empty());
    // The rows themselves have had theirs a year later.
    world.lose_events().await;
    world.clock.advance(365 * DAY);
    world.tick::<SweepDue>().await.unwrap();
    assert!(world.db.next_due().await.unwrap().is_none_or(|next| next > world.clock.now()));
}

#[tokio::test]
async fn the_job_of_an_expired_lease_waits_again_with_a_ticket() {
    let world = World::new().await;
    let id = world.claimed().await.job.id;
    world.lose_events().await;
    world.clock.advance(LEASE - Duration::from_millis(1));
    world.tick::<SweepDue>().await.unwrap();
    assert!(world.tickets().await.is_empty());
    world.clock.advance(Duration::from_millis(1));
    world.tick::<SweepDue>().await.unwrap();
    assert_eq!(world.tickets().await, [id]);
    assert_eq!(world.db.jobs().get(id).await.unwrap().unwrap().state, State::Queued);
}

#[tokio::test]
async fn tickets_that_were_lost_are_issued_again_once_for_each_span_in_which_nobody_takes_a_job() {
    let world = World::new().await;
    let id = world.queued().await.id;
    let span = Duration::from_secs(300);
    world.lose_events().await;
    world.clock.advance(span - Duration::from_millis(1));
    world.tick::<SweepDue>().await.unwrap();
    assert!(world.tickets().await.is_empty(), "it may still be on its way");
    world.clock.advance(Duration::from_millis(1));
    for _ in 0..2 {
        world.tick::<SweepDue>().await.unwrap();
        assert_eq!(world.tickets().await, [id]);
    }
    world.clock.advance(span);
    world.tick::<SweepDue>().await.unwrap();
    assert_eq!(world.tickets().await, [id, id]);
    world.lose_events().await;
    world.db.jobs().claim_next(HOUR).await.unwrap().unwrap();
    world.clock.advance(span);
    world.tick::<SweepDue>().await.unwrap();
    assert!(world.tickets().await.is_empty(), "somebody has it");
}

#[tokio::test]
async fn a_delivery_that_nobody_comes_to_is_announced_again() {
    let world = World::new().await;
    let id = registered(&world).await;
    world.lose_events().await;
    // It is due a second before it is written.
    world.clock.advance(Duration::from_secs(8));
    world.tick::<SweepDue>().await.unwrap();
    assert!(world.events::<DeliveryDue>().await.is_empty(), "somebody may be about to");
    world.clock.advance(Duration::from_secs(1));
    world.tick::<SweepDue>().await.unwrap();
    assert_eq!(world.events::<DeliveryDue>().await, [DeliveryDue { delivery_id: id }]);
}

#[tokio::test]
async fn a_part_that_fails_keeps_no_other_from_its_turn_and_is_told() {
    let world = World::new().await;
    let sent = registered(&world).await;
    let claim = world.db.deliveries().claim(sent, LEASE).await.unwrap().unwrap();
    world.db.deliveries().settle(&claim, Attempt::Sent).await.unwrap();
    world.uploading().await;
    world.sql("CREATE TRIGGER stays BEFORE DELETE ON jobs BEGIN SELECT RAISE(ABORT, 'it stays'); END");
    world.clock.advance(61 * DAY);
    assert!(world.tick::<SweepDue>().await.unwrap_err().to_string().contains("it stays"));
    assert!(world.db.deliveries().get(sent).await.unwrap().is_none(), "it is past its time");
    assert!(world.db.deliveries().due(Channel::Mail, Duration::ZERO, 10).await.unwrap().is_empty());
    world.sql("DROP TRIGGER stays");
    world.tick::<SweepDue>().await.unwrap();
    assert_eq!(world.count("videos"), 0);
}
