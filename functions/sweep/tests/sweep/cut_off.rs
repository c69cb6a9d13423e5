//! A look that does not come to its end.

use std::{collections::HashSet, time::Duration};

use blobs::Blob;
use contracts::{AudioId, JobId, SweepDue};
use db::Garbage;
use runtime::{Call, CancellationToken};

use crate::world::{LEASE, SWEEP_LEASE, World};

#[tokio::test]
async fn looks_that_are_cut_off_anywhere_lose_nothing() {
    let world = World::new().await;
    let (mut jobs, uploads) = (HashSet::new(), 100);
    for _ in 0..100 {
        jobs.insert(world.claimed().await.job.id);
    }
    for _ in 0..uploads {
        world.uploading().await;
    }
    world.lose_events().await;
    world.clock.advance(LEASE);
    let mut cut_off = 0;
    for pause in 1..=40 {
        // Uploads that died meanwhile are due too, and then their videos.
        world.clock.advance(Duration::from_secs(100).max(SWEEP_LEASE));
        let (function, event) = (world.function(), world.event::<SweepDue>());
        let look = tokio::spawn(async move { function.deliver(event, Call::default()).await });
        tokio::time::sleep(Duration::from_millis(pause)).await;
        look.abort();
        cut_off += usize::from(look.await.is_err());
    }
    assert!(cut_off > 0, "none was in the middle");
    world.clock.advance(SWEEP_LEASE);
    world.tick::<SweepDue>().await.unwrap();
    let tickets: HashSet<JobId> = world.tickets().await.into_iter().collect();
    assert_eq!(tickets, jobs, "a ticket for each stands in the outbox");
    assert_eq!(world.count("videos"), jobs.len(), "those of dead uploads are gone");
}

#[tokio::test]
async fn at_the_shutdown_the_pages_in_hand_are_the_last_ones_and_the_rest_stays_due() {
    let world = World::new().await;
    let audio = AudioId::generate();
    world.file(Blob::Audio(audio));
    world.db.name_garbage(Garbage::Audio(audio)).await.unwrap();
    for _ in 0..510 {
        world.claimed().await;
    }
    world.lose_events().await;
    world.clock.advance(LEASE);
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    world.tick_with::<SweepDue>(Call::until(shutdown)).await.unwrap();
    assert_eq!(world.tickets().await.len(), 500);
    assert_eq!(world.count("audios"), 0, "a backlog of jobs does not hold up blobs");
    // The next process does not wait for the lease of this one.
    world.tick::<SweepDue>().await.unwrap();
    assert_eq!(world.tickets().await.len(), 510);
}
