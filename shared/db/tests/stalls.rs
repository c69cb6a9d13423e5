//! A line to MySQL that is bad: nobody waits for ever, and when it is good again everything works at once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use contracts::JobId;
use db::{Db, Error};
use servers::{Proxy, Shared, shared};
use tokio::{task::JoinSet, time::timeout};

const CONNECTIONS: u32 = 3;
/// Much longer than any call may take: a call that hangs is told from one that a busy machine delays.
const PATIENCE: Duration = Duration::from_secs(20);

/// A migrated database, and a handle on it through a proxy whose connections are all open.
async fn world() -> (Db, Proxy) {
    let server = shared(Shared::Database);
    let url = format!("{}/t{}", server.rsplit_once('/').unwrap().0, JobId::generate());
    Db::create_if_absent(&url).await.unwrap();
    Db::open(&url, 1).unwrap().migrate().await.unwrap();
    let port = server.rsplit_once(':').unwrap().1.split('/').next().unwrap().parse().unwrap();
    let proxy = Proxy::to(port);
    let db = Db::open(&proxy.url(&url), CONNECTIONS).unwrap();
    assert_eq!(asked(&db, CONNECTIONS).await, [true; 3]);
    (db, proxy)
}

/// Whether each of so many calls at once was answered. All end in time, those without an answer as an outage.
async fn asked(db: &Db, calls: u32) -> Vec<bool> {
    let mut all = JoinSet::new();
    for _ in 0..calls {
        let db = db.clone();
        all.spawn(async move { timeout(PATIENCE, db.job(JobId::generate())).await.expect("the call hangs") });
    }
    let answers = all.join_all().await.into_iter();
    answers
        .inspect(|answer| assert!(matches!(answer, Ok(None) | Err(Error::Unavailable(_))), "{answer:?}"))
        .map(|answer| answer.is_ok())
        .collect()
}

#[tokio::test]
async fn calls_on_a_silent_line_are_unavailable_and_all_works_when_it_speaks_again() {
    let (db, proxy) = world().await;
    proxy.stall();
    assert_eq!(asked(&db, CONNECTIONS).await, [false; 3]);
    assert_eq!(asked(&db, CONNECTIONS).await, [false; 3], "new connections are silent too");
    proxy.go_on();
    assert_eq!(asked(&db, CONNECTIONS * 2).await, [true; 6]);
}

#[tokio::test]
async fn callers_who_leave_in_the_middle_do_not_block_those_who_come() {
    let (db, proxy) = world().await;
    proxy.stall();
    for _ in 0..CONNECTIONS {
        assert!(timeout(Duration::from_millis(100), db.job(JobId::generate())).await.is_err());
    }
    proxy.go_on();
    assert_eq!(asked(&db, CONNECTIONS).await, [true; 3]);
}

#[tokio::test]
async fn connections_that_died_while_they_rested_are_made_anew() {
    let (db, proxy) = world().await;
    proxy.cut();
    // Longer than what a connection may rest without being asked.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(asked(&db, CONNECTIONS).await, [true; 3]);
}

#[tokio::test]
async fn a_transaction_on_a_silent_line_ends_too() {
    let (db, proxy) = world().await;
    proxy.stall();
    let deleted = timeout(PATIENCE, db.delete_job(JobId::generate())).await.expect("the call hangs");
    assert!(matches!(deleted, Err(Error::Unavailable(_))), "{deleted:?}");
    proxy.go_on();
    db.delete_job(JobId::generate()).await.unwrap();
}
