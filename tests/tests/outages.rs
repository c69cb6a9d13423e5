//! Servers go away and come back under load: what was accepted ends once, and nothing hangs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tapedeck_tests::{Chaos, OwnServers, Platform, Setup, User, fixture};
use tokio::task::JoinSet;

const UPLOADS: usize = 100;

/// Leases short enough that a test need not wait for a dead converter's.
fn setup() -> Setup {
    Setup::default().set("CONVERT_LEASE_SECONDS", 8).set("SWEEP_TICKET_SECONDS", 20)
}

/// Uploads until `count` are accepted in all, four at once. A 5xx or a broken connection is tried again. Titles of their
/// own make most of them work for the converter.
fn upload_many(user: &User, count: usize, accepted: &Arc<AtomicUsize>) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    for _ in 0..4 {
        let (user, accepted) = (user.clone(), accepted.clone());
        clients.spawn(async move {
            while accepted.load(Ordering::SeqCst) < count {
                let title = accepted.load(Ordering::SeqCst).to_string();
                let upload = user.upload("video.mkv", fixture("video.mkv"), &[("title", &title)]);
                let answer = upload.send().await;
                match answer.map(|answer| answer.status().as_u16()) {
                    Ok(202) => drop(accepted.fetch_add(1, Ordering::SeqCst)),
                    Ok(status) => {
                        assert!(status >= 500, "{status}");
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                    Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
                }
            }
        });
    }
    clients
}

async fn reached(accepted: &AtomicUsize, count: usize) {
    while accepted.load(Ordering::SeqCst) < count {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Every job is done, and about each there is one mail.
async fn each_is_done_and_told_once(platform: &Platform, user: &User) -> usize {
    platform.settle().await;
    let mut mails: HashMap<String, usize> = HashMap::new();
    for mail in platform.mails() {
        *mails.entry(mail.job().to_owned()).or_default() += 1;
    }
    let jobs = user.all_jobs().await;
    for job in &jobs {
        assert_eq!(job["state"], "done", "{job}");
        assert_eq!(mails.get(job["id"].as_str().unwrap()), Some(&1), "{job}");
    }
    jobs.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_uploads_survive_a_restart_of_each_server_under_load() {
    let mut servers = OwnServers::start();
    let platform = setup().start_on(&servers).await;
    let ann = platform.new_user().await;
    let accepted = Arc::new(AtomicUsize::new(0));
    let clients = upload_many(&ann, UPLOADS, &accepted);
    reached(&accepted, 20).await;
    servers.rabbitmq.stop();
    servers.rabbitmq.restart();
    reached(&accepted, 45).await;
    servers.mariadb.stop();
    servers.mariadb.restart();
    reached(&accepted, 70).await;
    servers.mongod.stop();
    servers.mongod.restart();
    clients.join_all().await;
    let jobs = each_is_done_and_told_once(&platform, &ann).await;
    println!(
        "{} accepted, {jobs} jobs done, {} mails",
        accepted.load(Ordering::SeqCst),
        platform.mails().len()
    );
    assert!(jobs >= UPLOADS);
    platform.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_go_on_while_the_broker_is_away_and_are_converted_after_it() {
    let mut servers = OwnServers::start();
    let platform = setup().start_on(&servers).await;
    let ann = platform.new_user().await;
    servers.rabbitmq.stop();
    let mut ids = Vec::new();
    for _ in 0..12 {
        ids.push(ann.upload_fixture("video.mkv", &[]).await);
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    servers.rabbitmq.restart();
    assert_eq!(each_is_done_and_told_once(&platform, &ann).await, ids.len());
    platform.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_database_uploads_are_answered_503_at_once_and_nothing_is_left() {
    let mut servers = OwnServers::start();
    let platform = setup().start_on(&servers).await;
    let ann = platform.new_user().await;
    servers.mariadb.stop();
    for _ in 0..3 {
        let answer = ann.upload("video.mkv", fixture("video.mkv"), &[]).send().await.unwrap();
        assert_eq!(answer.status(), 503);
        assert!(answer.headers().contains_key("retry-after"));
    }
    servers.mariadb.restart();
    let id = ann.upload_fixture("video.mkv", &[]).await;
    assert_eq!(ann.ended(&id).await["state"], "done");
    assert_eq!(each_is_done_and_told_once(&platform, &ann).await, 1);
    platform.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_blob_store_uploads_are_answered_503_and_jobs_wait_for_it() {
    let mut servers = OwnServers::start();
    let platform = setup().start_on(&servers).await;
    let ann = platform.new_user().await;
    let before = ann.upload_fixture("video.mkv", &[]).await;
    ann.ended(&before).await;
    servers.mongod.stop();
    let answer = ann.upload("video.mkv", fixture("video.mkv"), &[]).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    let download = ann.get(&format!("/download?fid={before}")).await;
    assert_eq!(download.status(), 503);
    servers.mongod.restart();
    let id = ann.upload_fixture("video.mkv", &[]).await;
    assert_eq!(ann.ended(&id).await["state"], "done");
    assert_eq!(each_is_done_and_told_once(&platform, &ann).await, 2);
    platform.finish().await;
}

/// `make chaos` is the long form: more jobs, all faults.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_and_stopped_while_sixty_videos_come_nothing_is_lost_doubled_or_left() {
    let report = Chaos::short(60, 20_261_126).run().await;
    println!("{report}");
    assert!(report.is_good(), "{report}");
    assert!(report.accepted == 60 && report.faults.len() > 3, "{report}");
}
