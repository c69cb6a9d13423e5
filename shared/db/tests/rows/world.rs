//! A database, its clock, and jobs in every state.

use std::time::Duration;

use contracts::{Clock, Envelope, FailureCode, JobId, Options, State, Timestamp, UserId, VideoId};
use db::{Audio, Claimed, Db, Finished, Job, NewJob, NewUser, Retention, Source};
use servers::{Shared, shared};
use sqlx::{AnyPool, Row as _};
use tempfile::TempDir;

pub(crate) const LEASE: Duration = Duration::from_secs(30);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);
pub(crate) const KEEP: Retention = Retention { videos: DAY, jobs: Duration::from_secs(30 * 86_400) };
pub(crate) const ENGINE: &str = "1";

/// A migrated, empty database.
pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) url: String,
    _folder: TempDir,
}

/// One of every kind, whose clock stands still.
pub(crate) async fn worlds() -> Vec<World> {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("db").display());
    vec![World::at(url, folder).await, mysql_world().await]
}

pub(crate) async fn mysql_world() -> World {
    World::at(mysql_url().await, tempfile::tempdir().unwrap()).await
}

/// An empty MySQL database on the server that the whole run shares.
pub(crate) async fn mysql_url() -> String {
    let server = shared(Shared::Database);
    let url = format!("{}/t{}", server.rsplit_once('/').unwrap().0, JobId::generate());
    Db::create_if_absent(&url).await.unwrap();
    url
}

/// For SQL of the tests' own.
pub(crate) async fn pool(url: &str) -> AnyPool {
    sqlx::any::install_default_drivers();
    let mode = if url.starts_with("sqlite:") { "?mode=rwc" } else { "" };
    AnyPool::connect(&format!("{url}{mode}")).await.unwrap()
}

impl World {
    async fn at(url: String, folder: TempDir) -> Self {
        let clock = Clock::manual(Timestamp::now());
        let db = Db::open(&url, 8).unwrap().with_clock(clock.clone());
        db.migrate().await.unwrap();
        Self { db, clock, url, _folder: folder }
    }

    pub(crate) async fn run(&self, sql: &str) -> u64 {
        let pool = pool(&self.url).await;
        let done = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&pool).await.unwrap().rows_affected();
        pool.close().await;
        done
    }

    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let pool = pool(&self.url).await;
        let number =
            sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(&pool).await.unwrap().try_get(0).unwrap();
        pool.close().await;
        number
    }

    /// Waits until a statement in this database waits for a lock.
    pub(crate) async fn somebody_waits(&self) {
        let waits = "SELECT CAST(COUNT(*) AS SIGNED) FROM information_schema.INNODB_TRX AS trx \
            JOIN information_schema.PROCESSLIST AS process ON process.ID = trx.trx_mysql_thread_id \
            WHERE trx.trx_state = 'LOCK WAIT' AND process.DB = DATABASE()";
        while self.number(waits).await == 0 {
            // The server renews this table when nobody has read it for 100 ms.
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }

    pub(crate) async fn user(&self) -> UserId {
        let email = format!("{}@example.org", UserId::generate());
        let new = NewUser { email, password_hash: "x".into(), admin_if_first: false, verified: true };
        self.db.create_user(new).await.unwrap().0.id
    }

    pub(crate) async fn job(&self, id: JobId) -> Job {
        self.db.jobs().get(id).await.unwrap().unwrap()
    }

    pub(crate) async fn state(&self, id: JobId) -> State {
        self.job(id).await.state
    }

    pub(crate) async fn uploading(&self, user_id: UserId) -> JobId {
        let id = JobId::generate();
        self.db.jobs().create(&NewJob { id, user_id, video_id: VideoId::generate() }).await.unwrap();
        id
    }

    pub(crate) async fn queued_with(&self, user_id: UserId, source: &Source, options: &Options) -> JobId {
        let id = self.uploading(user_id).await;
        self.db.jobs().queue(id, source, options).await.unwrap().unwrap();
        id
    }

    pub(crate) async fn queued_by(&self, user_id: UserId) -> JobId {
        self.queued_with(user_id, &Source::default(), &Options::default()).await
    }

    pub(crate) async fn queued(&self) -> JobId {
        self.queued_by(UserId::generate()).await
    }

    pub(crate) async fn claim(&self) -> Claimed {
        self.db.jobs().claim_next(LEASE).await.unwrap().unwrap()
    }

    pub(crate) async fn claimed(&self) -> Claimed {
        self.queued().await;
        self.claim().await
    }

    pub(crate) async fn finish(&self, claimed: &Claimed) {
        let finished = finished(claimed);
        self.db.jobs().finish(claimed, &finished, ENGINE).await.unwrap().unwrap();
    }

    pub(crate) async fn fail(&self, claimed: &Claimed) {
        let code = FailureCode::NoAudio;
        self.db.jobs().fail(claimed, code, "").await.unwrap().unwrap();
    }

    /// Looks until nothing is due; returns how many were, and the events.
    pub(crate) async fn look(&self) -> (usize, Vec<Envelope>) {
        let (mut jobs, mut events) = (0, Vec::new());
        loop {
            let looked = self.db.jobs().look(KEEP, 500).await.unwrap();
            if looked.jobs == 0 {
                return (jobs, events);
            }
            jobs += looked.jobs;
            events.extend(looked.events);
        }
    }

    /// The events of this type that are due.
    pub(crate) async fn events(&self, kind: &str) -> Vec<Envelope> {
        let due = self.db.outbox().due(kind, 20_000).await.unwrap();
        due.into_iter().map(|pending| pending.envelope).collect()
    }
}

pub(crate) fn finished(claimed: &Claimed) -> Finished {
    Finished {
        audio: Audio {
            id: claimed.lease.audio_id,
            bytes: 4_000_000_000_000,
            duration: Duration::from_millis(1234),
            codec: "mp3".into(),
            bitrate: 190_000,
        },
        peaks: None,
        source_codec: Some("aac".into()),
        source_duration: Some(Duration::from_millis(1240)),
        warning: Some("It ends early.".into()),
        keep: 7 * DAY,
    }
}

/// A mail and a webhook at the end.
pub(crate) fn mail_and_webhook() -> Options {
    Options { webhook: Some("https://example.org/hook".into()), ..Options::default() }
}
