//! An earlier result spares the engine, and one that can't be had does not stand in its way.

use std::{fs, time::Duration};

use contracts::{AudioReady, Event as _, State, VideoUploaded};
use db::Job;
use media::Engine;

use crate::world::{World, engine, kinds, no_engine};

/// A new job, converted or answered; its audio must be there.
async fn done(world: &World, engine: Engine) -> Job {
    let id = world.uploaded().await;
    let events = world.deliver(id, engine).await.unwrap();
    assert_eq!(events[0].kind, AudioReady::TYPE);
    assert_eq!(world.standing(id).await, (State::Done, 1, 0));
    world.job(id).await
}

#[tokio::test]
async fn the_engine_is_not_started_for_a_video_that_was_converted_before() {
    let world = World::new().await;
    let first = done(&world, engine()).await;
    let second = done(&world, no_engine()).await;
    assert_eq!(fs::read(world.audio(&second)).unwrap(), fs::read(world.audio(&first)).unwrap());
    let third = done(&world, no_engine()).await;
    assert_eq!(third.audio.unwrap().duration, first.audio.unwrap().duration, "a copy of a copy");
}

#[tokio::test]
async fn an_earlier_audio_that_is_gone_or_cut_is_made_anew() {
    let world = World::new().await;
    let first = done(&world, engine()).await;
    let sound = fs::read(world.audio(&first)).unwrap();
    fs::write(world.audio(&first), &sound[1..]).unwrap();
    let second = done(&world, engine()).await;
    assert_eq!(fs::read(world.audio(&second)).unwrap(), sound);
    for job in [&first, &second] {
        fs::remove_file(world.audio(job)).unwrap();
    }
    assert_eq!(fs::read(world.audio(&done(&world, engine()).await)).unwrap(), sound);
}

#[tokio::test]
async fn a_copy_that_fails_is_followed_by_a_conversion() {
    let world = World::new().await;
    let first = done(&world, engine()).await;
    let sound = fs::read(world.audio(&first)).unwrap();
    // Nothing that an engine makes: a copy of it would show.
    fs::write(world.audio(&first), vec![0; sound.len()]).unwrap();
    let id = world.uploaded().await;
    fs::remove_dir(world.path("partial/audios")).unwrap();
    world.deliver(id, engine()).await.unwrap();
    assert_eq!(world.standing(id).await, (State::Queued, 0, 1), "it had no place to go");
    fs::create_dir(world.path("partial/audios")).unwrap();
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(kinds(&world.look().await), [VideoUploaded::TYPE]);
    world.deliver(id, engine()).await.unwrap();
    assert_eq!(world.standing(id).await, (State::Done, 1, 0));
    assert_eq!(fs::read(world.audio(&world.job(id).await)).unwrap(), sound);
}
