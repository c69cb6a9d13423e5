//! Requests that are sent again with the same key.

use std::time::Duration;

use contracts::{JobId, Options, State, UserId, VideoId};
use db::{Db, EarlierRequest, Error, NewJob, NewUpload, RequestKey, Source};

use crate::world::{DAY, MINUTE, World, worlds};

/// As an upload gives signs of life.
const HEARTBEAT: Duration = Duration::from_secs(5);

fn key(id: &str, fingerprint: &str) -> RequestKey {
    RequestKey { id: id.into(), fingerprint: fingerprint.into() }
}

fn new_job(user_id: UserId) -> NewJob {
    NewJob { id: JobId::generate(), user_id, video_id: VideoId::generate() }
}

async fn begun(db: &Db, user_id: UserId) -> JobId {
    let new = new_job(user_id);
    db.jobs().create(&new).await.unwrap();
    new.id
}

async fn queued(db: &Db, id: JobId) -> bool {
    db.jobs().queue(id, &Source::default(), &Options::default()).await.unwrap().is_some()
}

async fn keys(world: &World) -> i64 {
    world.number("SELECT COUNT(*) FROM request_keys").await
}

#[tokio::test]
async fn a_repeat_finds_the_job_of_the_first_request_whatever_became_of_it() {
    for world in worlds().await {
        let (ada, key, other) = (world.user().await, key("k", "f"), key("k", "g"));
        let db = world.db.for_request(key.clone());
        assert_eq!(world.db.before(&key).await.unwrap(), EarlierRequest::Nothing);
        let id = begun(&db, ada).await;
        assert_eq!(world.db.before(&key).await.unwrap(), EarlierRequest::InHand);
        assert_eq!(world.db.before(&other).await.unwrap(), EarlierRequest::Other);
        assert!(queued(&db, id).await);
        let made = EarlierRequest::Made(id.to_string());
        assert_eq!(world.db.before(&key).await.unwrap(), made);
        assert_eq!(world.db.before(&other).await.unwrap(), EarlierRequest::Other);
        world.clock.advance(DAY - MINUTE);
        world.db.jobs().delete(id).await.unwrap();
        assert_eq!(world.db.before(&key).await.unwrap(), made, "it was accepted, and removed since");
        assert_eq!(keys(&world).await, 1);
    }
}

#[tokio::test]
async fn of_two_requests_with_one_key_one_makes_a_job() {
    for world in worlds().await {
        let (ada, db) = (world.user().await, world.db.for_request(key("k", "f")));
        let id = begun(&db, ada).await;
        assert!(matches!(db.jobs().create(&new_job(ada)).await, Err(Error::Exists)));
        assert!(queued(&db, id).await);
        assert!(matches!(db.jobs().create(&new_job(ada)).await, Err(Error::Exists)));
        assert_eq!(world.number("SELECT COUNT(*) FROM jobs").await, 1);
    }
}

#[tokio::test]
async fn the_key_of_an_upload_that_was_refused_is_free() {
    for world in worlds().await {
        let (ada, key) = (world.user().await, key("k", "f"));
        let db = world.db.for_request(key.clone());
        let id = begun(&db, ada).await;
        assert!(world.db.jobs().abandon_upload(id).await.unwrap());
        assert_eq!(world.db.before(&key).await.unwrap(), EarlierRequest::Nothing);
        let id = begun(&db, ada).await;
        assert!(queued(&db, id).await);
    }
}

#[tokio::test]
async fn an_upload_without_a_heartbeat_gives_way_and_queues_nothing() {
    for world in worlds().await {
        let (ada, key) = (world.user().await, key("k", "f"));
        let db = world.db.for_request(key.clone());
        let first = begun(&db, ada).await;
        for _ in 0..12 {
            world.clock.advance(HEARTBEAT);
            assert!(world.db.jobs().touch_upload(first).await.unwrap());
            assert_eq!(world.db.before(&key).await.unwrap(), EarlierRequest::InHand);
        }
        world.clock.advance(MINUTE);
        assert_eq!(world.db.before(&key).await.unwrap(), EarlierRequest::Nothing);
        assert!(!world.db.jobs().touch_upload(first).await.unwrap());
        let second = begun(&db, ada).await;
        assert!(!queued(&db, first).await, "the first one comes back to life");
        assert!(queued(&db, second).await);
        assert_eq!(world.db.before(&key).await.unwrap(), EarlierRequest::Made(second.to_string()));
        assert_eq!(world.state(second).await, State::Queued);
        assert_eq!(world.number("SELECT COUNT(*) FROM jobs").await, 1);
    }
}

#[tokio::test]
async fn what_is_made_at_once_is_noted_with_it() {
    for world in worlds().await {
        let (ada, feeds, keys) = (world.user().await, key("f", "f"), key("k", "f"));
        let db = world.db.for_request(feeds.clone());
        let feed = db.create_feed(ada, None, 9).await.unwrap().unwrap();
        assert!(matches!(db.create_feed(ada, None, 9).await, Err(Error::Exists)));
        assert_eq!(world.db.before(&feeds).await.unwrap(), EarlierRequest::Made(feed.id.to_string()));
        let db = world.db.for_request(keys.clone());
        let made = db.create_key(ada, "k", "read", "1").await.unwrap();
        assert!(matches!(db.create_key(ada, "k", "read", "2").await, Err(Error::Exists)));
        assert_eq!(world.db.before(&keys).await.unwrap(), EarlierRequest::Made(made.id.to_string()));
        assert_eq!(
            (world.db.feeds(ada).await.unwrap().len(), world.db.keys(ada).await.unwrap().len()),
            (1, 1)
        );
    }
}

#[tokio::test]
async fn an_upload_in_parts_is_made_when_it_has_begun() {
    for world in worlds().await {
        let (job, key) = (new_job(world.user().await), key("k", "f"));
        let db = world.db.for_request(key.clone());
        let id = job.id;
        let new = NewUpload { job, name: "a.mp4".into(), length: Some(9), metadata: String::new() };
        db.uploads().create(&new, DAY).await.unwrap();
        world.clock.advance(MINUTE);
        assert_eq!(world.db.before(&key).await.unwrap(), EarlierRequest::Made(id.to_string()));
        db.release_request_key(JobId::generate()).await.unwrap();
        assert_eq!(keys(&world).await, 1, "of something else");
        db.release_request_key(id).await.unwrap();
        assert_eq!(world.db.before(&key).await.unwrap(), EarlierRequest::Nothing);
        assert_eq!(world.state(id).await, State::Uploading);
    }
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    for world in worlds().await {
        let (ada, late, swept) = (world.user().await, key("late", "f"), key("swept", "f"));
        for key in [&late, &swept] {
            world.db.for_request(key.clone()).create_feed(ada, None, 9).await.unwrap().unwrap();
        }
        assert_eq!(world.db.delete_expired_request_keys(10).await.unwrap(), 0);
        world.clock.advance(DAY);
        assert_eq!(world.db.before(&late).await.unwrap(), EarlierRequest::Nothing);
        assert_eq!(keys(&world).await, 1);
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(world.db.delete_expired_request_keys(10).await.unwrap(), 1);
        assert_eq!(keys(&world).await, 0);
    }
}
