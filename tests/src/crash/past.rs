//! Rows that became due long ago: everything that the sweep looks at, written by the transitions themselves with a clock
//! that goes behind.

use std::time::Duration;

use blobs::{Blob, Blobs};
use bytes::Bytes;
use contracts::{
    ALL_EVENT_TYPES, AudioId, Channel, Clock, Event as _, JobId, Options, UserId, VideoId, VideoUploaded,
};
use db::{Attempt, Audio, Claimed, Db, Finished, NewJob, Release, Retention, Source, Task};

use crate::fixture;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
/// What is done long ago: longer than deliveries are listed.
const AGO: Duration = Duration::from_secs(30 * 3600);
/// Longer than any lease, and than an upload without a heartbeat lives.
const LATER: Duration = Duration::from_secs(2 * 3600);
const VIDEO: &str = "he-aac-v1.mp4";

/// Due rows of one user.
#[derive(Debug)]
pub struct Past {
    /// They wait or are given up by their converters: they end as done, with one mail.
    pub to_convert: Vec<JobId>,
    /// Was done long ago and is kept: its owner was not told yet.
    pub to_tell: JobId,
    /// An upload that died, one that was given up, a job whose time is over: their rows go.
    pub to_forget: Vec<JobId>,
    /// No row names it: it goes.
    pub orphan: AudioId,
}

impl Past {
    /// Writes them, for the user with this address.
    pub async fn make(db: Db, blobs: &Blobs, email: &str) -> Self {
        let user = db.user_by_email(email).await.unwrap().unwrap().id;
        let then = db.now().await.unwrap().before(AGO);
        let old = Old { db: db.with_clock(Clock::manual(then)), blobs, user };
        let dead_upload = old.upload().await;
        let given_up = old.upload().await;
        old.db.jobs().abandon_upload(given_up).await.unwrap();
        let resting = old.claimed().await;
        old.db.jobs().release(&resting, Release::Outage).await.unwrap().unwrap();
        let lease_over = old.claimed().await.job.id;
        let expired = old.done(HOUR).await;
        let to_tell = old.done(30 * DAY).await;
        let without_ticket = old.queued().await;
        old.lose_ticket(without_ticket).await;
        let orphan = AudioId::generate();
        old.store(Blob::Audio(orphan), Bytes::from_static(b"sound")).await;
        Self {
            orphan,
            to_convert: vec![resting.job.id, lease_over, without_ticket],
            to_tell,
            to_forget: vec![dead_upload, given_up, expired],
        }
    }

    /// What should have gone and is still there.
    pub async fn left(&self, db: &Db, blobs: &Blobs) -> Vec<String> {
        let mut left = Vec::new();
        for id in &self.to_forget {
            // A busy database does not say that it has gone.
            if db.jobs().get(*id).await.is_ok_and(|job| job.is_none()) {
                continue;
            }
            left.push(format!("job {id}"));
        }
        let orphan = Blob::Audio(self.orphan);
        if blobs.open_blob(orphan).await.unwrap().is_some() {
            left.push(orphan.to_string());
        }
        left
    }
}

struct Old<'a> {
    db: Db,
    blobs: &'a Blobs,
    user: UserId,
}

impl Old<'_> {
    async fn store(&self, blob: Blob, bytes: Bytes) {
        let mut upload = self.blobs.put(blob).await.unwrap();
        upload.write(bytes).await.unwrap();
        upload.finish().await.unwrap();
    }

    async fn upload(&self) -> JobId {
        let (id, video_id) = (JobId::generate(), VideoId::generate());
        self.db.jobs().create(&NewJob { id, user_id: self.user, video_id }).await.unwrap();
        self.store(Blob::Video(video_id), fixture(VIDEO)).await;
        id
    }

    async fn queued(&self) -> JobId {
        let id = self.upload().await;
        let source = Source { name: VIDEO.into(), container: "mp4".into(), ..Source::default() };
        self.db.jobs().queue(id, &source, &Options::default()).await.unwrap().unwrap();
        id
    }

    async fn claimed(&self) -> Claimed {
        let id = self.queued().await;
        let claimed = self.db.jobs().claim_next(Duration::from_secs(30)).await.unwrap().unwrap();
        assert_eq!(claimed.job.id, id, "no other job waits");
        self.lose_ticket(id).await;
        claimed
    }

    async fn done(&self, keep: Duration) -> JobId {
        let claimed = self.claimed().await;
        let lease = &claimed.lease;
        self.store(Blob::Audio(lease.audio_id), Bytes::from_static(b"sound")).await;
        self.store(Blob::Peaks(lease.audio_id), Bytes::from_static(b"peaks")).await;
        let finished = Finished {
            audio: audio(lease.audio_id),
            peaks: Some(5),
            source_codec: None,
            source_duration: None,
            warning: None,
            keep,
        };
        self.db.jobs().finish(&claimed, &finished, "1").await.unwrap().unwrap();
        claimed.job.id
    }

    /// As a broker does that has taken it and lost it.
    async fn lose_ticket(&self, id: JobId) {
        for pending in self.db.outbox().due(VideoUploaded::TYPE, 1000).await.unwrap() {
            if pending.envelope.data["job_id"] == id.to_string() {
                self.db.outbox().sent(&pending.envelope.id).await.unwrap();
            }
        }
    }
}

fn audio(id: AudioId) -> Audio {
    Audio { id, bytes: 5, duration: HOUR, codec: "mp3".into(), bitrate: 190_000 }
}

/// What an hour without a heartbeat does: uploads whose process died are removed.
///
/// # Panics
/// If jobs are in the hands of a converter: their leases would be over too.
pub(crate) async fn forget_dead_uploads(db: Db) {
    assert_eq!(db.jobs().count_unfinished().await.unwrap(), 0);
    let db = later(&db).await;
    while db.jobs().look(Retention { videos: 30 * DAY, jobs: 365 * DAY }, 500).await.unwrap().jobs > 0 {}
}

/// Lets the time pass after which events are published again that a dead process had in hand: they are due for an hour.
pub async fn pass_event_claims(db: Db) {
    let (later, db) = (later(&db).await, earlier(&db).await);
    for kind in ALL_EVENT_TYPES {
        for pending in later.outbox().due(kind, 1000).await.unwrap() {
            db.outbox().failed(&pending.envelope.id, Duration::ZERO, "its time is over").await.unwrap();
        }
    }
}

/// The same for deliveries. Nobody else must have any in hand.
pub async fn pass_delivery_claims(db: Db) {
    let (later, db) = (later(&db).await, earlier(&db).await);
    for channel in Channel::ALL {
        for id in later.deliveries().due(channel, Duration::ZERO, 1000).await.unwrap() {
            let Some(claim) = later.deliveries().claim(id, Duration::ZERO).await.unwrap() else { continue };
            db.deliveries().settle(&claim, Attempt::Postponed(Duration::ZERO)).await.unwrap();
        }
    }
}

/// The same database, an hour earlier.
async fn earlier(db: &Db) -> Db {
    let earlier = db.now().await.unwrap().before(HOUR);
    db.clone().with_clock(Clock::manual(earlier))
}

/// The same database, two hours later.
async fn later(db: &Db) -> Db {
    let later = db.now().await.unwrap().after(LATER);
    db.clone().with_clock(Clock::manual(later))
}

/// Lets the time pass after which somebody else looks at what a dead sweep had in hand.
pub async fn pass_sweep_leases(db: Db) {
    let db = later(&db).await;
    for task in [Task::Sweep, Task::Blobs] {
        let owner = contracts::EventId::generate();
        let Some(progress) = db.take_lease(task, owner, Duration::ZERO).await.unwrap() else { continue };
        db.release_lease(task, owner, &progress).await.unwrap();
    }
}
