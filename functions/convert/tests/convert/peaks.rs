//! The waveform beside the audio.

use std::{fs, time::Duration};

use contracts::{AudioReady, Event as _, State, VideoUploaded};
use db::{Garbage, Job};
use media::Engine;
use serde_json::Value;

use crate::world::{World, engine, kinds, no_engine};

async fn done(world: &World, engine: Engine) -> Job {
    let id = world.uploaded_for_peaks().await;
    assert_eq!(world.deliver(id, engine).await.unwrap()[0].kind, AudioReady::TYPE);
    world.job(id).await
}

#[tokio::test]
async fn a_waveform_that_is_asked_for_lies_beside_the_audio_and_none_without() {
    let world = World::new().await;
    let job = done(&world, engine()).await;
    let json = fs::read(world.peaks(&job)).unwrap();
    assert_eq!(job.peaks, Some(json.len() as u64));
    let peaks: Value = serde_json::from_slice(&json).unwrap();
    let pixels = peaks["length"].as_f64().unwrap();
    let seconds =
        pixels * peaks["samples_per_pixel"].as_f64().unwrap() / peaks["sample_rate"].as_f64().unwrap();
    assert!((seconds - job.audio.unwrap().duration.as_secs_f64()).abs() < 0.1, "{seconds}");
    let plain = world.uploaded().await;
    world.deliver(plain, engine()).await.unwrap();
    assert_eq!((world.job(plain).await.peaks, world.count("peaks")), (None, 1));
}

#[tokio::test]
async fn an_earlier_waveform_is_copied_with_its_audio_and_made_anew_where_it_is_gone_or_cut() {
    let world = World::new().await;
    let first = done(&world, engine()).await;
    let json = fs::read(world.peaks(&first)).unwrap();
    let second = done(&world, no_engine()).await;
    assert_eq!((fs::read(world.peaks(&second)).unwrap(), second.peaks), (json.clone(), first.peaks));
    fs::remove_file(world.peaks(&first)).unwrap();
    fs::write(world.peaks(&second), &json[1..]).unwrap();
    assert_eq!(fs::read(world.peaks(&done(&world, engine()).await)).unwrap(), json);
}

#[tokio::test]
async fn a_store_that_takes_the_audio_and_not_the_waveform_is_away() {
    let world = World::new().await;
    let id = world.uploaded_for_peaks().await;
    fs::remove_dir(world.path("partial/peaks")).unwrap();
    assert!(world.deliver(id, engine()).await.unwrap().is_empty());
    assert_eq!(world.standing(id).await, (State::Queued, 0, 1));
    // The audio was whole already: it goes, and another attempt writes to another place.
    let left = fs::read_dir(world.path("audios")).unwrap().next().unwrap().unwrap().file_name();
    world.clock.advance(Duration::from_secs(3600));
    let left = Garbage::Audio(left.into_string().unwrap().parse().unwrap());
    assert_eq!(world.db.due_garbage(10).await.unwrap(), [left]);
    fs::create_dir(world.path("partial/peaks")).unwrap();
    assert_eq!(kinds(&world.look().await), [VideoUploaded::TYPE]);
    world.deliver(id, engine()).await.unwrap();
    assert!(world.peaks(&world.job(id).await).exists());
}
