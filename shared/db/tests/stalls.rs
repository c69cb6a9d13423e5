//! A line to MySQL that is bad: nobody waits for ever, and when it is good again everything works at once.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use contracts::JobId;
use db::{Db, Error};
use servers::{Proxy, Shared, shared};
use sqlx::{AnyConnection, Connection as _};
use tokio::{task::JoinSet, time::timeout};

const CONNECTIONS: u32 = 3;
/// Much longer than any call may take: a call that hangs is told from one that a busy machine delays.
const PATIENCE: Duration = Duration::from_secs(20);

/// A migrated database, its address, and a handle on it through a proxy whose connections are all open.
struct World {
    url: String,
    db: Db,
    proxy: Proxy,
}

async fn world() -> World {
    let server = shared(Shared::Database);
    let url = format!("{}/t{}", server.rsplit_once('/').unwrap().0, JobId::generate());
    Db::create_if_absent(&url).await.unwrap();
    Db::open(&url, 1).unwrap().migrate().await.unwrap();
    let port = server.rsplit_once(':').unwrap().1.split('/').next().unwrap().parse().unwrap();
    let proxy = Proxy::to(port);
    let db = Db::open(&proxy.url(&url), CONNECTIONS).unwrap();
    assert_eq!(asked(&db, CONNECTIONS).await, [true; 3]);
    World { url, db, proxy }
}

impl World {
    /// Until its end, whoever asks for a job waits.
    async fn lock_jobs(&self) -> AnyConnection {
        let mut holder = AnyConnection::connect(&self.url).await.unwrap();
        sqlx::raw_sql("LOCK TABLES jobs WRITE").execute(&mut holder).await.unwrap();
        holder
    }
}

/// Whether each of so many calls at once was answered. All end in time, those without an answer as an outage.
async fn asked(db: &Db, calls: u32) -> Vec<bool> {
    let mut all = JoinSet::new();
    for _ in 0..calls {
        let db = db.clone();
        all.spawn(async move {
            timeout(PATIENCE, db.jobs().get(JobId::generate())).await.expect("the call hangs")
        });
    }
    let answered = |answer| match answer {
        Ok(None) => true,
        Err(Error::Unavailable(_)) => false,
        other => panic!("{other:?}"),
    };
    all.join_all().await.into_iter().map(answered).collect()
}

#[tokio::test]
async fn calls_on_a_silent_line_are_unavailable_and_all_works_when_it_speaks_again() {
    let World { db, proxy, .. } = world().await;
    proxy.stall();
    assert_eq!(asked(&db, CONNECTIONS).await, [false; 3]);
    assert_eq!(asked(&db, CONNECTIONS).await, [false; 3], "new connections are silent too");
    proxy.go_on();
    assert_eq!(asked(&db, CONNECTIONS * 2).await, [true; 6]);
}

#[tokio::test]
async fn a_line_that_falls_silent_in_the_middle_of_all_calls_blocks_nobody() {
    let world = world().await;
    let holder = world.lock_jobs().await;
    let fall_silent = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.proxy.stall();
        holder.close().await.unwrap();
    };
    let (answers, ()) = tokio::join!(asked(&world.db, CONNECTIONS), fall_silent);
    assert_eq!(answers, [false; 3]);
    world.proxy.go_on();
    assert_eq!(asked(&world.db, CONNECTIONS * 2).await, [true; 6]);
}

#[tokio::test]
async fn callers_who_leave_in_the_middle_block_nobody() {
    let world = world().await;
    let holder = world.lock_jobs().await;
    for _ in 0..CONNECTIONS {
        let jobs = world.db.jobs();
        let call = timeout(Duration::from_millis(200), jobs.get(JobId::generate()));
        assert!(call.await.is_err(), "it does not wait");
    }
    world.db.ping().await.unwrap();
    holder.close().await.unwrap();
    assert_eq!(asked(&world.db, CONNECTIONS).await, [true; 3]);
}

#[tokio::test]
async fn connections_that_died_while_they_rested_are_made_anew() {
    let World { db, proxy, .. } = world().await;
    proxy.cut();
    // Longer than what a connection may rest without being asked.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(asked(&db, CONNECTIONS).await, [true; 3]);
}

#[tokio::test]
async fn a_transaction_that_waits_for_ever_ends_too() {
    let world = world().await;
    let holder = world.lock_jobs().await;
    let deleted = timeout(PATIENCE, world.db.jobs().delete(JobId::generate())).await.expect("the call hangs");
    assert!(matches!(deleted, Err(Error::Unavailable(_))), "{deleted:?}");
    holder.close().await.unwrap();
    world.db.jobs().delete(JobId::generate()).await.unwrap();
}

#[tokio::test]
async fn how_long_it_takes_to_connect_is_not_taken_for_a_difference_of_the_clocks() {
    let World { url, proxy, .. } = world().await;
    let db = Db::open(&proxy.url(&url), 1).unwrap();
    proxy.stall();
    let now = tokio::spawn(async move {
        db.now().await.unwrap();
        db.now().await.unwrap().millis() - db.clock().now().millis()
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    proxy.go_on();
    // The server is on this machine. Half of the time that it took to connect would be a second.
    let ahead = now.await.unwrap();
    assert!(ahead.abs() < 500, "{ahead} ms");
}
