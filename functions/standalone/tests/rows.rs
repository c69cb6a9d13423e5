//! What an operator does to deliveries and jobs by hand, beside a service that may run.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "the program under test is a child process")]

use std::{fs, process::Command, time::Duration};

use contracts::{
    Clock, DeliveryDue, DeliveryId, Event as _, FailureCode, JobId, Options, Outcome, State, Timestamp,
    UserId, VideoId, VideoUploaded,
};
use db::{Attempt, Db, NewJob, NewUser, Source};
use tempfile::TempDir;

const DAY: Duration = Duration::from_secs(86_400);

/// A data folder with a database.
struct Place {
    db: Db,
    clock: Clock,
    folder: TempDir,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        let url = format!("sqlite:{}", folder.path().join("data/tapedeck.db").display());
        // Days ago, so that what the program writes by its own clock is later.
        let clock = Clock::manual(Timestamp::now().before(10 * DAY));
        let db = Db::open(&url, 2).unwrap().with_clock(clock.clone());
        db.migrate().await.unwrap();
        Self { db, clock, folder }
    }

    /// Runs `tapedeck` there: whether it went well, and what it said.
    fn tapedeck(&self, line: &str) -> (bool, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tapedeck"));
        command.args(line.split(' ')).current_dir(&self.folder).env("DATABASE_URL", "");
        let output = command.output().unwrap();
        let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
        (output.status.success(), said.concat())
    }

    fn done(&self, line: &str) -> String {
        let (well, said) = self.tapedeck(line);
        assert!(well, "{said}");
        said
    }

    fn refused(&self, line: &str) -> String {
        let (well, said) = self.tapedeck(line);
        assert!(!well, "{said}");
        said
    }

    /// A mail that nobody took for days.
    async fn dead_letter(&self, name: &str) -> DeliveryId {
        let (email, password_hash) = (format!("{name}@example.org"), "-".into());
        let new = NewUser { email, password_hash, admin_if_first: false, verified: false };
        let id = self.db.create_user(new).await.unwrap().1.deliveries[0].event.delivery_id;
        self.clock.advance(5 * DAY);
        let claim = self.db.deliveries().claim(id, DAY).await.unwrap().unwrap();
        let why = Attempt::Failed("no mail server".into());
        self.db.deliveries().settle(&claim, why).await.unwrap();
        id
    }

    async fn outcome(&self, id: DeliveryId) -> Option<Outcome> {
        self.db.deliveries().get(id).await.unwrap().unwrap().outcome
    }

    async fn failed_job(&self, code: FailureCode) -> JobId {
        let new =
            NewJob { id: JobId::generate(), user_id: UserId::generate(), video_id: VideoId::generate() };
        let jobs = self.db.jobs();
        jobs.create(&new).await.unwrap();
        jobs.queue(new.id, &Source::default(), &Options::default()).await.unwrap().unwrap();
        let claimed = jobs.claim_next(DAY).await.unwrap().unwrap();
        jobs.fail(&claimed, code, "").await.unwrap().unwrap();
        new.id
    }

    async fn events(&self, kind: &str) -> usize {
        self.clock.advance(10 * DAY);
        self.db.outbox().due(kind, 100).await.unwrap().len()
    }
}

#[tokio::test]
async fn dead_letters_are_listed_repeated_and_dropped() {
    let place = Place::new().await;
    assert_eq!(place.done("deliveries list"), "");
    let (repeated, dropped) = (place.dead_letter("ada").await, place.dead_letter("bob").await);
    let list = place.done("deliveries list");
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(lines.len(), 2, "{list}");
    for (line, id) in lines.iter().zip([dropped, repeated]) {
        assert!(line.starts_with(&format!("{id} mail welcome after 1 attempt, ")), "newest first: {list}");
        assert!(line.ends_with(": no mail server"), "{list}");
    }
    assert_eq!(place.done("deliveries list --limit 1").lines().count(), 1);

    let announced = place.events(DeliveryDue::TYPE).await;
    place.done(&format!("deliveries repeat {repeated}"));
    let delivery = place.db.deliveries().get(repeated).await.unwrap().unwrap();
    assert_eq!((delivery.outcome, delivery.attempts), (None, 0));
    assert_eq!(place.events(DeliveryDue::TYPE).await, announced + 1, "for the sweep of the platform");

    place.done(&format!("deliveries drop {dropped}"));
    assert_eq!(place.outcome(dropped).await, Some(Outcome::Dropped));
    assert_eq!(place.done("deliveries list"), "");
    assert!(place.done("deliveries list --outcome dropped").starts_with(&dropped.to_string()));
}

#[tokio::test]
async fn what_can_not_be_done_to_a_delivery_is_told_and_changes_nothing() {
    let place = Place::new().await;
    let dead = place.dead_letter("ada").await;
    place.done(&format!("deliveries repeat {dead}"));
    for what in ["repeat", "drop"] {
        let said = place.refused(&format!("deliveries {what} {dead}"));
        assert!(said.contains(&dead.to_string()), "it waits: {said}");
        let unknown = DeliveryId::generate();
        assert!(place.refused(&format!("deliveries {what} {unknown}")).contains(&unknown.to_string()));
        place.refused(&format!("deliveries {what} nonsense"));
    }
    assert_eq!(place.outcome(dead).await, None);
    assert!(place.refused("deliveries list --outcome lost").contains("lost"));
    assert!(place.refused("deliveries list --data elsewhere").contains("no database elsewhere/tapedeck.db"));
}

#[tokio::test]
async fn jobs_that_failed_since_a_time_wait_again() {
    let place = Place::new().await;
    let early = place.failed_job(FailureCode::Internal).await;
    // Ids tell the time in milliseconds.
    tokio::time::sleep(Duration::from_millis(5)).await;
    let since = Timestamp::now();
    tokio::time::sleep(Duration::from_millis(5)).await;
    let late = [place.failed_job(FailureCode::Internal).await, place.failed_job(FailureCode::TimedOut).await];
    let hopeless = place.failed_job(FailureCode::NoAudio).await;
    let tickets = place.events(VideoUploaded::TYPE).await;
    let retry = format!("jobs retry --failed-since {since}");
    assert_eq!(place.done(&retry), "2 jobs wait again.\n");
    assert_eq!(place.done(&retry), "0 jobs wait again.\n");
    let state = async |id| place.db.jobs().get(id).await.unwrap().unwrap().state;
    assert_eq!(state(early).await, State::Failed);
    for id in late {
        assert_eq!(state(id).await, State::Queued);
    }
    assert_eq!(state(hopeless).await, State::Failed, "it has no sound the next time either");
    assert_eq!(place.events(VideoUploaded::TYPE).await, tickets + 2, "for the sweep of the platform");
    assert_eq!(place.done("jobs retry --failed-since 2020-01-01T00:00:00Z"), "1 job waits again.\n");
    assert_eq!(place.done("jobs retry --all --failed-since 2020-01-01T00:00:00Z"), "1 job waits again.\n");
    assert!(place.refused("jobs retry --failed-since yesterday").contains("expected RFC 3339"));
}
