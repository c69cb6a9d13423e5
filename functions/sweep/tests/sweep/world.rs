//! A database whose clock the test turns, a folder of blobs, and a broker that only wakes: what is published stays in the
//! outbox, where a test can see it.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use blobs::{Blob, Blobs};
use broker::{Local, LocalConfig};
use contracts::{AudioId, Clock, Envelope, Event, JobId, Options, Timestamp, UserId, VideoId, VideoUploaded};
use db::{Audio, Claimed, Db, Finished, NewJob, Source};
use runtime::{Call, Failure, Function};
use sweep::{Sweep, SweepConfig};
use tempfile::TempDir;

pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);
/// How long a converter has its job.
pub(crate) const LEASE: Duration = Duration::from_secs(30);
/// How long nobody else looks after a process that died in the middle.
pub(crate) const SWEEP_LEASE: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) blobs: Blobs,
    folder: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::now());
        let url = format!("sqlite:{}", folder.path().join("db").display());
        let db = Db::open(&url, 4).unwrap().with_clock(clock.clone());
        db.migrate().await.unwrap();
        let blobs = Blobs::open(&format!("file:{}", folder.path().join("blobs").display())).unwrap();
        Self { db, clock, blobs, folder }
    }

    /// The function, as a process of its own has it.
    pub(crate) fn function(&self) -> Function {
        let broker = Local::new(self.db.clone(), LocalConfig::default()).broker();
        let config = SweepConfig::default();
        sweep::function(Sweep::new(self.db.clone(), self.blobs.clone(), broker, config))
    }

    pub(crate) async fn tick<E: Event + Default>(&self) -> Result<(), Failure> {
        self.tick_with::<E>(Call::default()).await
    }

    pub(crate) async fn tick_with<E: Event + Default>(&self, call: Call) -> Result<(), Failure> {
        let replies = self.function().deliver(self.event::<E>(), call).await?;
        assert!(replies.is_empty());
        Ok(())
    }

    pub(crate) fn event<E: Event + Default>(&self) -> Envelope {
        Envelope::of(&E::default(), self.clock.now()).unwrap()
    }

    pub(crate) async fn uploading(&self) -> NewJob {
        let new =
            NewJob { id: JobId::generate(), user_id: UserId::generate(), video_id: VideoId::generate() };
        self.db.jobs().create(&new).await.unwrap();
        self.file(Blob::Video(new.video_id));
        new
    }

    pub(crate) async fn queued(&self) -> NewJob {
        let new = self.uploading().await;
        self.db.jobs().queue(new.id, &Source::default(), &Options::default()).await.unwrap().unwrap();
        new
    }

    pub(crate) async fn claimed(&self) -> Claimed {
        self.queued().await;
        self.db.jobs().claim_next(LEASE).await.unwrap().unwrap()
    }

    /// Its audio is kept for a day.
    pub(crate) async fn done(&self) -> Claimed {
        let claimed = self.claimed().await;
        let id = claimed.lease.audio_id;
        self.file(Blob::Audio(id));
        let finished = Finished {
            audio: Audio { id, bytes: 1, duration: HOUR, codec: "mp3".into(), bitrate: 190_000 },
            peaks: None,
            source_codec: None,
            source_duration: None,
            warning: None,
            keep: DAY,
        };
        self.db.jobs().finish(&claimed, &finished, "1").await.unwrap().unwrap();
        claimed
    }

    /// A whole blob.
    pub(crate) fn file(&self, blob: Blob) -> PathBuf {
        self.file_at(&blob.to_string())
    }

    pub(crate) fn file_at(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, "x").unwrap();
        path
    }

    /// An audio that no row names, stored so long ago.
    pub(crate) fn orphan(&self, age: Duration) -> AudioId {
        let id = AudioId::generate();
        made_older(&self.file(Blob::Audio(id)), age);
        id
    }

    /// Of the blob store.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("blobs").join(name)
    }

    /// How many files there are in a folder of the blob store.
    pub(crate) fn count(&self, name: &str) -> usize {
        fs::read_dir(self.path(name)).unwrap().count()
    }

    /// The events of this type that are in the outbox.
    pub(crate) async fn events<E: Event>(&self) -> Vec<E> {
        let due = self.db.outbox().due(E::TYPE, 10_000).await.unwrap();
        due.into_iter().map(|pending| serde_json::from_value(pending.envelope.data).unwrap()).collect()
    }

    /// Every event in the outbox is published, and whoever heard it died: nobody comes to what it says by himself.
    pub(crate) async fn lose_events(&self) {
        for pending in self.db.outbox().unpublished(Duration::ZERO, 10_000).await.unwrap() {
            self.db.outbox().sent(&pending.envelope.id).await.unwrap();
        }
    }

    /// The jobs for which there are tickets, each once for each ticket.
    pub(crate) async fn tickets(&self) -> Vec<JobId> {
        self.events::<VideoUploaded>().await.into_iter().map(|ticket| ticket.job_id).collect()
    }

    /// As another version writes it.
    pub(crate) fn sql(&self, sql: &str) {
        let script = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], 60); db.execute(sys.argv[2]); db.commit()";
        #[expect(clippy::disallowed_methods, reason = "sqlx stands in db alone")]
        let mut python = std::process::Command::new("/usr/bin/python3");
        python.args(["-c", script]).arg(self.folder.path().join("db")).arg(sql);
        assert!(python.status().unwrap().success());
    }
}

pub(crate) fn made_older(path: &PathBuf, age: Duration) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - age).unwrap();
}
