//! A database whose clock the test turns, a folder of blobs, and the function over them.

pub(crate) mod processes;
mod wav;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use blobs::{Blob, Blobs};
use contracts::{
    Clock, Envelope, Format, JobId, Options, State, Timestamp, Trace, UserId, VideoId, VideoUploaded,
};
use convert::{Convert, ConvertConfig};
use db::{Db, Job, NewJob, NewUser, Retention, Source};
use media::Engine;
use runtime::{Call, Failure};
use tempfile::TempDir;
use tokio::task::JoinHandle;

pub(crate) use wav::wav;

/// Seconds of noise that keep a converter busy for long enough to be interrupted.
pub(crate) const LONG: u32 = 600;

const DAY: Duration = Duration::from_secs(86_400);

/// What the sweep keeps.
const KEEP: Retention = Retention { videos: DAY, jobs: Duration::from_secs(30 * 86_400) };

pub(crate) type Delivered = Result<Vec<Envelope>, Failure>;

pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) anna: UserId,
    blobs: Blobs,
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
        let anna = user(&db, "anna").await;
        Self { db, clock, anna, blobs, folder }
    }

    pub(crate) async fn user(&self, name: &str) -> UserId {
        user(&self.db, name).await
    }

    /// A short video of Anna's, which she uploads again and again.
    pub(crate) async fn uploaded(&self) -> JobId {
        self.uploaded_by(self.anna).await
    }

    pub(crate) async fn uploaded_by(&self, user_id: UserId) -> JobId {
        self.uploaded_as(user_id, video(), Some("d".repeat(64)), Options::default()).await
    }

    /// By a request of this trace.
    pub(crate) async fn uploaded_in(&self, trace: &Trace) -> JobId {
        let db = self.db.caused_by(trace);
        self.stored(&db, self.anna, video(), Some("d".repeat(64)), Options::default()).await
    }

    pub(crate) async fn uploaded_with(&self, options: Options) -> JobId {
        self.uploaded_as(self.anna, video(), None, options).await
    }

    /// The same, with its waveform.
    pub(crate) async fn uploaded_for_peaks(&self) -> JobId {
        let options = Options { peaks: true, ..Options::default() };
        self.uploaded_as(self.anna, video(), Some("d".repeat(64)), options).await
    }

    pub(crate) async fn uploaded_noise(&self, seconds: u32) -> JobId {
        // Vorbis takes several times as long as MP3.
        let options = Options { format: Format::Ogg, ..Options::default() };
        self.uploaded_as(self.anna, wav(seconds), None, options).await
    }

    async fn uploaded_as(
        &self,
        user_id: UserId,
        video: Vec<u8>,
        digest: Option<String>,
        options: Options,
    ) -> JobId {
        self.stored(&self.db, user_id, video, digest, options).await
    }

    async fn stored(
        &self,
        db: &Db,
        user_id: UserId,
        video: Vec<u8>,
        digest: Option<String>,
        options: Options,
    ) -> JobId {
        let new = NewJob { id: JobId::generate(), user_id, video_id: VideoId::generate() };
        self.db.jobs().create(&new).await.unwrap();
        let mut upload = self.blobs.put(Blob::Video(new.video_id)).await.unwrap();
        upload.write(video.into()).await.unwrap();
        upload.finish().await.unwrap();
        let source = Source { digest, ..Source::default() };
        db.jobs().queue(new.id, &source, &options).await.unwrap().unwrap();
        new.id
    }

    /// A delivery of the ticket that was issued for this job.
    pub(crate) async fn deliver(&self, job_id: JobId, engine: Engine) -> Delivered {
        self.deliver_with(job_id, engine, &ConvertConfig::default(), Call::default()).await
    }

    pub(crate) async fn deliver_with(
        &self,
        job_id: JobId,
        engine: Engine,
        config: &ConvertConfig,
        call: Call,
    ) -> Delivered {
        let (db, blobs) = (self.db.clone(), self.blobs.clone());
        let function = convert::function(Convert { db, blobs, engine, config: config.clone() });
        let mut ticket = Envelope::of(&VideoUploaded { job_id }, self.clock.now()).unwrap();
        ticket.extensions = call.trace.extensions();
        function.deliver(ticket, call).await
    }

    /// The same in the background; returns when the conversion makes progress.
    pub(crate) async fn converting(&self, job_id: JobId, call: Call) -> JoinHandle<Delivered> {
        let (db, blobs, config) = (self.db.clone(), self.blobs.clone(), ConvertConfig::default());
        let function = convert::function(Convert { db, blobs, engine: engine(), config });
        let ticket = Envelope::of(&VideoUploaded { job_id }, self.clock.now()).unwrap();
        let delivery = tokio::spawn(async move { function.deliver(ticket, call).await });
        while self.job(job_id).await.progress == 0.0 {
            assert!(!delivery.is_finished(), "it must take long enough to be interrupted");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        delivery
    }

    pub(crate) async fn job(&self, id: JobId) -> Job {
        self.db.jobs().get(id).await.unwrap().unwrap()
    }

    /// State, attempts, outages.
    pub(crate) async fn standing(&self, id: JobId) -> (State, u32, u32) {
        let job = self.job(id).await;
        (job.state, job.attempts, job.outages)
    }

    /// What the sweep does to jobs that are due; returns the events.
    pub(crate) async fn look(&self) -> Vec<Envelope> {
        self.db.jobs().look(KEEP, 100).await.unwrap().events
    }

    /// Of the blob store.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("blobs").join(name)
    }

    pub(crate) async fn video(&self, id: JobId) -> PathBuf {
        self.path("videos").join(self.job(id).await.video_id.to_string())
    }

    pub(crate) fn audio(&self, job: &Job) -> PathBuf {
        self.path("audios").join(job.audio.as_ref().unwrap().id.to_string())
    }

    /// The waveform beside the audio.
    pub(crate) fn peaks(&self, job: &Job) -> PathBuf {
        self.path("peaks").join(job.audio.as_ref().unwrap().id.to_string())
    }

    /// How many files there are in a folder of the blob store.
    pub(crate) fn count(&self, name: &str) -> usize {
        fs::read_dir(self.path(name)).unwrap().count()
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

fn video() -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/media/fixtures/moov-end.mp4")).unwrap()
}

async fn user(db: &Db, name: &str) -> UserId {
    let (email, password_hash) = (format!("{name}@example.org"), "x".into());
    db.create_user(NewUser { email, password_hash, admin_if_first: false, verified: true })
        .await
        .unwrap()
        .0
        .id
}

pub(crate) fn engine() -> Engine {
    Engine::at(env!("CARGO_BIN_EXE_convert").into())
}

/// An engine that fails whoever starts it.
pub(crate) fn no_engine() -> Engine {
    Engine::at("/nowhere".into())
}

/// An engine that starts, and says nothing.
pub(crate) fn silent_engine() -> Engine {
    Engine::at(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/convert/silent-engine.sh").into())
}

pub(crate) fn kinds(events: &[Envelope]) -> Vec<&str> {
    events.iter().map(|event| event.kind.as_str()).collect()
}
