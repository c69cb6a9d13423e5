//! A database that version 0.0 has filled goes on: every row is kept, who was not told is told once.

use std::{borrow::Cow, path::Path};

use contracts::{Channel, Clock, JobId, Message, State, Timestamp, UserId, VideoUploaded};
use db::Db;
use sqlx::{AnyPool, AssertSqlSafe, Row as _, migrate::Migrator};

use crate::world::{DAY, HOUR, KEEP, LEASE, MINUTE, mysql_url, pool};

/// An old database.
struct Old {
    pool: AnyPool,
    now: Timestamp,
    user: UserId,
}

const MAIL: &str = "{}";
const HOOK: &str = r#"{"webhook":"https://example.org/x"}"#;
const HOOK_ONLY: &str = r#"{"notify":"none","webhook":"https://example.org/x"}"#;

impl Old {
    async fn make(url: &str) -> Self {
        let pool = pool(url).await;
        let all = Migrator::new(Path::new("migrations")).await.unwrap();
        let old = all.iter().filter(|migration| migration.version < 3).cloned().collect();
        let mut before = Migrator { migrations: Cow::Owned(old), ..Migrator::DEFAULT };
        before.set_locking(false).run(&pool).await.unwrap();
        let old = Self { pool, now: Timestamp::now(), user: UserId::generate() };
        old.run(&format!(
            "INSERT INTO users (id, email, password_hash, role, class, created_at) VALUES ('{}', 'ada@example.org', 'x', 'user', 'standard', 0)",
            old.user
        ))
        .await;
        old
    }

    async fn run(&self, sql: &str) {
        sqlx::query(AssertSqlSafe(sql)).execute(&self.pool).await.unwrap();
    }

    /// A job that came into its state so long ago.
    async fn job(&self, state: State, options: &str, age: std::time::Duration) -> JobId {
        let (id, at) = (JobId::generate(), self.now.before(age).millis());
        let ended = if state.is_final() { at.to_string() } else { "NULL".into() };
        let audio = if state == State::Queued {
            "NULL".to_owned()
        } else {
            format!("'{}'", contracts::AudioId::generate())
        };
        let lease =
            if state == State::Converting { format!("'{}'", JobId::generate()) } else { "NULL".into() };
        self.run(&format!(
            "INSERT INTO jobs (id, user_id, state, options, progress, attempts, video_id, source_name, source_bytes, source_container, created_at, updated_at, finished_at, expires_at, audio_id, lease_owner, lease_until) \
             VALUES ('{id}', '{}', '{state}', '{options}', 0, 1, '{}', 'a.mp4', 7, 'mp4', {at}, {at}, {ended}, {ended} + 2592000000, {audio}, {lease}, {at} + 30000)",
            self.user, contracts::VideoId::generate()
        ))
        .await;
        id
    }

    async fn notified(&self, id: JobId, kind: &str, sent: bool) -> JobId {
        let sent = if sent { "1" } else { "NULL" };
        self.run(&format!("INSERT INTO notifications (subject, kind, created_at, claimed_until, sent_at) VALUES ('{id}', '{kind}', 0, 0, {sent})")).await;
        id
    }

    async fn event(&self, kind: &str, data: &str, dead: bool) {
        let (dead, now) = (if dead { "1" } else { "NULL" }, self.now.millis());
        let id = contracts::EventId::generate();
        self.run(&format!(
            "INSERT INTO outbox (id, kind, source, subject, time, data, attempts, due_at, dead_at) VALUES ('{id}', 'dev.tapedeck.{kind}.v1', 's', 's', {now}, '{data}', 3, {now}, {dead})"
        ))
        .await;
    }
}

/// What is to be told after the upgrade: of which job (none: an account), what, how.
type News = (Option<JobId>, Message, Channel);

/// Jobs in every state and every event; returns what is still to be told.
async fn fill(old: &Old) -> Vec<News> {
    use Channel::{Mail, Webhook};
    use Message::{Failed, Ready};
    let mut news = Vec::new();
    for age in [MINUTE, 2 * HOUR] {
        old.job(State::Uploading, MAIL, age).await;
        old.job(State::Converting, MAIL, age).await;
        old.job(State::Canceled, MAIL, age).await;
    }
    let queued = old.job(State::Queued, MAIL, HOUR).await;
    old.job(State::Queued, MAIL, HOUR).await;
    old.event("video.uploaded", &format!(r#"{{"job_id":"{queued}"}}"#), false).await;
    old.job(State::Expired, MAIL, DAY).await;
    old.job(State::Done, MAIL, 10 * DAY).await;

    let told = old.job(State::Done, HOOK, HOUR).await;
    old.notified(told, "ready", true).await;
    old.notified(told, "webhook-done", true).await;
    let failed = old.job(State::Failed, MAIL, HOUR).await;
    old.notified(failed, "failed", true).await;

    let untold = old.job(State::Done, HOOK, HOUR).await;
    news.extend([(Some(untold), Ready, Mail), (Some(untold), Ready, Webhook)]);
    old.event("audio.ready", &format!(r#"{{"job_id":"{untold}","audio_id":"{untold}"}}"#), false).await;
    let claimed = old.job(State::Failed, MAIL, HOUR).await;
    old.notified(claimed, "failed", false).await;
    news.push((Some(claimed), Failed, Mail));
    let dead = old.job(State::Done, HOOK_ONLY, HOUR).await;
    old.event("audio.ready", &format!(r#"{{"job_id":"{dead}","audio_id":"{dead}"}}"#), true).await;
    news.push((Some(dead), Ready, Webhook));
    let calling = old.job(State::Failed, HOOK_ONLY, 2 * DAY).await;
    old.notified(calling, "webhook-failed", true).await;
    let due = format!(r#"{{"job_id":"{calling}","state":"failed","attempt":5}}"#);
    old.event("webhook.due", &due, false).await;
    old.event("webhook.due", &due, false).await;
    news.push((Some(calling), Failed, Webhook));
    let gone = JobId::generate();
    old.event("webhook.due", &format!(r#"{{"job_id":"{gone}","state":"failed","attempt":1}}"#), false).await;

    let user = format!(r#"{{"user_id":"{}","asked_at":"2026-01-01T00:00:00Z"}}"#, old.user);
    old.event("user.registered", &user, false).await;
    old.event("user.password-reset-asked", &user, false).await;
    old.event("user.registered", &user, true).await;
    old.event("user.registered", "no json", false).await;
    news.extend([(None, Message::Welcome, Mail), (None, Message::PasswordReset, Mail)]);
    news
}

async fn to_be_told(db: &Db, pool: &AnyPool) -> Vec<News> {
    let rows = sqlx::query("SELECT id FROM deliveries").fetch_all(pool).await.unwrap();
    let mut news = Vec::new();
    for row in rows {
        let id = row.get::<String, _>(0).parse().unwrap();
        let one = db.deliveries().get(id).await.unwrap().unwrap();
        assert!(one.outcome.is_none() && one.about.is_none_or(|(_, end)| end == 0));
        news.push((one.about.map(|(job, _)| job), one.message, one.channel));
    }
    sorted(news)
}

fn sorted(mut news: Vec<News>) -> Vec<News> {
    news.sort_by_key(|one| format!("{one:?}"));
    news
}

async fn number(pool: &AnyPool, sql: &'static str) -> i64 {
    sqlx::query(sql).fetch_one(pool).await.unwrap().get(0)
}

async fn urls() -> (tempfile::TempDir, [String; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite:{}", folder.path().join("db").display());
    (folder, [sqlite, mysql_url().await])
}

#[tokio::test]
async fn a_database_of_the_first_version_goes_on_and_nobody_is_told_twice() {
    let (_folder, urls) = urls().await;
    for url in urls {
        let old = Old::make(&url).await;
        let expected = sorted(fill(&old).await);
        let clock = Clock::manual(old.now);
        let db = Db::open(&url, 1).unwrap().with_clock(clock.clone());
        let jobs = number(&old.pool, "SELECT COUNT(*) FROM jobs").await;
        db.migrate().await.unwrap();
        assert_eq!(number(&old.pool, "SELECT COUNT(*) FROM jobs").await, jobs, "every row is kept");
        assert_eq!(to_be_told(&db, &old.pool).await, expected);

        // Again; after a crash before the end; after one in the middle.
        db.migrate().await.unwrap();
        let marker = "INSERT INTO leases (name, owner, until_at, progress) VALUES ('upgrade', '', 0, '')";
        for crash in [None, Some("DELETE FROM deliveries WHERE channel = 'webhook'")] {
            old.run(marker).await;
            if let Some(crash) = crash {
                old.run(crash).await;
                let (job, _, _) = *expected
                    .iter()
                    .find(|one| one.1 == Message::Failed && one.2 == Channel::Webhook)
                    .unwrap();
                let due = format!(r#"{{"job_id":"{}","state":"failed","attempt":5}}"#, job.unwrap());
                old.event("webhook.due", &due, false).await;
            }
            db.migrate().await.unwrap();
            assert_eq!(to_be_told(&db, &old.pool).await, expected, "{crash:?}");
            assert_eq!(number(&old.pool, "SELECT COUNT(*) FROM leases WHERE name = 'upgrade'").await, 0);
        }
        goes_on(&db, &clock, &old.pool).await;
        db.close().await;
    }
}

/// Queued jobs and those of expired leases get a rank and a ticket; what has died is forgotten; all others wait.
async fn goes_on(db: &Db, clock: &Clock, pool: &AnyPool) {
    use contracts::Event as _;
    sqlx::query("DELETE FROM outbox").execute(pool).await.unwrap();
    while db.jobs().look(KEEP, 5).await.unwrap().jobs > 0 {}
    assert_eq!(
        number(pool, "SELECT COUNT(*) FROM jobs WHERE state = 'queued' AND queue_rank IS NOT NULL").await,
        4
    );
    assert_eq!(db.outbox().due(VideoUploaded::TYPE, 100).await.unwrap().len(), 4);
    assert_eq!(number(pool, "SELECT COUNT(*) FROM jobs WHERE state = 'uploading'").await, 1);
    let mut converted = 0;
    while db.jobs().claim_next(LEASE).await.unwrap().is_some() {
        converted += 1;
    }
    assert_eq!(converted, 4);
    assert!(db.next_due().await.unwrap().is_some());
    clock.advance(HOUR);
    while db.jobs().look(KEEP, 5).await.unwrap().jobs > 0 {}
    assert_eq!(number(pool, "SELECT COUNT(*) FROM jobs WHERE state = 'queued'").await, 4);
}
