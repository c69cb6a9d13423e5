//! A database that dies in the middle of what the sweep does for jobs whose converters have died.

use std::time::Duration;

use contracts::{Clock, JobId, Options, UserId, VideoId};
use db::{Db, NewJob, Source};
use servers::Mariadb;

use super::{
    cells::DATABASE,
    line::{Last, Line},
};
use crate::{Platform, Setup, User, crash::pass_sweep_leases, fixture, fleet::Place};

/// Jobs whose converters have died.
pub const JOBS: usize = 12;

/// A platform on a MariaDB of its own, to which the sweep speaks over a line.
#[derive(Debug)]
pub struct Recovery {
    /// All of it; the converter and the sweep are not started yet.
    pub platform: Platform,
    /// Whose jobs they are.
    pub ann: User,
    mariadb: Mariadb,
    line: Line,
}

impl Recovery {
    /// Starts it. Ann registers while there is a sweep: her event may come before the queue that takes it.
    pub async fn start() -> Self {
        let mariadb = Mariadb::start();
        let place = Place { database_url: mariadb.url(), ..Place::shared().await };
        let setup = Setup::default().set("CLOCK_DUE_SECONDS", 1).set("CONVERT_LEASE_SECONDS", 8);
        let mut platform = setup.start_at(place).await;
        let line = Line::to(mariadb.port(), Last::Holds(&[b"COMMIT"])).await;
        let ann = platform.new_user().await;
        platform.settle().await;
        platform.kill_function("convert");
        platform.kill_function("sweep");
        Self { platform, ann, mariadb, line }
    }

    /// Jobs of hers that were claimed by converters an hour ago, of whom nobody has heard since.
    pub async fn leave_jobs(&self) -> Vec<JobId> {
        let db = self.platform.db();
        let owner = db.user_by_email(&self.ann.email).await.unwrap().unwrap().id;
        let then = db.now().await.unwrap().before(Duration::from_secs(3600));
        let old = db.with_clock(Clock::manual(then));
        let mut jobs = Vec::new();
        for _ in 0..JOBS {
            jobs.push(self.claimed(&old, owner).await);
        }
        jobs
    }

    async fn claimed(&self, db: &Db, user_id: UserId) -> JobId {
        let new = NewJob { id: JobId::generate(), user_id, video_id: VideoId::generate() };
        db.jobs().create(&new).await.unwrap();
        let mut upload = self.platform.blobs().put(blobs::Blob::Video(new.video_id)).await.unwrap();
        upload.write(fixture("he-aac-v1.mp4")).await.unwrap();
        upload.finish().await.unwrap();
        let source = Source { name: "left.mp4".into(), container: "mp4".into(), ..Source::default() };
        let ticket = db.jobs().queue(new.id, &source, &Options::default()).await.unwrap().unwrap();
        db.jobs().claim_next(Duration::from_secs(8)).await.unwrap().unwrap();
        db.outbox().sent(&ticket.envelope.id).await.unwrap();
        new.id
    }

    /// Starts the sweep, and kills the database at its `commit`-th commit, whose answer is lost. Then it comes back.
    pub async fn die_at(&mut self, commit: usize) {
        self.line.loses_an_answer_after(commit - 1);
        let url = self.line.url(&format!("{}?ssl-mode=DISABLED", self.mariadb.url()));
        self.platform.start_function_with("sweep", &[(DATABASE.to_owned(), url)], |_| {});
        while !self.line.has_done_harm() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.mariadb.kill();
        tokio::time::sleep(Duration::from_secs(2)).await;
        self.mariadb.restart();
        self.platform.kill_function("sweep");
        pass_sweep_leases(self.platform.db()).await;
    }
}
