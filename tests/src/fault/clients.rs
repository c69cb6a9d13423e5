//! What clients do while lines are bad. They speak to the gateway over a good line, so each request is answered: with what
//! was asked for, or with a problem that says to come again.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::world::ANSWER;
use crate::{User, fixture};

/// The longest that a request may take on a busy machine: what the gateway grants the function, twice (an upload may move
/// meanwhile), and some more.
const BOUND: Duration = Duration::from_secs(2 * ANSWER.as_secs() + 15);
/// Between two requests of one client.
const PAUSE: Duration = Duration::from_millis(150);
/// Between two videos.
const UPLOADS: Duration = Duration::from_millis(600);

/// What the clients were answered.
#[derive(Debug, Default)]
pub(super) struct Answers {
    counts: Mutex<BTreeMap<String, usize>>,
    /// Against the promise.
    wrong: Mutex<Vec<String>>,
    slowest: Mutex<Duration>,
}

/// Who uses the platform.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    /// Uploads videos.
    pub(super) ann: User,
    /// Has a video without sound converted again and again.
    pub(super) sam: User,
    pub(super) silent: String,
    pub(super) home: String,
    /// A job of Ann's that is done.
    pub(super) done: String,
    /// Where webhooks of Ann's jobs go.
    pub(super) hook: String,
    pub(super) answers: Arc<Answers>,
    /// Ids of Ann's uploads.
    pub(super) accepted: Arc<Mutex<Vec<String>>>,
    pub(super) number: Arc<AtomicUsize>,
}

impl Answers {
    /// Sends a request. The answer's status and body; 0 if it broke off after its head.
    async fn to(&self, request: RequestBuilder) -> (u16, Value) {
        let (client, request) = request.timeout(BOUND * 2).build_split();
        let request = request.unwrap();
        let what =
            format!("{} {}", request.method(), request.url().path().split('/').nth(1).unwrap_or_default());
        let begun = Instant::now();
        let answer = client.execute(request).await;
        let (status, body) = match answer {
            Ok(answer) => {
                let status = answer.status().as_u16();
                match answer.bytes().await {
                    Ok(bytes) => (status, serde_json::from_slice(&bytes).unwrap_or_default()),
                    Err(_) => (0, Value::Null),
                }
            }
            Err(error) => {
                self.is_wrong(format!("{what} has no answer: {error:?}"));
                (0, Value::Null)
            }
        };
        let took = begun.elapsed();
        let mut slowest = self.slowest.lock().unwrap();
        *slowest = took.max(*slowest);
        if took > BOUND {
            self.is_wrong(format!("{what} was answered {status} after {took:?}"));
        }
        *self.counts.lock().unwrap().entry(format!("{what} {status}")).or_default() += 1;
        (status, body)
    }

    /// The same, where nothing but these statuses and a server's problem may come.
    async fn expected(&self, request: RequestBuilder, expected: &[u16]) -> (u16, Value) {
        let (status, body) = self.to(request).await;
        // An answer may break off only where a server has said half of it.
        let away = matches!(status, 0 | 500 | 502 | 503 | 504);
        if !away && !expected.contains(&status) {
            self.is_wrong(format!("answered {status}, not {expected:?}: {body}"));
        }
        (status, body)
    }

    pub(super) fn is_wrong(&self, what: String) {
        self.wrong.lock().unwrap().push(what);
    }

    pub(super) fn wrong(&self) -> Vec<String> {
        self.wrong.lock().unwrap().clone()
    }

    /// All of it in a line.
    pub(super) fn told(&self) -> String {
        let counts = self.counts.lock().unwrap();
        let counts: Vec<_> = counts.iter().map(|(what, count)| format!("{what}: {count}")).collect();
        format!("{}; the slowest took {:.1} s", counts.join(", "), self.slowest.lock().unwrap().as_secs_f64())
    }
}

impl Clients {
    /// Uploads until one is accepted or `over`.
    pub(super) async fn upload(&self, over: &AtomicBool) {
        while !over.load(Ordering::SeqCst) {
            let title = format!("video {}", self.number.fetch_add(1, Ordering::SeqCst));
            let options = [("title", title.as_str()), ("webhook", self.hook.as_str())];
            let upload = self.ann.upload("he-aac-v1.mp4", fixture("he-aac-v1.mp4"), &options);
            let (status, body) = self.answers.expected(upload, &[202]).await;
            if let Some(id) = body["id"].as_str().filter(|_| status == 202) {
                self.accepted.lock().unwrap().push(id.to_owned());
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Several clients at once, until `over`.
    pub(super) fn work(&self, over: &Arc<AtomicBool>) -> JoinSet<()> {
        let mut all = JoinSet::new();
        let (clients, until) = (self.clone(), over.clone());
        all.spawn(async move {
            while !until.load(Ordering::SeqCst) {
                clients.upload(&until).await;
                tokio::time::sleep(UPLOADS).await;
            }
        });
        let (clients, until) = (self.clone(), over.clone());
        // Two, so that audio is asked for while the jobs are silent.
        all.spawn(async move {
            let audio = [format!("/download?fid={}", clients.done)];
            let jobs = [format!("/jobs/{}", clients.done), "/jobs".to_owned()];
            tokio::join!(clients.read(&audio, &until), clients.read(&jobs, &until));
        });
        let (clients, until) = (self.clone(), over.clone());
        all.spawn(async move { clients.register(&until).await });
        let (clients, until) = (self.clone(), over.clone());
        all.spawn(async move { clients.retry(&until).await });
        all
    }

    /// Asks for one of these after the other.
    async fn read(&self, paths: &[String], over: &AtomicBool) {
        while !over.load(Ordering::SeqCst) {
            for path in paths {
                self.answers.expected(self.ann.request(Method::GET, path), &[200]).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Registers and logs in.
    async fn register(&self, over: &AtomicBool) {
        let client = Client::new();
        while !over.load(Ordering::SeqCst) {
            let email = format!("late{}@example.org", self.number.fetch_add(1, Ordering::SeqCst));
            let account = json!({"email": email, "password": "correct horse battery"});
            let register = client.post(format!("{}/register", self.home)).json(&account);
            if self.answers.expected(register, &[201]).await.0 == 201 {
                let login = client.post(format!("{}/login", self.home));
                let login = login.basic_auth(&email, Some("correct horse battery"));
                self.answers.expected(login, &[200]).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Has the video without sound tried again, as often as it has failed.
    async fn retry(&self, over: &AtomicBool) {
        while !over.load(Ordering::SeqCst) {
            let retry = self.sam.request(Method::POST, &format!("/jobs/{}/retry", self.silent));
            // 409: it is on its way.
            self.answers.expected(retry, &[200, 409]).await;
            tokio::time::sleep(4 * PAUSE).await;
        }
    }
}
