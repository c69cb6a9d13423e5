//! Many at once: everybody is answered, every job ends once and is told once, memory stays small, and nobody waits for
//! somebody else's five hundred.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it measured"
)]

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use contracts::Timestamp;
use serde_json::Value;
use tapedeck_tests::{Platform, Setup, User, fixture, memory_mib};
use tokio::task::JoinSet;

const CLIENTS: usize = 20;
const JOBS_OF_EACH: usize = 25;
/// For a machine that has other work too.
const PATIENCE: Duration = Duration::from_secs(240);
/// Small, and with sound.
const VIDEOS: [&str; 4] = ["he-aac-v1.mp4", "amr-nb.3gp", "moov-end.mp4", "video.mkv"];

/// An upload that was accepted.
struct Accepted {
    id: String,
    begun: Timestamp,
    answered: Duration,
}

/// Uploads until it is accepted. Only an answer that says when to come again is tried again. A title of its own makes
/// it work for the converter.
async fn upload(user: &User, video: &str, title: &str) -> Accepted {
    loop {
        let (begun, clock) = (Timestamp::now(), Instant::now());
        let answer = user.upload(video, fixture(video), &[("title", title)]).send().await.unwrap();
        let answered = clock.elapsed();
        match answer.status().as_u16() {
            202 => {
                let body: Value = answer.json().await.unwrap();
                return Accepted { id: body["id"].as_str().unwrap().to_owned(), begun, answered };
            }
            status @ (429 | 503) => {
                let after = answer.headers().get("retry-after").unwrap_or_else(|| panic!("{status}"));
                let after = after.to_str().unwrap().parse().unwrap();
                tokio::time::sleep(Duration::from_secs(after)).await;
            }
            status => panic!("{status}: {}", answer.text().await.unwrap()),
        }
    }
}

/// All jobs of a user by id, as the API lists them.
async fn all_jobs(user: &User) -> HashMap<String, Value> {
    let jobs = user.all_jobs().await.into_iter();
    jobs.map(|job| (job["id"].as_str().unwrap().to_owned(), job)).collect()
}

fn finished_at(job: &Value) -> Timestamp {
    serde_json::from_value(job["finished_at"].clone()).unwrap()
}

fn since(begun: Timestamp, end: Timestamp) -> Duration {
    Duration::from_millis(end.millis().saturating_sub(begun.millis()).try_into().unwrap_or_default())
}

/// What became of all.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    accepted: usize,
    done: usize,
    failed: usize,
    told: usize,
    doubled: usize,
    lost: usize,
}

fn mails_by_job(platform: &Platform) -> BTreeMap<String, usize> {
    let mut mails = BTreeMap::new();
    for mail in platform.mails() {
        *mails.entry(mail.job().to_owned()).or_default() += 1;
    }
    mails
}

fn percentiles(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64();
    println!("{what:<22} p50 {:.3} s, p95 {:.3} s, p99 {:.3} s", at(50), at(95), at(99));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_videos_of_twenty_clients_at_once_are_each_done_and_told_once() {
    let platform = Setup::default().start().await;
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let user = platform.new_user().await;
        clients.spawn(async move {
            let mut accepted = Vec::new();
            for n in 0..JOBS_OF_EACH {
                let title = format!("{client}-{n}");
                accepted.push(upload(&user, VIDEOS[n % VIDEOS.len()], &title).await);
            }
            (user, accepted)
        });
    }
    let clients = clients.join_all().await;
    let uploaded = begun.elapsed().as_secs_f64();
    platform.settle_within(PATIENCE).await;
    let settled = begun.elapsed().as_secs_f64();
    let mails = mails_by_job(&platform);
    let (mut count, mut answered, mut done_after) = (Count::default(), Vec::new(), Vec::new());
    for (user, accepted) in &clients {
        let jobs = all_jobs(user).await;
        assert_eq!(jobs.len(), accepted.len(), "jobs that nobody was told of");
        for upload in accepted {
            count.accepted += 1;
            answered.push(upload.answered);
            let job = &jobs[&upload.id];
            match job["state"].as_str().unwrap() {
                "done" => {
                    count.done += 1;
                    done_after.push(since(upload.begun, finished_at(job)));
                }
                "failed" => count.failed += 1,
                _ => count.lost += 1,
            }
            let told = mails.get(&upload.id).copied().unwrap_or_default();
            count.told += told.min(1);
            count.doubled += told.saturating_sub(1);
        }
    }
    println!("{count:?}, uploaded in {uploaded:.1} s, all at rest after {settled:.1} s");
    percentiles("answer to an upload", answered);
    percentiles("POST to done", done_after);
    let all = CLIENTS * JOBS_OF_EACH;
    assert_eq!(count, Count { accepted: all, done: all, told: all, ..Count::default() });
    if platform.is_embedded() {
        let peak = memory_mib(platform.pid(), "VmHWM:");
        println!("at most {peak} MiB");
        assert!(peak < 200, "{peak} MiB");
    }
    platform.finish().await;
}

const MANY: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_video_beside_two_hundred_of_somebody_else_is_done_among_the_first_three() {
    let platform = Setup::default().set("CONVERT_WORKERS", 1).start_embedded();
    let (ann, bob) = (platform.new_user().await, platform.new_user().await);
    let mut clients = JoinSet::new();
    for client in 0..4 {
        let ann = ann.clone();
        clients.spawn(async move {
            for n in 0..MANY / 4 {
                upload(&ann, VIDEOS[0], &format!("{client}-{n}")).await;
            }
        });
    }
    clients.join_all().await;
    let one = upload(&bob, VIDEOS[0], "one").await;
    // What ends before this moment, but after the job was queued, is not counted: it was before.
    let accepted = Timestamp::now();
    let one = finished_at(&bob.ended(&one.id).await);
    platform.settle().await;
    let others: Vec<Timestamp> = all_jobs(&ann).await.values().map(finished_at).collect();
    assert_eq!(others.len(), MANY);
    let before = others.iter().filter(|&&at| at > accepted && at < one).count();
    let after = others.iter().filter(|&&at| at > one).count();
    println!("{before} of the other's jobs were done before, {after} after");
    assert!(before <= 2, "{before} were done before");
    assert!(after > 2, "there was no queue: {after} were done after");
    platform.finish().await;
}
