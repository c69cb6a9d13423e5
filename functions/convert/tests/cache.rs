//! An earlier result spares the engine, and one that can't be had does not stand in its way.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::PathBuf};

use blobs::{Blob, Blobs};
use contracts::{Envelope, JobId, Options, State, UserId, VideoId, VideoUploaded};
use convert::{Convert, ConvertConfig};
use db::{Db, Job, NewJob, Source};
use media::Engine;
use runtime::Failure;
use tempfile::TempDir;

/// One user, who has one video.
struct World {
    db: Db,
    blobs: Blobs,
    user_id: UserId,
    folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let db = Db::open(&format!("sqlite:{}", at("db")), 2).unwrap();
        db.migrate().await.unwrap();
        let blobs = Blobs::open(&format!("file:{}", at("blobs"))).unwrap();
        Self { db, blobs, user_id: UserId::generate(), folder }
    }

    async fn uploaded(&self) -> JobId {
        let new = NewJob { id: JobId::generate(), user_id: self.user_id, video_id: VideoId::generate() };
        self.db.jobs().create(&new).await.unwrap();
        let mut upload = self.blobs.put(Blob::Video(new.video_id)).await.unwrap();
        let video = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/media/fixtures/moov-end.mp4");
        upload.write(fs::read(video).unwrap().into()).await.unwrap();
        upload.finish().await.unwrap();
        let source = Source { digest: Some("d".repeat(64)), ..Source::default() };
        self.db.jobs().queue(new.id, &source, &Options::default()).await.unwrap().unwrap();
        new.id
    }

    async fn deliver(&self, job_id: JobId, engine: Engine) -> Result<Vec<Envelope>, Failure> {
        let (db, blobs, config) = (self.db.clone(), self.blobs.clone(), ConvertConfig::default());
        let function = convert::function(Convert { db, blobs, engine, config });
        function.deliver(Envelope::of(&VideoUploaded { job_id }).unwrap()).await
    }

    async fn job(&self, id: JobId) -> Job {
        self.db.jobs().get(id).await.unwrap().unwrap()
    }

    /// A new job, converted or answered; its audio must be there.
    async fn done(&self, engine: Engine) -> Job {
        let id = self.uploaded().await;
        assert_eq!(self.deliver(id, engine).await.unwrap().len(), 1);
        let job = self.job(id).await;
        assert_eq!((job.state, job.attempts), (State::Done, 1));
        job
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("blobs").join(name)
    }

    fn audio(&self, job: &Job) -> PathBuf {
        self.path("audios").join(job.audio.as_ref().unwrap().id.to_string())
    }
}

fn engine() -> Engine {
    Engine::at(env!("CARGO_BIN_EXE_convert").into())
}

/// An engine that fails whoever starts it.
fn no_engine() -> Engine {
    Engine::at("/nowhere".into())
}

#[tokio::test]
async fn the_engine_is_not_started_for_a_video_that_was_converted_before() {
    let world = World::new().await;
    let first = world.done(engine()).await;
    let second = world.done(no_engine()).await;
    assert_eq!(fs::read(world.audio(&second)).unwrap(), fs::read(world.audio(&first)).unwrap());
    let third = world.done(no_engine()).await;
    assert_eq!(third.audio.unwrap().duration, first.audio.unwrap().duration, "a copy of a copy");
}

#[tokio::test]
async fn an_earlier_audio_that_is_gone_or_cut_is_made_anew() {
    let world = World::new().await;
    let first = world.done(engine()).await;
    let sound = fs::read(world.audio(&first)).unwrap();
    fs::write(world.audio(&first), &sound[1..]).unwrap();
    let second = world.done(engine()).await;
    assert_eq!(fs::read(world.audio(&second)).unwrap(), sound);
    for job in [&first, &second] {
        fs::remove_file(world.audio(job)).unwrap();
    }
    assert_eq!(fs::read(world.audio(&world.done(engine()).await)).unwrap(), sound);
}

#[tokio::test]
async fn a_copy_that_fails_is_followed_by_a_conversion() {
    let world = World::new().await;
    let first = world.done(engine()).await;
    let sound = fs::read(world.audio(&first)).unwrap();
    // Nothing that an engine makes: a copy of it would show.
    fs::write(world.audio(&first), vec![0; sound.len()]).unwrap();
    let id = world.uploaded().await;
    fs::remove_dir(world.path("partial/audios")).unwrap();
    let Err(Failure::Retry(cause)) = world.deliver(id, engine()).await else {
        panic!("it had no place to go")
    };
    assert!(cause.contains(&first.id.to_string()), "{cause}");
    fs::create_dir(world.path("partial/audios")).unwrap();
    world.deliver(id, engine()).await.unwrap();
    let job = world.job(id).await;
    assert_eq!((job.state, job.attempts), (State::Done, 2));
    assert_eq!(fs::read(world.audio(&job)).unwrap(), sound);
}
