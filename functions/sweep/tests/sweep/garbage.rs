//! Blobs that are to be removed.

use std::{fs, time::Duration};

use blobs::Blob;
use contracts::{AudioId, SweepDue, VideoId};
use db::Garbage;

use crate::world::World;

#[tokio::test]
async fn a_blob_that_can_not_be_removed_is_put_off_and_the_others_go() {
    let world = World::new().await;
    let stuck = VideoId::generate();
    // A folder is no file.
    let path = world.path(&Blob::Video(stuck).to_string());
    fs::create_dir(&path).unwrap();
    world.db.name_garbage(Garbage::Video(stuck)).await.unwrap();
    for _ in 0..20 {
        let (video, audio) = (VideoId::generate(), AudioId::generate());
        world.file(Blob::Video(video));
        world.file(Blob::Audio(audio));
        world.db.name_garbage(Garbage::Video(video)).await.unwrap();
        world.db.name_garbage(Garbage::Audio(audio)).await.unwrap();
    }
    world.tick::<SweepDue>().await.unwrap();
    assert_eq!((world.count("videos"), world.count("audios")), (1, 0));
    fs::remove_dir(&path).unwrap();
    fs::write(&path, "x").unwrap();
    world.tick::<SweepDue>().await.unwrap();
    assert_eq!(world.count("videos"), 1, "not yet");
    world.clock.advance(Duration::from_secs(5));
    world.tick::<SweepDue>().await.unwrap();
    assert_eq!(world.count("videos"), 0);
    assert!(world.db.next_due().await.unwrap().is_none());
}

#[tokio::test]
async fn a_blob_that_is_gone_already_is_done_with() {
    let world = World::new().await;
    world.db.name_garbage(Garbage::Audio(AudioId::generate())).await.unwrap();
    world.tick::<SweepDue>().await.unwrap();
    assert!(world.db.next_due().await.unwrap().is_none());
}

#[tokio::test]
async fn a_waveform_goes_with_its_audio_and_both_are_put_off_while_one_can_not_be_removed() {
    let world = World::new().await;
    let (audio, half) = (AudioId::generate(), AudioId::generate());
    world.file(Blob::Audio(audio));
    world.file_at(&format!("partial/peaks/{half}"));
    let path = world.path(&Blob::Peaks(audio).to_string());
    fs::create_dir(&path).unwrap();
    for id in [audio, half] {
        world.db.name_garbage(Garbage::Audio(id)).await.unwrap();
    }
    world.tick::<SweepDue>().await.unwrap();
    assert_eq!((world.count("audios"), world.count("partial/peaks"), world.count("peaks")), (0, 0, 1));
    fs::remove_dir(&path).unwrap();
    fs::write(&path, "x").unwrap();
    world.clock.advance(Duration::from_secs(5));
    world.tick::<SweepDue>().await.unwrap();
    assert_eq!(world.count("peaks"), 0);
    assert!(world.db.next_due().await.unwrap().is_none());
}

#[tokio::test]
async fn half_a_blob_is_removed_too() {
    let world = World::new().await;
    let id = AudioId::generate();
    world.file_at(&format!("partial/audios/{id}"));
    world.db.name_garbage(Garbage::Audio(id)).await.unwrap();
    world.tick::<SweepDue>().await.unwrap();
    assert_eq!(world.count("partial/audios"), 0);
}
