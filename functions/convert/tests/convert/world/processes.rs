//! The roles of `convert` as real processes, on a virtual host of RabbitMQ, one database and one folder of blobs.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use blobs::{Blob, Blobs};
use broker::{Broker, BrokerConfig};
use contracts::{Envelope, JobId, Options, UserId, VideoId};
use db::{Db, Job, NewJob, Source};
use servers::Vhost;

use super::wav;

/// Seconds after which the job of a dead worker is anybody's.
const LEASE_SECONDS: &str = "3";

pub(crate) struct Processes {
    pub(crate) db: Db,
    blobs: Blobs,
    folder: tempfile::TempDir,
    vhost: Vhost,
    /// Types of the events that were posted to `K_SINK`.
    posted: Arc<Mutex<Vec<String>>>,
    sink: String,
}

impl Processes {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (database, files) = urls(&folder);
        let db = Db::open(&database, 4).unwrap();
        db.migrate().await.unwrap();
        let posted = Arc::default();
        let sink = sink(Arc::clone(&posted)).await;
        Self { db, blobs: Blobs::open(&files).unwrap(), folder, vhost: Vhost::make(), posted, sink }
    }

    /// A job whose video is `seconds` of sound, with its event in the outbox.
    pub(crate) async fn uploaded(&self, seconds: u32) -> Envelope {
        let new =
            NewJob { id: JobId::generate(), user_id: UserId::generate(), video_id: VideoId::generate() };
        self.db.jobs().create(&new).await.unwrap();
        let mut upload = self.blobs.put(Blob::Video(new.video_id)).await.unwrap();
        upload.write(wav(seconds).into()).await.unwrap();
        upload.finish().await.unwrap();
        self.db.jobs().queue(new.id, &Source::default(), &Options::default()).await.unwrap().unwrap().envelope
    }

    pub(crate) async fn job(&self, event: &Envelope) -> Job {
        self.db.jobs().get(event.subject.parse().unwrap()).await.unwrap().unwrap()
    }

    /// Waits until the job is as `wanted`.
    pub(crate) async fn job_is(&self, event: &Envelope, wanted: impl Fn(&Job) -> bool) -> Job {
        loop {
            let job = self.job(event).await;
            if wanted(&job) {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until an event of this type was posted.
    pub(crate) async fn posted(&self, kind: &str) {
        while !self.posted.lock().unwrap().iter().any(|known| known == kind) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What publishes without Knative.
    pub(crate) fn broker(&self) -> Broker {
        let config = BrokerConfig { broker_url: self.vhost.url(), ..BrokerConfig::default() };
        Broker::open(&config, self.db.clone()).unwrap()
    }

    /// `convert ROLE ...` on AMQP alone.
    pub(crate) fn start(&self, role: &[&str]) -> Process {
        self.start_with(role, &[])
    }

    /// `convert ROLE ...` as on Knative: events go to the sink.
    pub(crate) fn start_on_knative(&self, role: &[&str]) -> Process {
        self.start_with(role, &[("K_SINK", &self.sink)])
    }

    pub(crate) fn start_with(&self, role: &[&str], variables: &[(&str, &str)]) -> Process {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (database, files) = urls(&self.folder);
        #[expect(clippy::disallowed_methods, reason = "the program under test")]
        let mut command = Command::new(env!("CARGO_BIN_EXE_convert"));
        command
            .args(role)
            .env("PORT", port.to_string())
            .env("DATABASE_URL", database)
            .env("BLOBS_URL", files)
            .env("BROKER_URL", self.vhost.url())
            .env("CONVERT_LEASE_SECONDS", LEASE_SECONDS)
            .envs(variables.iter().copied())
            .stdin(Stdio::null());
        Process { child: command.spawn().unwrap(), port }
    }
}

fn urls(folder: &tempfile::TempDir) -> (String, String) {
    let at = |name: &str| folder.path().join(name).display().to_string();
    (format!("sqlite:{}", at("db")), format!("file:{}", at("blobs")))
}

async fn sink(posted: Arc<Mutex<Vec<String>>>) -> String {
    async fn take(State(posted): State<Arc<Mutex<Vec<String>>>>, headers: HeaderMap) -> StatusCode {
        posted.lock().unwrap().push(headers["ce-type"].to_str().unwrap().to_owned());
        StatusCode::ACCEPTED
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/", post(take)).with_state(posted);
    tokio::spawn(axum::serve(listener, router).into_future());
    url
}

/// A process of ours. Dropping it is `kill -9`.
pub(crate) struct Process {
    child: Child,
    port: u16,
}

impl Process {
    /// Posts `event` as a Trigger does; the status of the answer. Waits until somebody listens.
    pub(crate) async fn post(&self, kind: &str, event: &Envelope) -> u16 {
        let request = reqwest::Client::new()
            .post(format!("http://127.0.0.1:{}/", self.port))
            .header("ce-specversion", "1.0")
            .header("ce-id", &event.id)
            .header("ce-type", kind)
            .header("ce-source", &event.source)
            .header("ce-subject", &event.subject)
            .header("content-type", "application/json")
            .body(event.data.to_string());
        loop {
            match request.try_clone().unwrap().send().await {
                Ok(answer) => return answer.status().as_u16(),
                Err(error) if error.is_connect() => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// SIGTERM; the exit code.
    pub(crate) async fn stop(self) -> Option<i32> {
        let pid = libc::pid_t::try_from(self.child.id()).unwrap();
        #[expect(unsafe_code, reason = "std can't send SIGTERM")]
        // SAFETY: `kill` has no memory effects; the child is ours and not yet waited for.
        unsafe {
            libc::kill(pid, libc::SIGTERM);
        }
        self.ended().await
    }

    /// Waits for its end; the exit code.
    pub(crate) async fn ended(mut self) -> Option<i32> {
        tokio::task::spawn_blocking(move || self.child.wait().unwrap().code()).await.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
