//! Clients who don't give up, and what they were answered.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::task::{JoinHandle, JoinSet};

use super::Chaos;
use crate::{Platform, Random, User, fixture};

const CLIENTS: u64 = 8;
/// Small ones; the last has no sound.
const VIDEOS: [&str; 6] =
    ["he-aac-v1.mp4", "amr-nb.3gp", "moov-end.mp4", "video.mkv", "video.webm", "silent-movie.mp4"];
/// Titles for videos that come again: those are not converted twice.
const COMMON_TITLES: u64 = 4;
/// For one request.
const REQUEST: Duration = Duration::from_secs(60);
/// How long a client looks after a job before it uploads the next one.
const LOOK: Duration = Duration::from_secs(10);
/// For one upload to be accepted, with all its tries.
const UNTIL_ACCEPTED: Duration = Duration::from_secs(600);

/// An upload that was answered 202.
#[derive(Clone, Debug)]
pub(super) struct Accepted {
    pub(super) id: String,
    /// Whether the video has sound.
    pub(super) sound: bool,
}

/// What the clients know.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Each with what was accepted.
    pub(super) users: Vec<(User, Vec<Accepted>)>,
    /// How uploads were answered: a status, or `no answer`.
    pub(super) answers: BTreeMap<String, usize>,
}

type Answers = Arc<Mutex<BTreeMap<String, usize>>>;

/// At work.
pub(super) struct Clients {
    work: JoinHandle<Vec<(User, Vec<Accepted>)>>,
    answers: Answers,
}

impl Clients {
    /// Registers them and lets them upload until as many jobs are accepted as are wanted.
    pub(super) async fn start(platform: &Platform, chaos: &Chaos) -> Self {
        let (begun, answers) = (Arc::new(AtomicUsize::new(0)), Answers::default());
        let mut clients = JoinSet::new();
        for number in 1..=CLIENTS {
            let (user, random) = (platform.new_user().await, Random::new(chaos.seed ^ number));
            let (answers, thinks) = (answers.clone(), chaos.thinks.clone());
            let client = Client { user, random, number, answers, thinks };
            clients.spawn(client.work(begun.clone(), chaos.jobs));
        }
        Self { work: tokio::spawn(clients.join_all()), answers }
    }

    pub(super) fn are_done(&self) -> bool {
        self.work.is_finished()
    }

    /// Waits for them.
    pub(super) async fn history(self) -> History {
        let users = self.work.await.unwrap();
        History { users, answers: self.answers.lock().unwrap().clone() }
    }
}

struct Client {
    user: User,
    random: Random,
    number: u64,
    answers: Answers,
    thinks: Range<u64>,
}

impl Client {
    async fn work(mut self, begun: Arc<AtomicUsize>, jobs: usize) -> (User, Vec<Accepted>) {
        let mut accepted = Vec::new();
        loop {
            let job = begun.fetch_add(1, Ordering::SeqCst);
            if job >= jobs {
                return (self.user, accepted);
            }
            let video = self.random.pick(&VIDEOS);
            let title = match self.random.below(4) {
                0 => format!("common {}", self.random.below(COMMON_TITLES)),
                _ => format!("{} {job}", self.number),
            };
            let id = self.upload(video, &title).await;
            accepted.push(Accepted { id: id.clone(), sound: video != "silent-movie.mp4" });
            self.look_after(&id).await;
            tokio::time::sleep(self.random.time(&self.thinks)).await;
        }
    }

    /// Until it is accepted.
    async fn upload(&mut self, video: &str, title: &str) -> String {
        let until = Instant::now() + UNTIL_ACCEPTED;
        loop {
            let upload = self.user.upload(video, fixture(video), &[("title", title)]).timeout(REQUEST);
            let (answer, id) = match upload.send().await {
                // A 202 of which only the head arrives tells no id: the client does not know of the job.
                Ok(answer) if answer.status() == 202 => match answer.json::<Value>().await {
                    Ok(body) => ("202".to_owned(), Some(body["id"].as_str().unwrap().to_owned())),
                    Err(_) => ("no answer".to_owned(), None),
                },
                Ok(answer) => (answer.status().as_u16().to_string(), None),
                Err(_) => ("no answer".to_owned(), None),
            };
            *self.answers.lock().unwrap().entry(answer).or_default() += 1;
            if let Some(id) = id {
                return id;
            }
            assert!(Instant::now() < until, "no upload is accepted: {:?}", self.answers.lock().unwrap());
            tokio::time::sleep(self.random.time(&(100..800))).await;
        }
    }

    /// Asks how it goes, and takes some of the audio. What goes wrong here is judged in the end.
    async fn look_after(&mut self, id: &str) {
        let until = Instant::now() + LOOK;
        let get = |path: String| self.user.request(reqwest::Method::GET, &path).timeout(REQUEST).send();
        while Instant::now() < until {
            let job = match get(format!("/jobs/{id}?wait=5")).await {
                Ok(answer) => answer.json::<Value>().await.unwrap_or_default(),
                Err(_) => Value::Null,
            };
            match job["state"].as_str() {
                Some("done") => {
                    if self.random.below(3) == 0 {
                        let _ = get(format!("/download?fid={id}")).await;
                    }
                    return;
                }
                Some("failed") => return,
                _ => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }
}
