//! How many rows the server reads for a look at a million jobs, from its own counters. `--no-capture` prints the times.

#![expect(clippy::print_stdout, reason = "the times are for people")]

use std::time::Instant;

use contracts::{Clock, Timestamp};
use db::Db;
use servers::Mariadb;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection, Row as _};

use crate::{
    fill::fill,
    world::{DAY, KEEP, MINUTE},
};

const JOBS: u64 = 1_000_000;
const PAGE: u32 = 500;

struct Scale {
    db: Db,
    root: MySqlConnection,
}

/// What each part of a tick has come to, and the rows that were read for it.
#[derive(Debug)]
struct Tick {
    jobs: (usize, i64),
    tickets: (usize, i64),
    announced: (usize, i64),
    garbage: (usize, i64),
    events: (usize, i64),
    tokens: (usize, i64),
    forgotten: (usize, i64),
    next: (usize, i64),
}

impl Scale {
    async fn rows_read(&mut self) -> i64 {
        let counters = "SELECT CAST(SUM(VARIABLE_VALUE) AS SIGNED) FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME IN \
            ('HANDLER_READ_FIRST', 'HANDLER_READ_KEY', 'HANDLER_READ_LAST', 'HANDLER_READ_NEXT', 'HANDLER_READ_PREV', 'HANDLER_READ_RND', 'HANDLER_READ_RND_NEXT')";
        self.root.fetch_one(counters).await.unwrap().get(0)
    }

    /// Those of the counting itself are taken off.
    async fn measure(&mut self, name: &str, call: impl AsyncFnOnce(Db) -> usize) -> (usize, i64) {
        let idle = self.rows_read().await;
        let before = self.rows_read().await;
        let begun = Instant::now();
        let came = call(self.db.clone()).await;
        let took = begun.elapsed().as_secs_f64() * 1000.0;
        let read = self.rows_read().await - before - (before - idle);
        println!("{name:24} {took:>9.1} ms {read:>8} rows read, {came} due");
        (came, read)
    }

    async fn run(&mut self, sql: &str) {
        self.root.execute(AssertSqlSafe(sql)).await.unwrap();
    }

    /// All that a tick of the sweep asks.
    async fn tick(&mut self) -> Tick {
        Tick {
            next: self.measure("next_due", async |db| is_due(&db).await).await,
            jobs: self.measure("jobs().look", async |db| look(&db).await).await,
            tickets: self
                .measure("jobs().issue_tickets", async |db| {
                    db.jobs().issue_tickets(MINUTE).await.unwrap().len()
                })
                .await,
            announced: self
                .measure("deliveries().announce", async |db| {
                    db.deliveries().announce(MINUTE, 8).await.unwrap().len()
                })
                .await,
            garbage: self.measure("due_garbage", async |db| db.due_garbage(PAGE).await.unwrap().len()).await,
            events: self
                .measure("outbox().unpublished", async |db| {
                    db.outbox().unpublished(MINUTE, PAGE).await.unwrap().len()
                })
                .await,
            tokens: self
                .measure("delete_expired_tokens", async |db| {
                    count(db.delete_expired_tokens(PAGE).await.unwrap())
                })
                .await,
            forgotten: self
                .measure("deliveries().forget", async |db| {
                    count(db.deliveries().delete_ended(Timestamp::from_millis(0), PAGE).await.unwrap())
                })
                .await,
        }
    }
}

fn count(rows: u64) -> usize {
    usize::try_from(rows).unwrap()
}

async fn is_due(db: &Db) -> usize {
    usize::from(db.next_due().await.unwrap().unwrap() <= db.now().await.unwrap())
}

async fn look(db: &Db) -> usize {
    let mut all = 0;
    loop {
        let looked = db.jobs().look(KEEP, PAGE).await.unwrap().jobs;
        all += looked;
        if looked == 0 {
            return all;
        }
    }
}

async fn a_million(server: &Mariadb, now: Timestamp) -> Scale {
    let db = Db::open(&server.url(), 4).unwrap().with_clock(Clock::manual(now));
    db.migrate().await.unwrap();
    let mut scale = Scale { db, root: MySqlConnection::connect(&server.url()).await.unwrap() };
    let begun = Instant::now();
    let sizes = "SET GLOBAL innodb_buffer_pool_size = 805306368, GLOBAL innodb_flush_log_at_trx_commit = 0";
    scale.run(sizes).await;
    fill(&mut scale.root, JOBS, (now.millis(), now.after(400 * DAY).millis())).await;
    scale.run("ANALYZE TABLE jobs, deliveries, outbox, garbage, users, refresh_tokens").await;
    let sizes = "SET GLOBAL innodb_buffer_pool_size = 67108864, GLOBAL innodb_flush_log_at_trx_commit = 1";
    scale.run(sizes).await;
    println!("{JOBS} jobs and as many deliveries made in {:.0} s", begun.elapsed().as_secs_f32());
    scale
}

#[tokio::test]
async fn a_look_at_a_million_jobs_reads_what_is_due_and_nothing_else() {
    let (server, now) = (Mariadb::start(), Timestamp::now());
    let mut scale = a_million(&server, now).await;

    scale.run(&format!("UPDATE queue SET claimed_at = {}", now.millis())).await;
    let idle = scale.tick().await;
    for (due, read) in [
        idle.jobs,
        idle.tickets,
        idle.announced,
        idle.garbage,
        idle.events,
        idle.tokens,
        idle.forgotten,
        idle.next,
    ] {
        assert!(due == 0 && read <= 30, "{idle:?}");
    }

    let past = now.before(2 * MINUTE).millis();
    for make_due in [
        "UPDATE queue SET claimed_at = 0, ticketed_at = 0",
        &format!("UPDATE jobs SET updated_at = {past} WHERE queue_rank IS NOT NULL"),
        &format!(
            "UPDATE jobs SET look_at = {past}, expires_at = {past} WHERE state = 'done' ORDER BY id LIMIT 1000"
        ),
        &format!("UPDATE deliveries SET due_at = {past} WHERE due_at IS NOT NULL ORDER BY id LIMIT 1000"),
        &format!("UPDATE garbage SET due_at = {past} ORDER BY due_at LIMIT 1000"),
    ] {
        scale.run(make_due).await;
    }
    let busy = scale.tick().await;
    assert_eq!(
        (busy.jobs.0, busy.tickets.0, busy.announced.0, busy.garbage.0),
        (1000, 10, 24, 500),
        "{busy:?}"
    );
    assert!(
        busy.jobs.1 <= 10_000 && busy.tickets.1 <= 50 && busy.announced.1 <= 50 && busy.garbage.1 <= 1000,
        "{busy:?}"
    );
}
