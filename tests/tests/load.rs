//! Many at once: everybody is answered, every job ends once and is told once, memory stays small, and nobody waits for
//! somebody else's five hundred.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{path::Path, time::Duration};

use contracts::Timestamp;
use load_test::{Arrivals, Plan, Replicas};
use serde_json::Value;
use tapedeck_tests::{Setup, User, fixture, memory_mib};
use tokio::task::JoinSet;

const CLIENTS: usize = 20;
const JOBS: usize = 500;
/// For a machine that has other work too.
const PATIENCE: Duration = Duration::from_secs(240);
/// Small, and with sound.
const VIDEOS: [&str; 4] = ["he-aac-v1.mp4", "amr-nb.3gp", "moov-end.mp4", "video.mkv"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_videos_of_twenty_clients_at_once_are_each_done_and_told_once() {
    let platform = Setup::default().start().await;
    let plan = Plan {
        videos: JOBS,
        arrivals: Arrivals::Burst(CLIENTS),
        accounts: CLIENTS,
        files: VIDEOS.map(|video| (video.to_owned(), fixture(video))).to_vec(),
        ..Plan::burst(platform.home())
    };
    let workers =
        if platform.is_embedded() { Replicas::Children(platform.pid()) } else { Replicas::Processes };
    let report = load_test::run(&plan, &workers).await.unwrap();
    print!("{report}");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    report.write(&target.join("load-test/one-process.html")).unwrap();
    platform.settle_within(PATIENCE).await;
    assert!(report.is_good(), "{report}");
    assert_eq!((report.accepted(), report.done(), report.told(), report.unheard()), (JOBS, JOBS, JOBS, 0));
    // What was sent, besides what the platform says of it.
    let mut told: Vec<String> = platform.mails().iter().map(|mail| mail.job().to_owned()).collect();
    told.sort();
    told.dedup();
    assert_eq!((told.len(), platform.mails().len()), (JOBS, JOBS));
    if platform.is_embedded() {
        let peak = memory_mib(platform.pid(), "VmHWM:");
        println!("at most {peak} MiB");
        assert!(peak < 200, "{peak} MiB");
    }
    platform.finish().await;
}

/// Uploads until it is accepted; the job's id. Only an answer that says when to come again is tried again. A title of its
/// own makes it work for the converter.
async fn upload(user: &User, video: &str, title: &str) -> String {
    loop {
        let answer = user.upload(video, fixture(video), &[("title", title)]).send().await.unwrap();
        match answer.status().as_u16() {
            202 => return answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned(),
            status @ (429 | 503) => {
                let after = answer.headers().get("retry-after").unwrap_or_else(|| panic!("{status}"));
                let after = after.to_str().unwrap().parse().unwrap();
                tokio::time::sleep(Duration::from_secs(after)).await;
            }
            status => panic!("{status}: {}", answer.text().await.unwrap()),
        }
    }
}

fn finished_at(job: &Value) -> Timestamp {
    serde_json::from_value(job["finished_at"].clone()).unwrap()
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
    let one = finished_at(&bob.ended(&one).await);
    platform.settle().await;
    let others: Vec<Timestamp> = ann.all_jobs().await.iter().map(finished_at).collect();
    assert_eq!(others.len(), MANY);
    let before = others.iter().filter(|&&at| at > accepted && at < one).count();
    let after = others.iter().filter(|&&at| at > one).count();
    println!("{before} of the other's jobs were done before, {after} after");
    assert!(before <= 2, "{before} were done before");
    assert!(after > 2, "there was no queue: {after} were done after");
    platform.finish().await;
}
