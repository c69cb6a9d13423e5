//! Each line between a function and a server is bad in each way, while a few jobs go through: what was accepted is done and
//! told once, every request is answered in time, and nothing needs a restart. And what other job systems have failed at.
//!
//! `tests/FAULTS.md` is the list of all faults that tests throw.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use contracts::{Channel, Clock, DeliveryId};
use db::Attempt;
use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use tapedeck_tests::{
    Platform, Setup, User,
    fault::{Bad, Disk, Faulty, JOBS, Recovery, freeze, set_clock},
    fixture, long_wav, mp4_of,
};
use tokio::sync::oneshot;

async fn suffer(some: &[Bad]) -> String {
    let mut faulty = Faulty::start().await;
    for bad in some {
        faulty.suffer(*bad).await;
    }
    faulty.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn lines_that_break_or_lose_answers_lose_and_double_nothing() {
    println!("{}", suffer(&[Bad::Lost, Bad::Half, Bad::Reset, Bad::Cut, Bad::Slow]).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn lines_that_are_forgotten_or_silent_lose_and_double_nothing_and_nobody_waits_for_ever() {
    println!("{}", suffer(&[Bad::Stalled, Bad::Forgotten]).await);
}

/// Uploads a small video that was never converted so; the job's id.
async fn small(user: &User, title: &str) -> String {
    user.upload_fixture("he-aac-v1.mp4", &[("title", title)]).await
}

/// Uploads sound that keeps a converter busy for some seconds; the job's id.
async fn long(user: &User) -> String {
    let sound = reqwest::Body::wrap_stream(long_wav(Duration::from_secs(1800)));
    let answer = user.upload("long.wav", sound, &[]).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
}

/// Each of these jobs is done, and told by one mail; what the API says of each.
async fn done_and_told_once(platform: &Platform, user: &User, ids: &[String]) -> Vec<Value> {
    platform.settle_within(Duration::from_secs(200)).await;
    let mut mails: HashMap<String, usize> = HashMap::new();
    for mail in platform.mails() {
        *mails.entry(mail.job().to_owned()).or_default() += 1;
    }
    let mut jobs = Vec::new();
    for id in ids {
        let job = user.job(id).await;
        assert_eq!((&job["state"], mails.get(id)), (&"done".into(), Some(&1)), "{job}");
        assert_eq!(user.get(&format!("/download?fid={id}")).await.status(), 200);
        jobs.push(job);
    }
    jobs
}

async fn converting(user: &User, id: &str) {
    while user.job(id).await["state"] != "converting" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// As dbos-transact-py#716: what was being recovered when the database restarted stayed pending for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_dies_inside_recovery_leaves_no_job_pending() {
    let mut recovery = Recovery::start().await;
    let ids: Vec<_> = recovery.leave_jobs().await.iter().map(ToString::to_string).collect();
    assert_eq!(ids.len(), JOBS);
    recovery.die_at(1).await;
    recovery.die_at(4).await;
    let Recovery { mut platform, ann, .. } = recovery;
    platform.start_function("sweep");
    platform.start_function("convert");
    for job in done_and_told_once(&platform, &ann, &ids).await {
        assert_eq!(job["attempts"], 2, "{job}");
    }
    platform.finish().await;
}

/// As inngest#2531 and #3549: runs came back from the dead after a crash, and a small burst wedged the queue.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_converter_that_was_frozen_changes_nothing_any_more_and_a_burst_is_not_held_up() {
    let setup = Setup::default().set("CONVERT_LEASE_SECONDS", 3).set("CLOCK_DUE_SECONDS", 1);
    let mut platform = setup.start_fleet().await;
    let ann = platform.new_user().await;
    let mut ids = vec![long(&ann).await];
    converting(&ann, &ids[0]).await;
    let frozen = freeze(&platform, "convert");
    for number in 0..20 {
        ids.push(small(&ann, &format!("burst {number}")).await);
    }
    let second = platform.start_second("convert");
    for id in &ids[1..] {
        assert_eq!(ann.ended(id).await["state"], "done");
    }
    let long = ann.ended(&ids[0]).await;
    assert_eq!((&long["state"], &long["attempts"]), (&"done".into(), &2.into()), "{long}");
    let audio = ann.get(&format!("/download?fid={}", ids[0])).await.bytes().await.unwrap();
    frozen.thaw();
    ids.push(small(&ann, "afterwards").await);
    ann.ended(ids.last().unwrap()).await;
    drop(second);
    ids.push(small(&ann, "by the one that was frozen").await);
    done_and_told_once(&platform, &ann, &ids).await;
    assert_eq!(ann.job(&ids[0]).await, long);
    assert_eq!(ann.get(&format!("/download?fid={}", ids[0])).await.bytes().await.unwrap(), audio);
    platform.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_whose_clocks_differ_by_four_minutes_lose_and_double_nothing() {
    for ahead in [120, -120] {
        let setup = Setup::default().set("CONVERT_LEASE_SECONDS", 3).set("CLOCK_DUE_SECONDS", 1);
        let mut platform = setup.start_fleet().await;
        let before = platform.new_user().await;
        for function in ["auth", "convert", "jobs"] {
            set_clock(&mut platform, function, ahead);
        }
        for function in ["upload", "notify", "sweep", "download"] {
            set_clock(&mut platform, function, -ahead);
        }
        let mut ann = platform.new_user().await;
        assert_eq!(before.get("/jobs").await.status(), 200, "a token from before");
        let mut ids = vec![long(&ann).await];
        for number in 0..3 {
            ids.push(small(&ann, &number.to_string()).await);
        }
        ann.log_in().await;
        for job in done_and_told_once(&platform, &ann, &ids).await {
            assert_eq!(job["attempts"], 1, "nobody takes a lease for expired: {job}");
        }
        for mail in platform.mails() {
            assert_eq!(reqwest::get(mail.link().unwrap()).await.unwrap().status(), 200);
        }
        let link = ann.request(reqwest::Method::POST, &format!("/jobs/{}/link", ids[0]));
        let link: Value =
            link.json(&serde_json::json!({"expires_in": 60})).send().await.unwrap().json().await.unwrap();
        assert_eq!(reqwest::get(link["url"].as_str().unwrap()).await.unwrap().status(), 200, "{link}");
        platform.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_nothing_more_is_taken_what_is_there_is_served_and_all_goes_on_when_there_is_room() {
    let disk = Disk::make();
    let platform = disk.under(Setup::default()).start_embedded();
    let ann = platform.new_user().await;
    let mut ids = vec![small(&ann, "before").await];
    ann.ended(&ids[0]).await;
    ids.push(long(&ann).await);
    converting(&ann, &ids[1]).await;
    for number in 0..3 {
        ids.push(small(&ann, &number.to_string()).await);
    }
    disk.is_full();
    for _ in 0..5 {
        for video in ["he-aac-v1.mp4", "video.mkv"] {
            let answer = ann.upload(video, fixture(video), &[]).send().await.unwrap();
            let status = answer.status().as_u16();
            assert!(matches!(status, 503 | 507), "{status}: {}", answer.text().await.unwrap());
        }
        assert_eq!(ann.get(&format!("/download?fid={}", ids[0])).await.status(), 200);
        assert_eq!(ann.get("/jobs").await.status(), 200);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    disk.has_room();
    ids.push(small(&ann, "afterwards").await);
    done_and_told_once(&platform, &ann, &ids).await;
    platform.finish().await;
}

/// A body whose second half is sent when somebody says so.
fn in_halves(bytes: Bytes) -> (oneshot::Sender<()>, reqwest::Body) {
    let (go_on, wait) = oneshot::channel::<()>();
    let halves = [bytes.slice(..bytes.len() / 2), bytes.slice(bytes.len() / 2..)];
    let [first, second] = halves.map(Ok::<_, std::io::Error>);
    let second = async move {
        wait.await.unwrap();
        second
    };
    (go_on, reqwest::Body::wrap_stream(stream::iter([first]).chain(stream::once(second))))
}

/// The webhook of this job, which has failed so often that it is due in an hour or later.
async fn failing_webhook(platform: &Platform, job: &str) -> DeliveryId {
    let db = platform.db();
    let of_job = || async { db.deliveries().of_job(job.parse().unwrap()).await.unwrap() };
    let hour = Duration::from_secs(3600);
    let mut later = db.now().await.unwrap();
    loop {
        let told = of_job().await.into_iter().find(|one| one.channel == Channel::Webhook);
        let Some(webhook) = told.filter(|webhook| webhook.detail.is_some()) else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        if webhook.due_at.unwrap() > db.now().await.unwrap().after(hour) {
            return webhook.id;
        }
        later = later.after(hour);
        let then = db.clone().with_clock(Clock::manual(later));
        if let Some(claim) = then.deliveries().claim(webhook.id, hour).await.unwrap() {
            then.deliveries().settle(&claim, Attempt::Failed("away".into())).await.unwrap();
        }
    }
}

/// As a rolling update has it. Once the second one took all leases, uploads, mails and webhooks for those of a process that had died.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_on_the_same_servers_leaves_the_first_ones_work_and_the_times_of_webhooks_alone() {
    let setup = Setup::default().set("WEBHOOK_UNSAFE_TARGETS_FOR_TESTS", true).on_servers().await;
    let first = setup.clone().start_embedded();
    let ann = first.new_user().await;
    let hook = [("webhook", "https://127.0.0.1:1/hook")];
    let mut ids = vec![ann.upload_fixture("he-aac-v1.mp4", &hook).await];
    let webhook = failing_webhook(&first, &ids[0]).await;
    let before = first.db().deliveries().get(webhook).await.unwrap().unwrap();
    ids.push(long(&ann).await);
    converting(&ann, &ids[1]).await;
    // Half of it is more than an upload looks at before it has a job.
    let video: Vec<u8> = mp4_of(1 << 20).flatten().collect();
    let (go_on, body) = in_halves(video.into());
    let upload = tokio::spawn(ann.upload("large.mp4", body, &[]).send());
    while ann.all_jobs().await[0]["state"] != "uploading" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let keys = first.data().join("keys");
    let of_first = |setup: Setup, (name, file): (&str, &str)| setup.set(name, keys.join(file).display());
    let same_keys = [
        ("SIGNING_KEY_FILE", "signing.pem"),
        ("LINKS_KEY_FILE", "links.key"),
        ("PROOFS_KEY_FILE", "proofs.key"),
    ];
    let second = same_keys.into_iter().fold(setup, of_first).start_embedded();
    tokio::time::sleep(Duration::from_secs(2)).await;
    go_on.send(()).unwrap();
    let accepted = upload.await.unwrap().unwrap();
    assert_eq!(accepted.status(), 202);
    ids.push(accepted.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned());
    let there = ann.at(second.home());
    for id in &ids {
        let job = there.ended(id).await;
        assert_eq!((&job["state"], &job["attempts"]), (&"done".into(), &1.into()), "{job}");
    }
    let after = first.db().deliveries().get(webhook).await.unwrap().unwrap();
    assert_eq!((after.attempts, after.due_at), (before.attempts, before.due_at), "nobody was called");
    let then = first.db().with_clock(Clock::manual(after.due_at.unwrap()));
    let claim = then.deliveries().claim(webhook, Duration::from_secs(60)).await.unwrap().unwrap();
    then.deliveries().settle(&claim, Attempt::Dropped("the test ends".into())).await.unwrap();
    first.settle().await;
    for id in &ids {
        let mails = first.mails().into_iter().chain(second.mails());
        assert_eq!(mails.filter(|mail| mail.job() == id).count(), 1, "{id}");
    }
    second.finish().await;
    first.finish().await;
}

/// InnoDB's log does not grow, so rows are written as long as their table has room: then no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_full_disk_under_mariadb_uploads_are_answered_503_and_all_goes_on_when_there_is_room() {
    let disk = Disk::make();
    let servers = disk.servers();
    let platform = Setup::default().set("CONVERT_LEASE_SECONDS", 8).start_on(&servers).await;
    let ann = platform.new_user().await;
    let mut ids = vec![small(&ann, "before").await];
    ann.ended(&ids[0]).await;
    ids.push(long(&ann).await);
    converting(&ann, &ids[1]).await;
    for number in 0..3 {
        ids.push(small(&ann, &number.to_string()).await);
    }
    disk.is_full();
    let filled = disk.fill_jobs(&servers.mariadb);
    let mut refused = 0;
    for _ in 0..10 {
        let answer = ann.upload("video.mkv", fixture("video.mkv"), &[]).send().await.unwrap();
        match answer.status().as_u16() {
            503 => {
                assert!(answer.headers().contains_key("retry-after"));
                refused += 1;
            }
            // Room that an old entry has left.
            202 => ids.push(answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()),
            status => panic!("{status}: {}", answer.text().await.unwrap()),
        }
        assert_eq!(ann.get(&format!("/download?fid={}", ids[0])).await.status(), 200);
        assert_eq!(ann.get("/jobs").await.status(), 200);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    println!("{filled} rows filled the table; {refused} of 10 uploads were refused");
    assert!(refused > 2, "{refused} were refused");
    disk.has_room();
    ids.push(small(&ann, "afterwards").await);
    disk.empty_jobs(&servers.mariadb);
    done_and_told_once(&platform, &ann, &ids).await;
    assert_eq!(ann.all_jobs().await.len(), ids.len(), "of what was refused nothing is left");
    platform.finish().await;
}

/// As hatchet#2573: a NUL byte, which the database did not take, left a run stuck.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_and_options_with_nul_bytes_are_refused_or_their_jobs_end() {
    for platform in [Setup::default().start_embedded(), Setup::default().start_fleet().await] {
        let ann = platform.new_user().await;
        let mut ids = Vec::new();
        for (name, title) in [("a\0b.mp4", "plain"), ("plain.mp4", "a\0b"), ("\0", "\0\0")] {
            let answer =
                ann.upload(name, fixture("he-aac-v1.mp4"), &[("title", title)]).send().await.unwrap();
            match answer.status().as_u16() {
                202 => ids.push(answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()),
                status => assert!(matches!(status, 400 | 422), "{status}"),
            }
        }
        done_and_told_once(&platform, &ann, &ids).await;
        platform.finish().await;
    }
}
