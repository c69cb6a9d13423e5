//! Every method that asks the database, called once in a way that all of its statements are asked.

use std::time::Duration;

use contracts::{
    AudioId, Channel, Clock, DestinationId, EventId, FailureCode, JobId, KeyId, Options, Outcome, Timestamp,
    UserId, VideoId, VideoUploaded,
};
use db::{
    Attempt, Claimed, Class, Db, DestinationChanges, Device, EarlierRequest, Garbage, Labels, NewJob,
    NewRefreshToken, NewSession, NewUpload, NewUser, Quota, Release, RequestKey, Source, Task, User,
    UserChanges,
};

use crate::{
    destinations::new_destination,
    world::{DAY, ENGINE, HOUR, KEEP, LEASE, MINUTE, finished, mail_and_webhook},
};

const NOW: Duration = Duration::ZERO;

pub(crate) async fn all(db: &Db) {
    let ada = user(db, "ada").await;
    accounts(db, &ada).await;
    tokens_and_keys(db, ada.id).await;
    sessions_and_guests(db, ada.id).await;
    limits(db).await;
    uploads(db, ada.id).await;
    parts(db, ada.id).await;
    conversions(db, ada.id).await;
    owner(db, ada.id).await;
    reads(db, ada.id).await;
    looks(db, ada.id).await;
    deliveries(db, ada.id).await;
    outbox(db).await;
    garbage_and_leases(db).await;
    feeds(db, ada.id).await;
    destinations(db, ada.id).await;
    request_keys(db, ada.id).await;
    db.delete_user(ada.id).await.unwrap().unwrap();
}

async fn user(db: &Db, name: &str) -> User {
    let email = format!("{name}@example.com");
    let new = NewUser { email, password_hash: "old".into(), admin_if_first: true, verified: false };
    db.create_user(new).await.unwrap().0
}

async fn accounts(db: &Db, ada: &User) {
    let (bob, id) = (user(db, "bob").await, ada.id);
    db.user(id).await.unwrap().unwrap();
    db.users(10, Some(id)).await.unwrap();
    let carl = user(db, "carl").await;
    db.make_admin(&carl.email).await.unwrap().unwrap();
    db.make_admin(&bob.email).await.unwrap().unwrap();
    db.make_admin(&ada.email).await.unwrap().unwrap();
    let locked = UserChanges { disabled: Some(true), ..UserChanges::default() };
    db.change_user(bob.id, &locked).await.unwrap().unwrap();
    let plain = UserChanges { role: Some(db::Role::User), ..UserChanges::default() };
    db.change_user(bob.id, &plain).await.unwrap().unwrap();
    db.verify_user(id).await.unwrap();
    db.ask_password_reset(id, HOUR).await.unwrap().unwrap();
    db.tell_already_registered(&ada.email).await.unwrap().unwrap();
    assert!(db.change_password(id, "old", "new").await.unwrap());
    assert!(db.reset_password(id, "new", "newer").await.unwrap());
    assert!(db.rehash_password(id, "newer", "newest").await.unwrap());
    db.replace_webhook_secret(id).await.unwrap().unwrap();
    db.set_job_mails(id, true).await.unwrap().unwrap();
    db.ping().await.unwrap();
    // The first registration is over; the other way to it is asked in a database of its own.
}

async fn tokens_and_keys(db: &Db, id: UserId) {
    let token = |hash: &str, age| NewRefreshToken {
        secret_hash: hash.into(),
        expires_at: Timestamp::now().after(age),
        device: Device::default(),
    };
    db.start_token_family(id, &token("a", HOUR)).await.unwrap();
    db.rotate_refresh_token("a", &token("b", HOUR)).await.unwrap();
    db.rotate_refresh_token("a", &token("c", HOUR)).await.unwrap();
    db.start_token_family(id, &token("d", NOW)).await.unwrap();
    db.revoke_token_family("d").await.unwrap();
    db.start_token_family(id, &token("e", NOW)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(db.delete_expired_tokens(10).await.unwrap(), 1);
    db.revoke_all_tokens(id).await.unwrap();
    let key = db.create_key(id, "k", "read", "key").await.unwrap();
    db.use_key("key").await.unwrap().unwrap();
    db.keys(id).await.unwrap();
    db.delete_key(id, key.id).await.unwrap();
    db.delete_key(id, KeyId::generate()).await.unwrap();
}

async fn sessions_and_guests(db: &Db, id: UserId) {
    let new = |hash: &str, age| NewSession {
        secret_hash: hash.into(),
        expires_at: Timestamp::now().after(age),
        device: Device::default(),
    };
    db.start_session(id, &new("f", NOW)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    db.start_session(id, &new("g", HOUR)).await.unwrap();
    let ahead = db.clone().with_clock(Clock::manual(Timestamp::now().after(2 * MINUTE)));
    assert!(ahead.use_session("g").await.unwrap().is_some());
    let sessions = db.sessions(id).await.unwrap();
    assert!(db.end_session(id, sessions[0].id).await.unwrap());
    db.create_guest(Timestamp::now(), "-").await.unwrap();
    db.link_identity(id, "i").await.unwrap();
    db.user_by_identity("i").await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(db.delete_expired_guests(10).await.unwrap(), 1);
}

async fn limits(db: &Db) {
    let quota = Quota { amount: 1, window: Duration::from_millis(1) };
    db.take("one", 1, quota).await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    db.take("two", 1, Quota::an_hour(1)).await.unwrap().unwrap();
    db.take("two", 1, Quota::an_hour(1)).await.unwrap().unwrap_err();
    db.refund("two", 1, Quota::an_hour(1)).await.unwrap();
    assert_eq!(db.classes().await.unwrap().len(), 3);
    for minutes in [1, 60] {
        let class = Class {
            name: "measured".into(),
            bytes_per_file: None,
            minutes_a_day: Some(minutes),
            jobs_at_once: None,
            keep_days: Some(1),
        };
        db.set_class(&class).await.unwrap();
    }
}

async fn uploading(db: &Db, user_id: UserId) -> JobId {
    let id = JobId::generate();
    db.jobs().create(&NewJob { id, user_id, video_id: VideoId::generate() }).await.unwrap();
    id
}

async fn queued(db: &Db, user_id: UserId) -> JobId {
    let id = uploading(db, user_id).await;
    let source = Source { digest: Some("d".repeat(64)), ..Source::default() };
    db.jobs().queue(id, &source, &mail_and_webhook()).await.unwrap().unwrap();
    id
}

async fn claimed(db: &Db, user_id: UserId) -> Claimed {
    queued(db, user_id).await;
    db.jobs().claim_next(LEASE).await.unwrap().unwrap()
}

async fn uploads(db: &Db, ada: UserId) {
    let id = uploading(db, ada).await;
    db.jobs().touch_upload(id).await.unwrap();
    db.jobs().abandon_upload(id).await.unwrap();
    assert!(db.jobs().queue(id, &Source::default(), &Options::default()).await.unwrap().is_none());
}

async fn parts(db: &Db, ada: UserId) {
    let (id, part) = (JobId::generate(), EventId::generate());
    let job = NewJob { id, user_id: ada, video_id: VideoId::generate() };
    let new = NewUpload { job, name: "a.mp4".into(), length: None, metadata: String::new() };
    let uploads = db.uploads();
    uploads.create(&new, HOUR).await.unwrap();
    uploads.get(id).await.unwrap().unwrap();
    assert!(uploads.take(id, part).await.unwrap());
    uploads.ask(id).await.unwrap();
    uploads.answer(id, part).await.unwrap();
    uploads.release(id, EventId::generate()).await.unwrap();
    uploads.declare(id, 10).await.unwrap();
    uploads.note((id, part), (5, "d"), false, NOW).await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(uploads.delete_expired_uploads(10).await.unwrap(), 1);
    uploads.remove(id).await.unwrap();
}

async fn conversions(db: &Db, ada: UserId) {
    let jobs = db.jobs();
    let one = claimed(db, ada).await;
    jobs.extend_lease(&one.lease, LEASE, 0.5, contracts::Stage::Encoding).await.unwrap();
    jobs.finish(&one, &finished(&one), ENGINE).await.unwrap().unwrap();
    let class = UserChanges { class: Some("measured".into()), ..UserChanges::default() };
    db.change_user(ada, &class).await.unwrap().unwrap();
    for _ in 0..2 {
        let one = claimed(db, ada).await;
        jobs.finish(&one, &finished(&one), ENGINE).await.unwrap().unwrap();
    }
    db.allowance(ada).await.unwrap().unwrap();
    let one = claimed(db, ada).await;
    jobs.fail(&one, FailureCode::NoAudio, "").await.unwrap().unwrap();
    for why in [Release::Crashed, Release::Shutdown, Release::Outage] {
        let one = claimed(db, ada).await;
        jobs.release(&one, why).await.unwrap().unwrap();
    }
    jobs.issue_tickets(NOW).await.unwrap();
    let month = db.month_with_costs_after("").await.unwrap().unwrap();
    assert!(!db.costs(&month, None, 500).await.unwrap().is_empty());
}

async fn owner(db: &Db, ada: UserId) {
    let jobs = db.jobs();
    let since = Timestamp::now();
    let id = queued(db, ada).await;
    let labels = |tags: &[&str]| Labels {
        name: Some(Some("n".into())),
        tags: Some(tags.iter().map(|tag| (*tag).into()).collect()),
    };
    assert!(jobs.label(id, &labels(&["a", "b"])).await.unwrap());
    assert!(jobs.label(id, &labels(&["b"])).await.unwrap());
    assert_eq!(jobs.list_tagged(ada, ("b", None), 10, None).await.unwrap().len(), 1);
    jobs.cancel(id).await.unwrap();
    jobs.retry(id).await.unwrap().unwrap();
    jobs.delete(id).await.unwrap();
    let one = claimed(db, ada).await;
    jobs.fail(&one, FailureCode::NoAudio, "").await.unwrap().unwrap();
    jobs.retry_failed(since, |_| true).await.unwrap();
}

async fn reads(db: &Db, ada: UserId) {
    let jobs = db.jobs();
    let id = queued(db, ada).await;
    let job = jobs.get(id).await.unwrap().unwrap();
    jobs.by_audio(AudioId::generate()).await.unwrap();
    jobs.glances(&[id, JobId::generate()]).await.unwrap();
    jobs.all(&[id, JobId::generate()]).await.unwrap();
    jobs.list(ada, 50, Some(id)).await.unwrap();
    jobs.list_folder(ada, "Talks", 50, Some(id)).await.unwrap();
    jobs.done(ada, None, 300).await.unwrap();
    jobs.done(ada, Some("Talks"), 300).await.unwrap();
    jobs.changes(&[ada, UserId::generate()], Timestamp::now()).await.unwrap();
    jobs.latest_changes(ada, 100).await.unwrap();
    jobs.last_change(ada).await.unwrap().unwrap();
    let chapter = db::Chapter::new(NOW, "One");
    jobs.note_chapters(id, std::slice::from_ref(&chapter)).await.unwrap();
    assert_eq!(jobs.chapters(id).await.unwrap(), [chapter]);
    assert_eq!(jobs.with_chapters(&[id, JobId::generate()]).await.unwrap(), [id]);
    jobs.done_with_same_video(&job, ENGINE).await.unwrap();
    jobs.count_unfinished().await.unwrap();
    let many = (0..1000).map(|_| VideoId::generate()).collect::<Vec<_>>();
    jobs.known_videos(&many).await.unwrap();
    let many = (0..1000).map(|_| AudioId::generate()).collect::<Vec<_>>();
    jobs.known_audios(&many).await.unwrap();
    db.next_due().await.unwrap();
    db.backlog().await.unwrap();
    db.unfinished_jobs().await.unwrap();
    db.has_unfinished_jobs().await.unwrap();
    assert!(!db.course(Timestamp::now().before(DAY)).await.unwrap().states.is_empty());
}

/// By clocks of other days: an upload dies, converters crash, a job loses its video, its audio and its row.
async fn looks(db: &Db, ada: UserId) {
    let at = |age| db.clone().with_clock(contracts::Clock::manual(Timestamp::now().after(age)));
    uploading(db, ada).await;
    let done = claimed(db, ada).await;
    db.jobs().finish(&done, &finished(&done), ENGINE).await.unwrap().unwrap();
    queued(db, ada).await;
    let mut age = NOW;
    for _ in 0..4 {
        at(age).jobs().look(KEEP, 100).await.unwrap();
        at(age).jobs().claim_next(LEASE).await.unwrap().unwrap();
        age += HOUR;
    }
    for days in [2, 9, 40] {
        while at(days * DAY).jobs().look(KEEP, 100).await.unwrap().jobs > 0 {}
    }
    assert!(db.jobs().get(done.job.id).await.unwrap().is_none());
}

async fn deliveries(db: &Db, ada: UserId) {
    let deliveries = db.deliveries();
    for attempt in [
        Attempt::Sent,
        Attempt::Refused("no".into()),
        Attempt::Failed("later".into()),
        Attempt::Postponed(HOUR),
    ] {
        let id = db.ask_password_reset(ada, NOW).await.unwrap().unwrap().event.delivery_id;
        let claim = deliveries.claim(id, LEASE).await.unwrap().unwrap();
        deliveries.settle(&claim, attempt).await.unwrap();
        deliveries.repeat(id).await.unwrap();
        deliveries.drop_dead(id).await.unwrap();
    }
    deliveries.due(Channel::Mail, NOW, 100).await.unwrap();
    deliveries.any_waiting().await.unwrap();
    deliveries.announce(NOW, 10).await.unwrap();
    deliveries.of_job(JobId::generate()).await.unwrap();
    deliveries.of_user(ada, 50, None).await.unwrap();
    deliveries.of_destination(DestinationId::generate(), 50, None).await.unwrap();
    for outcome in Outcome::ALL {
        deliveries.ended(outcome, 50, None).await.unwrap();
    }
    assert_eq!(deliveries.delete_ended(Timestamp::now(), 100).await.unwrap(), 100);
}

async fn outbox(db: &Db) {
    use contracts::Event as _;
    let outbox = db.outbox();
    let pending = outbox.due(VideoUploaded::TYPE, 10).await.unwrap().remove(0);
    outbox.claim(&pending, LEASE).await.unwrap();
    outbox.failed(&pending.envelope.id, LEASE, "no").await.unwrap();
    outbox.sent(&pending.envelope.id).await.unwrap();
    outbox.unpublished(NOW, 10).await.unwrap();
    outbox.next_due(VideoUploaded::TYPE).await.unwrap();
    outbox.drop_kind("dev.tapedeck.user.registered.v1").await.unwrap();
    outbox.any_waiting().await.unwrap();
}

async fn feeds(db: &Db, ada: UserId) {
    let feed = db.create_feed(ada, Some("Talks"), 1).await.unwrap().unwrap();
    assert!(db.create_feed(ada, None, 1).await.unwrap().is_none());
    assert_eq!(db.feed(feed.id).await.unwrap().unwrap().folder.as_deref(), Some("Talks"));
    assert!(db.delete_feed(ada, feed.id).await.unwrap());
    db.delete_feeds(ada).await.unwrap();
}

async fn destinations(db: &Db, ada: UserId) {
    let new = new_destination(ada);
    let key = RequestKey { id: "d".into(), fingerprint: "f".into() };
    let made = db.for_request(key).create_destination(&new).await.unwrap().unwrap();
    db.destinations(ada).await.unwrap();
    db.test_destination(&made).await.unwrap();
    db.replace_destination_secret(made.id).await.unwrap().unwrap();
    let off = DestinationChanges { active: false, ..new.rest };
    db.change_destination(made.id, &off).await.unwrap().unwrap();
    db.switch_destination_off(made.id).await.unwrap();
    assert!(db.delete_destination(made.id).await.unwrap());
}

async fn request_keys(db: &Db, ada: UserId) {
    let key = RequestKey { id: "k".into(), fingerprint: "f".into() };
    assert_eq!(db.before(&key).await.unwrap(), EarlierRequest::Nothing);
    let with_key = db.for_request(key.clone());
    let job = NewJob { id: JobId::generate(), user_id: ada, video_id: VideoId::generate() };
    with_key.jobs().create(&job).await.unwrap();
    with_key.jobs().queue(job.id, &Source::default(), &Options::default()).await.unwrap().unwrap();
    assert_eq!(db.before(&key).await.unwrap(), EarlierRequest::Made(job.id.to_string()));
    with_key.release_request_key(job.id).await.unwrap();
    let long_ago = db.clone().with_clock(Clock::manual(Timestamp::now().before(2 * DAY)));
    let with_key = long_ago.for_request(RequestKey { id: "old".into(), ..key });
    with_key.create_key(ada, "k", "read", "of a request").await.unwrap();
    assert_eq!(db.delete_expired_request_keys(10).await.unwrap(), 1);
}

async fn garbage_and_leases(db: &Db) {
    let blob = Garbage::Video(VideoId::generate());
    db.name_garbage(blob).await.unwrap();
    db.due_garbage(10).await.unwrap();
    db.garbage_stays(blob).await.unwrap();
    db.garbage_removed(blob).await.unwrap();
    let owner = EventId::generate();
    db.take_lease(Task::Sweep, owner, LEASE).await.unwrap().unwrap();
    db.release_lease(Task::Sweep, owner, "").await.unwrap();
}
