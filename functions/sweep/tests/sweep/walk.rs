//! Blobs that no row names.

use std::{fs, time::Duration};

use blobs::Blob;
use contracts::{AudioId, EventId, SweepBlobs, SweepDue, VideoId};
use db::{Garbage, Task};

use crate::world::{DAY, HOUR, LEASE, World, made_older};

async fn garbage(world: &World) -> Vec<Garbage> {
    world.db.due_garbage(100).await.unwrap()
}

#[tokio::test]
async fn old_orphans_become_garbage_and_younger_and_named_ones_stay() {
    let world = World::new().await;
    let old = world.orphan(DAY + HOUR);
    world.orphan(DAY - HOUR);
    let done = world.done().await;
    let queued = world.queued().await;
    for named in
        [Blob::Audio(done.lease.audio_id), Blob::Video(done.job.video_id), Blob::Video(queued.video_id)]
    {
        made_older(&world.path(&named.to_string()), 2 * DAY);
    }
    world.tick::<SweepBlobs>().await.unwrap();
    assert_eq!(garbage(&world).await, [Garbage::Audio(old)]);
    world.tick::<SweepBlobs>().await.unwrap();
    assert_eq!(garbage(&world).await, [Garbage::Audio(old)], "once");
    world.tick::<SweepDue>().await.unwrap();
    assert_eq!((world.count("videos"), world.count("audios")), (2, 2));
}

#[tokio::test]
async fn what_interrupted_writes_have_left_becomes_garbage() {
    let world = World::new().await;
    let (video, audio) = (VideoId::generate(), AudioId::generate());
    made_older(&world.file_at(&format!("partial/videos/{video}")), 2 * DAY);
    made_older(&world.file_at(&format!("partial/audios/{audio}")), 2 * DAY);
    world.file_at(&format!("partial/audios/{}", AudioId::generate()));
    world.tick::<SweepBlobs>().await.unwrap();
    assert_eq!(garbage(&world).await, [Garbage::Video(video), Garbage::Audio(audio)]);
    world.tick::<SweepDue>().await.unwrap();
    assert_eq!((world.count("partial/videos"), world.count("partial/audios")), (0, 1));
}

#[tokio::test]
async fn a_waveform_is_named_by_the_job_of_its_audio() {
    let world = World::new().await;
    let named = world.done().await.lease.audio_id;
    let (whole, half) = (AudioId::generate(), AudioId::generate());
    made_older(&world.file(Blob::Peaks(named)), 2 * DAY);
    made_older(&world.file(Blob::Peaks(whole)), 2 * DAY);
    made_older(&world.file_at(&format!("partial/peaks/{half}")), 2 * DAY);
    world.file(Blob::Peaks(AudioId::generate()));
    world.tick::<SweepBlobs>().await.unwrap();
    assert_eq!(garbage(&world).await, [Garbage::Audio(whole), Garbage::Audio(half)]);
    world.tick::<SweepDue>().await.unwrap();
    assert_eq!((world.count("peaks"), world.count("partial/peaks")), (2, 0));
}

#[tokio::test]
async fn what_is_no_blob_of_ours_is_left_alone() {
    let world = World::new().await;
    made_older(&world.file_at("audios/notes.txt"), 2 * DAY);
    world.tick::<SweepBlobs>().await.unwrap();
    assert!(garbage(&world).await.is_empty());
}

#[tokio::test]
async fn a_walk_goes_on_behind_the_blob_that_the_last_one_has_noted() {
    let world = World::new().await;
    let mut orphans = Vec::new();
    for _ in 0..5 {
        orphans.push(world.orphan(2 * DAY));
    }
    orphans.sort_by_key(ToString::to_string);
    let owner = EventId::generate();
    world.db.take_lease(Task::Blobs, owner, LEASE).await.unwrap().unwrap();
    world.db.release_lease(Task::Blobs, owner, &format!("audios/{}", orphans[2])).await.unwrap();
    world.tick::<SweepBlobs>().await.unwrap();
    assert_eq!(garbage(&world).await, [Garbage::Audio(orphans[3]), Garbage::Audio(orphans[4])]);
    // It came to the end: the next one begins anew.
    world.tick::<SweepBlobs>().await.unwrap();
    assert_eq!(garbage(&world).await.len(), 5);
}

#[tokio::test]
async fn more_blobs_than_a_page_are_walked_over() {
    let world = World::new().await;
    for _ in 0..10_001 {
        world.file(Blob::Video(VideoId::generate()));
    }
    let last = world.orphan(2 * DAY);
    world.tick::<SweepBlobs>().await.unwrap();
    assert_eq!(garbage(&world).await, [Garbage::Audio(last)]);
}

#[tokio::test]
async fn more_orphans_than_a_query_asks_for_are_all_found_and_removed() {
    let world = World::new().await;
    for _ in 0..1010 {
        world.orphan(2 * DAY);
    }
    world.tick::<SweepBlobs>().await.unwrap();
    world.tick::<SweepDue>().await.unwrap();
    assert_eq!(world.count("audios"), 0);
}

#[tokio::test]
async fn a_walk_that_fails_notes_its_place_and_gives_its_lease_back() {
    let world = World::new().await;
    let first = VideoId::generate();
    made_older(&world.file(Blob::Video(first)), 2 * DAY);
    // The audios can't be listed.
    fs::rename(world.path("audios"), world.path("elsewhere")).unwrap();
    assert!(world.tick::<SweepBlobs>().await.is_err());
    assert_eq!(garbage(&world).await, [Garbage::Video(first)]);
    fs::rename(world.path("elsewhere"), world.path("audios")).unwrap();
    let (skipped, found) = (VideoId::generate(), world.orphan(2 * DAY));
    made_older(&world.file(Blob::Video(skipped)), 2 * DAY);
    world.clock.advance(Duration::from_millis(1));
    world.tick::<SweepBlobs>().await.unwrap();
    assert_eq!(garbage(&world).await, [Garbage::Video(first), Garbage::Audio(found)], "no video again");
    world.clock.advance(Duration::from_millis(1));
    world.tick::<SweepBlobs>().await.unwrap();
    assert_eq!(garbage(&world).await.last(), Some(&Garbage::Video(skipped)));
}
