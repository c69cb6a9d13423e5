//! Workers by the depth of the queue, as `keda/` says.

use std::{path::Path, time::Duration};

use knative_world::{Left, Pace, Why};
use load_test::{Depth, Plan, Replicas, Report};
use serde_json::Value;
use tapedeck_tests::{Deployment, Platform, Setup, User, fixture, long_wav};

use crate::until;

const VIDEOS: usize = 200;
/// At work while the others go.
const LONG: usize = 4;

fn fast(pace: f64) -> Deployment {
    Deployment { pace: Pace(pace), ..Deployment::default() }
}

/// Work for seconds: six times the samples, at the best quality, and heard twice.
async fn upload_long(user: &User, minutes: u64, title: &str) -> String {
    let options = [("sample_rate", "48000"), ("quality", "0"), ("loudness", "-16"), ("title", title)];
    let wav = reqwest::Body::wrap_stream(long_wav(Duration::from_secs(60 * minutes)));
    let answer = user.upload("long.wav", wav, &options).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
}

/// Uploads videos in a burst, and looks after them until no worker is left.
async fn burst(platform: &Platform, videos: usize) -> Report {
    let workers = || {
        let replicas = platform.cluster().replicas();
        Some(replicas.last().map_or(0, |now| u64::from(now.wanted) + now.leaving as u64))
    };
    let plan = Plan {
        world: "A process per function, wired and scaled as the manifests say; scaling is 40 times as fast as there".into(),
        videos,
        files: vec![("video.mkv".into(), fixture("video.mkv"))],
        depth: Depth::Rabbitmq(platform.queue_url()),
        until_none: Duration::from_secs(240),
        ..Plan::burst(platform.home())
    };
    let report = load_test::run(&plan, &Replicas::Known(&workers)).await.unwrap();
    print!("{report}");
    report
}

pub(crate) async fn scaled_to_none(platform: &Platform) {
    let gone = || platform.cluster().replicas().last().is_some_and(|now| now.wanted == 0 && now.leaving == 0);
    until("no worker is left", async || gone()).await;
}

fn print_replicas(platform: &Platform) {
    for now in platform.cluster().replicas() {
        println!("{now}");
    }
}

fn in_mid_work(left: &[Left], why: Why) -> Vec<Left> {
    left.iter().filter(|left| left.why == why && left.busy).copied().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_two_hundred_videos_scales_from_none_to_many_to_none_and_no_attempt_is_lost() {
    let platform = Setup::default().start_cluster(&fast(40.0)).await;
    let ann = platform.new_user().await;
    let (report, ()) = tokio::join!(burst(&platform, VIDEOS), async {
        for number in 0..LONG {
            upload_long(&ann, 25, &number.to_string()).await;
        }
    });
    platform.settle_within(Duration::from_secs(240)).await;
    scaled_to_none(&platform).await;
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    report.write(&target.join("load-test/burst.html")).unwrap();
    assert!(report.is_good(), "{report}");
    assert_eq!((report.done(), report.told(), report.attempts()), (VIDEOS, VIDEOS, VIDEOS as u64));
    let long = ann.all_jobs().await;
    for job in &long {
        assert_eq!((&job["state"], &job["attempts"]), (&"done".into(), &1.into()), "{job}");
    }
    assert_eq!(platform.mails().len(), VIDEOS + long.len());
    print_replicas(&platform);
    let (replicas, left) = (platform.cluster().replicas(), platform.cluster().left());
    let most = replicas.iter().map(|now| now.wanted).max().unwrap();
    let busy = in_mid_work(&left, Why::ScaleIn);
    println!(
        "{} jobs done at their first attempt by up to {most} workers; {} workers had to go, {} of them in mid-work",
        VIDEOS + long.len(),
        left.len(),
        busy.len()
    );
    assert_eq!(most, 10);
    assert!(!busy.is_empty(), "nobody went in mid-work: this shows nothing");
    assert!(left.iter().all(|left| left.code == Some(0)), "{left:?}");
    platform.finish().await;
}

/// What becomes of a job whose worker's node goes away two minutes after it was told: the worker's end, the job.
async fn drained(setup: Setup) -> (Left, Value) {
    let platform = setup.set("CONVERT_LEASE_SECONDS", 3).start_cluster(&fast(60.0)).await;
    let ann = platform.new_user().await;
    let id = upload_long(&ann, 12, "drained").await;
    until("it is being converted", async || ann.job(&id).await["progress"].as_f64().unwrap() > 0.0).await;
    let notice = Duration::from_secs(120).div_f64(60.0);
    assert!(platform.cluster().drain_worker(notice).await, "somebody is at work");
    let job = ann.ended(&id).await;
    let left = in_mid_work(&platform.cluster().left(), Why::Drain);
    platform.finish().await;
    assert_eq!(left.len(), 1, "{left:?}");
    (left[0], job)
}

#[tokio::test]
async fn a_worker_on_a_spot_node_is_killed_after_the_notice_and_its_job_costs_an_attempt() {
    let (left, job) = drained(Setup::default()).await;
    println!("{left:?}: {} after {} attempts", job["state"], job["attempts"]);
    assert_eq!(left.code, None, "its grace is longer than the notice");
    assert_eq!((&job["state"], &job["attempts"]), (&"done".into(), &2.into()), "{job}");
}

#[tokio::test]
async fn a_worker_on_a_spot_node_that_gives_its_job_back_within_the_notice_costs_none() {
    let (left, job) = drained(Setup::default().set("BROKER_DRAIN_SECONDS", 1)).await;
    println!("{left:?}: {} after {} attempts", job["state"], job["attempts"]);
    assert_eq!(left.code, Some(0));
    assert_eq!((&job["state"], &job["attempts"]), (&"done".into(), &1.into()), "{job}");
}
