use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use contracts::{JobId, Options, UserId, VideoId};
use db::{NewJob, Source};
use tokio::sync::Notify;

use super::*;

struct World {
    db: Db,
    _folder: tempfile::TempDir,
}

async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&format!("sqlite:{}", folder.path().join("db").display()), 4).unwrap();
    db.migrate().await.unwrap();
    World { db, _folder: folder }
}

async fn uploaded(db: &Db) -> JobId {
    let id = JobId::generate();
    db.jobs().create(&NewJob { id, user_id: UserId::generate(), video_id: VideoId::generate() }).await.unwrap();
    db.jobs().queue(id, &Source::default(), &Options::default()).await.unwrap().unwrap();
    id
}

/// Runs the broker until the outbox holds no pending event.
async fn run_until_empty(db: &Db, function: Function, config: LocalConfig) {
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(Local::new(db.clone(), config).run(function, shutdown.clone()));
    while db.pending_events().await.unwrap() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    shutdown.cancel();
    running.await.unwrap();
}

fn config() -> LocalConfig {
    LocalConfig { retry_seconds: 0, max_deliveries: 3, ..LocalConfig::default() }
}

#[tokio::test]
async fn an_event_recorded_before_the_start_is_delivered_and_its_row_goes() {
    let world = world().await;
    let id = uploaded(&world.db).await;
    let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
    let deps = heard.clone();
    let function = Function::new().on(
        deps,
        |deps: Arc<std::sync::Mutex<Vec<JobId>>>, event: VideoUploaded| async move {
            deps.lock().unwrap().push(event.job_id);
            Ok(())
        },
    );
    run_until_empty(&world.db, function, config()).await;
    assert_eq!(*heard.lock().unwrap(), [id]);
    assert!(world.db.dead_letters().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_retry_is_delivered_again_until_it_is_a_dead_letter() {
    let world = world().await;
    uploaded(&world.db).await;
    let count = Arc::new(AtomicUsize::new(0));
    let function =
        Function::new().on(count.clone(), |count: Arc<AtomicUsize>, _: VideoUploaded| async move {
            count.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(Failure::Retry("the store is away".into()))
        });
    run_until_empty(&world.db, function, config()).await;
    assert_eq!(count.load(Ordering::Relaxed), 3);
    assert_eq!(world.db.dead_letters().await.unwrap()[0].last_error, "the store is away");
}

#[tokio::test]
async fn a_rejected_event_is_a_dead_letter_at_once() {
    let world = world().await;
    uploaded(&world.db).await;
    let function = Function::new()
        .on((), |(), _: VideoUploaded| async { Err::<(), _>(Failure::Reject("no such job".into())) });
    run_until_empty(&world.db, function, config()).await;
    assert_eq!(world.db.dead_letters().await.unwrap()[0].last_error, "no such job");
}

#[tokio::test]
async fn a_handler_that_panics_is_tried_again() {
    let world = world().await;
    uploaded(&world.db).await;
    let count = Arc::new(AtomicUsize::new(0));
    let function =
        Function::new().on(count.clone(), |count: Arc<AtomicUsize>, _: VideoUploaded| async move {
            assert!(count.fetch_add(1, Ordering::Relaxed) > 0, "the first time");
            Ok(())
        });
    run_until_empty(&world.db, function, config()).await;
    assert_eq!(count.load(Ordering::Relaxed), 2);
    assert!(world.db.dead_letters().await.unwrap().is_empty());
}

#[derive(Clone, Default)]
struct Crowd {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

#[tokio::test]
async fn no_more_conversions_run_at_once_than_there_are_workers() {
    let world = world().await;
    for _ in 0..12 {
        uploaded(&world.db).await;
    }
    let crowd = Crowd::default();
    let function = Function::new().on(crowd.clone(), |crowd: Crowd, _: VideoUploaded| async move {
        let now = crowd.now.fetch_add(1, Ordering::SeqCst) + 1;
        crowd.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(20)).await;
        crowd.now.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    });
    run_until_empty(&world.db, function, LocalConfig { workers: 3, ..config() }).await;
    assert_eq!(crowd.most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn shutdown_lets_the_handler_in_hand_finish() {
    let world = world().await;
    uploaded(&world.db).await;
    let begun = Arc::new(Notify::new());
    let function = Function::new().on(begun.clone(), |begun: Arc<Notify>, _: VideoUploaded| async move {
        begun.notify_one();
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok(())
    });
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(Local::new(world.db.clone(), config()).run(function, shutdown.clone()));
    begun.notified().await;
    shutdown.cancel();
    running.await.unwrap();
    assert_eq!(world.db.pending_events().await.unwrap(), 0);
}
