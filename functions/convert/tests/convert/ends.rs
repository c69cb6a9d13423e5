//! How attempts end that bring no audio, and who takes over.

use std::{fs, time::Duration};

use contracts::{
    AudioReady, ConversionFailed, DeliveryDue, Event as _, FailureCode, Options, State, Trace, VideoUploaded,
};
use convert::ConvertConfig;
use db::Garbage;
use runtime::{Call, CancellationToken};

use crate::world::{LONG, World, engine, kinds, no_engine, silent_engine};

const FAILED: [&str; 2] = [ConversionFailed::TYPE, DeliveryDue::TYPE];

#[tokio::test]
async fn a_video_that_is_gone_fails_at_once_and_is_to_be_uploaded_again() {
    let world = World::new().await;
    let id = world.uploaded().await;
    fs::remove_file(world.video(id).await).unwrap();
    assert_eq!(kinds(&world.deliver(id, engine()).await.unwrap()), FAILED);
    let job = world.job(id).await;
    assert_eq!((job.state, job.attempts), (State::Failed, 1));
    let (code, detail) = job.error.unwrap();
    assert!(code == FailureCode::Internal && detail.contains("upload it again"), "{detail}");
    assert_eq!(world.count("partial/audios") + world.count("audios"), 0);
}

#[tokio::test]
async fn a_video_that_loses_bytes_while_it_is_read_fails_at_once_and_is_to_be_uploaded_again() {
    let world = World::new().await;
    let id = world.uploaded_noise(LONG).await;
    let conversion = world.converting(id, Call::default()).await;
    fs::File::options().write(true).open(world.video(id).await).unwrap().set_len(1000).unwrap();
    assert_eq!(kinds(&conversion.await.unwrap().unwrap()), FAILED);
    let job = world.job(id).await;
    assert_eq!((job.state, job.attempts), (State::Failed, 1));
    assert!(job.error.unwrap().1.contains("upload it again"));
    assert_eq!(world.count("partial/audios") + world.count("audios"), 0);
}

#[tokio::test]
async fn a_start_behind_the_end_of_the_sound_fails_at_once_with_a_code_of_its_own() {
    let world = World::new().await;
    let options = Options { start: Some(3600.0), ..Options::default() };
    let id = world.uploaded_with(options).await;
    assert_eq!(kinds(&world.deliver(id, engine()).await.unwrap()), FAILED);
    let job = world.job(id).await;
    assert_eq!((job.state, job.attempts), (State::Failed, 1));
    let (code, detail) = job.error.unwrap();
    assert!(
        code == FailureCode::StartTooLate && detail.contains("the sound ends at 0:00:"),
        "{code:?} {detail}"
    );
    assert!(!code.may_pass());
}

#[tokio::test]
async fn a_shutdown_in_mid_conversion_gives_the_job_back_uncounted_with_a_ticket() {
    let world = World::new().await;
    let id = world.uploaded_noise(LONG).await;
    // More often than attempts are counted.
    for _ in 0..4 {
        let shutdown = CancellationToken::new();
        let conversion = world.converting(id, Call::until(shutdown.clone())).await;
        shutdown.cancel();
        let events = conversion.await.unwrap().unwrap();
        assert_eq!(kinds(&events), [VideoUploaded::TYPE]);
        assert_eq!(events[0].subject, id.to_string());
        assert_eq!(world.standing(id).await, (State::Queued, 0, 0));
    }
    let events = world.deliver(id, engine()).await.unwrap();
    assert_eq!(events[0].kind, AudioReady::TYPE);
    assert_eq!(world.standing(id).await, (State::Done, 1, 0));
}

#[tokio::test]
async fn heartbeats_without_progress_are_no_sign_of_life() {
    let world = World::new().await;
    let id = world.uploaded().await;
    let config = ConvertConfig { stall_seconds: 1, ..ConvertConfig::default() };
    for attempt in [1, 2] {
        let events = world.deliver_with(id, silent_engine(), &config, Call::default()).await.unwrap();
        assert_eq!(kinds(&events), [VideoUploaded::TYPE]);
        assert_eq!(world.standing(id).await, (State::Queued, attempt, 0));
    }
    let events = world.deliver_with(id, silent_engine(), &config, Call::default()).await.unwrap();
    assert_eq!(kinds(&events), FAILED);
    assert_eq!(world.standing(id).await, (State::Failed, 3, 0));
}

#[tokio::test]
async fn an_engine_that_does_not_start_is_tried_three_times() {
    let world = World::new().await;
    let id = world.uploaded().await;
    for attempt in [1, 2] {
        assert_eq!(kinds(&world.deliver(id, no_engine()).await.unwrap()), [VideoUploaded::TYPE]);
        assert_eq!(world.standing(id).await, (State::Queued, attempt, 0));
    }
    assert_eq!(kinds(&world.deliver(id, no_engine()).await.unwrap()), FAILED);
    assert_eq!(world.job(id).await.error.unwrap().0, FailureCode::Internal);
}

#[tokio::test]
async fn the_conversion_of_a_canceled_job_stops_and_its_audio_is_garbage() {
    let world = World::new().await;
    let id = world.uploaded_noise(LONG).await;
    let conversion = world.converting(id, Call::default()).await;
    let partial = fs::read_dir(world.path("partial/audios")).unwrap().next().unwrap().unwrap();
    assert!(world.db.jobs().cancel(id).await.unwrap());
    assert!(conversion.await.unwrap().unwrap().is_empty());
    assert_eq!(world.job(id).await.state, State::Canceled);
    assert_eq!(world.count("partial/audios") + world.count("audios"), 0);
    // Also what a converter may leave that died meanwhile.
    world.clock.advance(Duration::from_secs(3600));
    let audio = partial.file_name().into_string().unwrap().parse().unwrap();
    assert_eq!(world.db.due_garbage(10).await.unwrap(), [Garbage::Audio(audio)]);
}

#[tokio::test]
async fn a_converter_that_has_lost_its_lease_stops_and_leaves_one_audio_of_the_other() {
    let world = World::new().await;
    let id = world.uploaded_noise(LONG).await;
    let late = world.converting(id, Call::default()).await;
    // Its heartbeats don't come through for as long as the lease is.
    let mut tickets = Vec::new();
    while tickets.is_empty() {
        world.clock.advance(Duration::from_secs(30));
        tickets = world.look().await;
    }
    assert_eq!(kinds(&tickets), [VideoUploaded::TYPE]);
    let other = world.deliver(id, engine()).await.unwrap();
    assert_eq!(other[0].kind, AudioReady::TYPE);
    assert!(late.await.unwrap().unwrap().is_empty());
    let job = world.job(id).await;
    assert_eq!((job.state, job.attempts, job.end_no), (State::Done, 2, 1));
    assert_eq!(world.count("partial/audios") + world.count("audios"), 1);
    assert!(world.audio(&job).exists());
}

#[tokio::test]
async fn the_end_of_a_job_belongs_to_its_own_trace_whichever_ticket_brought_the_converter() {
    let world = World::new().await;
    let trace = Trace::new(Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), Some("a=1"));
    let call = || Call { trace: trace.clone(), ..Call::default() };
    let first = world.uploaded_in(&trace).await;
    let own = world.deliver_with(first, engine(), &ConvertConfig::default(), call()).await.unwrap();
    assert_eq!(own.len(), 2, "the fact, and the mail that is due");
    assert!(own.iter().all(|event| event.extensions == trace.extensions()), "{own:?}");
    let second = world.uploaded_noise(1).await;
    let other = world.deliver_with(first, engine(), &ConvertConfig::default(), call()).await.unwrap();
    assert_eq!(other[0].subject, second.to_string());
    assert!(other.iter().all(|event| event.extensions.is_empty()), "{other:?}");
    let third = world.uploaded_in(&trace).await;
    let own = world.deliver(second, engine()).await.unwrap();
    assert_eq!(own[0].subject, third.to_string());
    assert!(own.iter().all(|event| event.extensions == trace.extensions()), "{own:?}");
}
