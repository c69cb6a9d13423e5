//! A store or the database is away for a while: nothing is counted against the job, and nothing is done twice.

use std::{fs, time::Duration};

use blobs::{Blob, Blobs};
use contracts::{
    AudioReady, ConversionFailed, Event as _, FailureCode, JobId, Options, State, UserId, VideoId,
    VideoUploaded, pause_after,
};
use convert::{Convert, ConvertConfig};
use db::{Db, NewJob, Source};
use runtime::Call;
use servers::{Proxy, Shared, port_of, shared};

use crate::world::{LONG, World, engine, kinds, wav};

#[tokio::test]
async fn a_store_that_is_away_lets_the_job_rest_and_it_comes_back_with_a_ticket() {
    let world = World::new().await;
    let id = world.uploaded().await;
    // First it takes nothing, then it can't keep what it has taken.
    for (outages, folder) in [(1, "partial/audios"), (2, "audios")] {
        fs::remove_dir(world.path(folder)).unwrap();
        assert!(world.deliver(id, engine()).await.unwrap().is_empty());
        assert_eq!(world.standing(id).await, (State::Queued, 0, outages));
        assert!(world.deliver(id, engine()).await.unwrap().is_empty(), "it rests");
        assert_eq!(world.standing(id).await, (State::Queued, 0, outages));
        fs::create_dir(world.path(folder)).unwrap();
        world.clock.advance(pause_after(outages).unwrap() - Duration::from_millis(1));
        assert!(world.look().await.is_empty());
        world.clock.advance(Duration::from_millis(1));
        let events = world.look().await;
        assert_eq!((kinds(&events), &events[0].subject), (vec![VideoUploaded::TYPE], &id.to_string()));
    }
    world.deliver(id, engine()).await.unwrap();
    assert_eq!(world.standing(id).await, (State::Done, 1, 0));
}

#[tokio::test]
async fn a_job_fails_when_the_store_was_away_for_as_long_as_the_table_of_pauses_says() {
    let world = World::new().await;
    let id = world.uploaded().await;
    fs::remove_dir(world.path("partial/audios")).unwrap();
    let begun = world.clock.now();
    for outages in 1..=10 {
        assert!(world.deliver(id, engine()).await.unwrap().is_empty());
        assert_eq!(world.standing(id).await, (State::Queued, 0, outages));
        world.clock.advance(pause_after(outages).unwrap());
        assert_eq!(kinds(&world.look().await), [VideoUploaded::TYPE]);
    }
    let events = world.deliver(id, engine()).await.unwrap();
    assert_eq!(events[0].kind, ConversionFailed::TYPE);
    let job = world.job(id).await;
    assert_eq!((job.state, job.error.unwrap().0), (State::Failed, FailureCode::Internal));
    assert!(world.clock.now() >= begun.after(Duration::from_secs(24 * 3600)), "a day at least");
}

#[tokio::test]
async fn a_database_that_is_cut_while_the_end_is_written_costs_no_second_conversion() {
    let url = format!("{}/t{}", shared(Shared::Database).rsplit_once('/').unwrap().0, JobId::generate());
    Db::create_if_absent(&url).await.unwrap();
    let line = Proxy::to(port_of(&url));
    let (near, far) = (Db::open(&url, 2).unwrap(), Db::open(&line.url(&url), 4).unwrap());
    near.migrate().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(&format!("file:{}", folder.path().display())).unwrap();
    let new = NewJob { id: JobId::generate(), user_id: UserId::generate(), video_id: VideoId::generate() };
    near.jobs().create(&new).await.unwrap();
    let mut upload = blobs.put(Blob::Video(new.video_id)).await.unwrap();
    upload.write(wav(LONG).into()).await.unwrap();
    upload.finish().await.unwrap();
    let ticket = near.jobs().queue(new.id, &Source::default(), &Options::default()).await.unwrap().unwrap();

    let config = ConvertConfig { lease_seconds: 300, ..ConvertConfig::default() };
    let function = convert::function(Convert { db: far, blobs, engine: engine(), config });
    let conversion = tokio::spawn(async move { function.deliver(ticket.envelope, Call::default()).await });
    // The first heartbeat: the converter knows that the job is its own.
    while near.jobs().get(new.id).await.unwrap().unwrap().progress == 0.0 {
        assert!(!conversion.is_finished(), "it must take long enough to be cut off");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    line.stall();
    // The audio is stored, its end is not.
    let audios = || fs::read_dir(folder.path().join("audios")).unwrap().count();
    while audios() == 0 {
        assert!(!conversion.is_finished());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for _ in 0..10 {
        line.cut();
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert_eq!(near.jobs().get(new.id).await.unwrap().unwrap().state, State::Converting);
    line.go_on();
    let events = conversion.await.unwrap().unwrap();
    assert_eq!(events[0].kind, AudioReady::TYPE);
    let job = near.jobs().get(new.id).await.unwrap().unwrap();
    assert_eq!((job.state, job.attempts, job.end_no), (State::Done, 1, 1));
    assert_eq!(audios(), 1);
}
