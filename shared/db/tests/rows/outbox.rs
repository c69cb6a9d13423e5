//! Events on their way.

use std::time::Duration;

use contracts::{Event as _, VideoUploaded};

use crate::world::{HOUR, MINUTE, worlds};

#[tokio::test]
async fn an_event_is_claimed_by_one_and_due_again_when_that_one_dies() {
    for world in worlds().await {
        world.queued().await;
        let outbox = world.db.outbox();
        let pending = outbox.due(VideoUploaded::TYPE, 10).await.unwrap().remove(0);
        assert!(outbox.claim(&pending, MINUTE).await.unwrap());
        assert!(!outbox.claim(&pending, MINUTE).await.unwrap());
        assert!(world.events(VideoUploaded::TYPE).await.is_empty());
        world.clock.advance(MINUTE);
        assert_eq!(world.events(VideoUploaded::TYPE).await, std::slice::from_ref(&pending.envelope));
        outbox.sent(&pending.envelope.id).await.unwrap();
        outbox.sent(&pending.envelope.id).await.unwrap();
        assert!(!outbox.any_waiting().await.unwrap());
    }
}

#[tokio::test]
async fn an_event_that_was_not_taken_is_due_later() {
    for world in worlds().await {
        world.queued().await;
        let outbox = world.db.outbox();
        let event = world.events(VideoUploaded::TYPE).await.remove(0);
        outbox.failed(&event.id, HOUR, &"ä".repeat(600)).await.unwrap();
        assert!(world.events(VideoUploaded::TYPE).await.is_empty() && outbox.any_waiting().await.unwrap());
        assert_eq!(outbox.next_due(VideoUploaded::TYPE).await.unwrap(), Some(world.clock.now().after(HOUR)));
        assert_eq!(world.db.next_due().await.unwrap(), Some(world.clock.now().after(HOUR)));
        world.clock.advance(HOUR);
        assert_eq!(outbox.due(VideoUploaded::TYPE, 10).await.unwrap()[0].attempts, 1);
        assert_eq!(outbox.next_due("dev.tapedeck.unknown").await.unwrap(), None);
    }
}

#[tokio::test]
async fn what_nobody_published_in_time_is_published_by_the_sweep_and_what_nobody_hears_goes() {
    for world in worlds().await {
        world.user().await;
        world.queued().await;
        let outbox = world.db.outbox();
        assert!(outbox.unpublished(MINUTE, 10).await.unwrap().is_empty());
        world.clock.advance(MINUTE);
        assert_eq!(outbox.unpublished(MINUTE, 10).await.unwrap().len(), 3);
        assert_eq!(outbox.drop_kind("dev.tapedeck.user.registered.v1").await.unwrap(), 1);
        assert_eq!(outbox.unpublished(Duration::ZERO, 10).await.unwrap().len(), 2);
    }
}
