//! Each line between a function and a server is bad in each way, while a few jobs go through: what was accepted is done and
//! told once, every request is answered in time, and nothing needs a restart. And what other job systems have failed at.
//!
//! `tests/FAULTS.md` is the list of all faults that tests throw.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::HashMap, time::Duration};

use serde_json::Value;
use tapedeck_tests::{
    Platform, Setup, User,
    fault::{Bad, Disk, Faulty, JOBS, Recovery, freeze, set_clock},
    fixture, long_wav,
};

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
    let ann = recovery.platform.new_user().await;
    recovery.platform.settle().await;
    let ids: Vec<_> = recovery.leave_jobs(&ann.email).await.iter().map(ToString::to_string).collect();
    assert_eq!(ids.len(), JOBS);
    recovery.die_at(1).await;
    recovery.die_at(4).await;
    let mut platform = recovery.platform;
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
