use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use contracts::{Clock, Event as _, FailureCode, JobId, Options, UserId, VideoId, VideoUploaded};
use db::{NewJob, Source};
use runtime::Context;
use tokio::task::JoinHandle;

use super::*;

/// A database whose clock the test turns.
struct World {
    db: Db,
    clock: Clock,
    folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::now());
        let db = open(folder.path(), &clock);
        db.migrate().await.unwrap();
        Self { db, clock, folder }
    }

    /// As another process has it.
    fn another_handle(&self) -> Db {
        open(self.folder.path(), &self.clock)
    }

    async fn uploaded(&self) -> JobId {
        let id = JobId::generate();
        let new = NewJob { id, user_id: UserId::generate(), video_id: VideoId::generate() };
        self.db.jobs().create(&new).await.unwrap();
        self.db.jobs().queue(id, &Source::default(), &Options::default()).await.unwrap().unwrap();
        id
    }

    async fn due_at(&self) -> Option<Timestamp> {
        self.db.outbox().next_due(VideoUploaded::TYPE).await.unwrap()
    }

    /// Waits until the next upload is due in so long.
    async fn due_in(&self, span: Duration) {
        let then = self.clock.now().after(span);
        until(async || self.due_at().await == Some(then)).await;
    }

    /// The same once so many attempts have failed: one in hand is due at the end of its claim, which may be as far off.
    async fn failed_and_due_in(&self, attempts: u32, span: Duration) {
        let later =
            open(self.folder.path(), &Clock::manual(self.clock.now().after(Duration::from_secs(86_400))));
        until(async || {
            let due = later.outbox().due(VideoUploaded::TYPE, 1).await.unwrap();
            due.first().is_some_and(|pending| pending.attempts == attempts)
        })
        .await;
        self.due_in(span).await;
    }

    async fn empty(&self) {
        until(async || !self.db.outbox().any_waiting().await.unwrap()).await;
    }
}

fn open(folder: &std::path::Path, clock: &Clock) -> Db {
    let db = Db::open(&format!("sqlite:{}", folder.join("db").display()), 4).unwrap();
    db.with_clock(clock.clone())
}

async fn until(condition: impl AsyncFn() -> bool) {
    while !condition().await {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A broker at work.
struct Running {
    broker: Broker,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), TaskEnded>>,
}

impl Running {
    fn start(db: &Db, function: Function, config: LocalConfig) -> Self {
        let (local, shutdown) = (Local::new(db.clone(), config), CancellationToken::new());
        let broker = local.broker();
        Self { broker, task: tokio::spawn(local.run(function, shutdown.clone())), shutdown }
    }

    /// The hands were turned: look again.
    async fn wake(&self) {
        self.broker.publish_pending().await;
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }
}

/// What a handler heard: which job, at which attempt.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<(JobId, u32)>>>);

impl Heard {
    /// Returns how many there are now.
    fn note(cx: &Context<Self>, event: &VideoUploaded) -> usize {
        let mut heard = cx.0.lock().unwrap();
        heard.push((event.job_id, cx.call.attempt));
        heard.len()
    }

    fn all(&self) -> Vec<(JobId, u32)> {
        self.0.lock().unwrap().clone()
    }

    async fn count(&self, count: usize) {
        until(async || self.all().len() == count).await;
    }

    /// Takes every event.
    fn function(&self) -> Function {
        Function::new().on(self.clone(), |cx: Context<Self>, event: VideoUploaded| async move {
            Self::note(&cx, &event);
            Ok(())
        })
    }

    /// Takes an event and never ends.
    fn hangs(&self) -> Function {
        Function::new().on(self.clone(), |cx: Context<Self>, event: VideoUploaded| async move {
            Self::note(&cx, &event);
            std::future::pending::<Result<(), _>>().await
        })
    }
}

#[tokio::test]
async fn an_event_recorded_before_the_start_is_delivered_and_its_row_goes() {
    let (world, heard) = (World::new().await, Heard::default());
    let id = world.uploaded().await;
    let running = Running::start(&world.db, heard.function(), LocalConfig::default());
    world.empty().await;
    running.stop().await;
    assert_eq!(heard.all(), [(id, 1)]);
}

#[tokio::test]
async fn a_retry_is_delivered_again_after_the_pauses_of_the_table_but_for_the_long_ones() {
    let (world, heard) = (World::new().await, Heard::default());
    let id = world.uploaded().await;
    let function = Function::new().on(heard.clone(), |cx: Context<Heard>, event: VideoUploaded| async move {
        match Heard::note(&cx, &event) {
            5 => Ok(()),
            _ => Err(Failure::Retry("the store is away".into())),
        }
    });
    let running = Running::start(&world.db, function, LocalConfig::default());
    for (attempts, seconds) in (1..).zip([5, 30, 60, 60]) {
        world.failed_and_due_in(attempts, Duration::from_secs(seconds)).await;
        world.clock.advance(Duration::from_secs(seconds));
        running.wake().await;
    }
    world.empty().await;
    running.stop().await;
    assert_eq!(heard.all(), [1, 2, 3, 4, 5].map(|attempt| (id, attempt)));
}

#[tokio::test]
async fn an_event_that_is_rejected_or_makes_its_handler_panic_is_dropped() {
    for panics in [false, true] {
        let (world, heard) = (World::new().await, Heard::default());
        world.uploaded().await;
        let deps = heard.clone();
        let function = Function::new().on(deps, move |cx: Context<Heard>, event: VideoUploaded| async move {
            Heard::note(&cx, &event);
            assert!(!panics, "a bug");
            Err::<(), _>(Failure::Reject("no such job".into()))
        });
        let running = Running::start(&world.db, function, LocalConfig::default());
        world.empty().await;
        running.stop().await;
        assert_eq!(heard.all().len(), 1, "panics: {panics}");
    }
}

#[tokio::test]
async fn events_that_nobody_subscribes_to_are_removed() {
    let (world, heard) = (World::new().await, Heard::default());
    let id = world.uploaded().await;
    let claimed = world.db.jobs().claim_next(CLAIM).await.unwrap().unwrap();
    world.db.jobs().fail(&claimed, FailureCode::NoAudio, "").await.unwrap().unwrap();
    let running = Running::start(&world.db, heard.function(), LocalConfig::default());
    world.empty().await;
    running.stop().await;
    assert_eq!(heard.all(), [(id, 1)]);
}

#[derive(Clone, Default)]
struct Crowd(Arc<Mutex<(usize, usize)>>);

#[tokio::test]
async fn no_more_events_of_a_kind_are_in_hand_at_once_than_the_function_says() {
    let world = World::new().await;
    for _ in 0..12 {
        world.uploaded().await;
    }
    let crowd = Crowd::default();
    let handler = |crowd: Context<Crowd>, _: VideoUploaded| async move {
        {
            let mut crowd = crowd.0.lock().unwrap();
            crowd.0 += 1;
            crowd.1 = crowd.0.max(crowd.1);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        crowd.0.lock().unwrap().0 -= 1;
        Ok(())
    };
    let function = Function::new().on(crowd.clone(), handler).at_once(3);
    let running = Running::start(&world.db, function, LocalConfig::default());
    world.empty().await;
    running.stop().await;
    assert_eq!(*crowd.0.lock().unwrap(), (0, 3));
}

#[tokio::test]
async fn two_brokers_on_one_database_deliver_each_event_once() {
    let (world, heard) = (World::new().await, Heard::default());
    let mut ids = HashSet::new();
    for _ in 0..40 {
        ids.insert((world.uploaded().await, 1));
    }
    let other = world.another_handle();
    let running = [&world.db, &other].map(|db| Running::start(db, heard.function(), LocalConfig::default()));
    for _ in 0..20 {
        ids.insert((world.uploaded().await, 1));
        running[0].wake().await;
        running[1].wake().await;
    }
    world.empty().await;
    for running in running {
        running.stop().await;
    }
    assert_eq!(heard.all().len(), ids.len());
    assert_eq!(heard.all().into_iter().collect::<HashSet<_>>(), ids);
}

#[tokio::test]
async fn what_a_killed_process_had_in_hand_is_due_again_after_half_a_minute() {
    let (world, dead, heard) = (World::new().await, Heard::default(), Heard::default());
    let id = world.uploaded().await;
    let killed = Running::start(&world.db, dead.hangs(), LocalConfig::default());
    dead.count(1).await;
    killed.task.abort();
    world.due_in(Duration::from_secs(30)).await;
    let running = Running::start(&world.db, heard.function(), LocalConfig::default());
    world.clock.advance(Duration::from_secs(29));
    running.wake().await;
    let second = world.uploaded().await;
    running.wake().await;
    heard.count(1).await;
    world.clock.advance(Duration::from_secs(1));
    running.wake().await;
    world.empty().await;
    running.stop().await;
    assert_eq!(heard.all(), [(second, 1), (id, 1)]);
}

#[tokio::test]
async fn shutdown_lets_the_handler_in_hand_finish_and_takes_nothing_new() {
    let (world, heard) = (World::new().await, Heard::default());
    world.uploaded().await;
    let go = CancellationToken::new();
    let deps = (heard.clone(), go.clone());
    let handler = |cx: Context<(Heard, CancellationToken)>, event: VideoUploaded| async move {
        cx.0.0.lock().unwrap().push((event.job_id, cx.call.attempt));
        tokio::select! {
            () = cx.1.cancelled() => Ok(()),
            () = cx.call.shutdown.cancelled() => Err(Failure::Retry("told to end in its drain time".into())),
        }
    };
    let running = Running::start(&world.db, Function::new().on(deps, handler), LocalConfig::default());
    heard.count(1).await;
    running.shutdown.cancel();
    let late = world.uploaded().await;
    running.wake().await;
    go.cancel();
    running.stop().await;
    let left = world.db.outbox().due(VideoUploaded::TYPE, 10).await.unwrap();
    assert_eq!(
        left.iter().map(|left| left.envelope.subject.as_str()).collect::<Vec<_>>(),
        [late.to_string()]
    );
    assert_eq!(heard.all().len(), 1);
}

#[tokio::test]
async fn after_the_drain_time_handlers_are_told_to_give_back_what_they_have_in_hand() {
    let (world, heard) = (World::new().await, Heard::default());
    world.uploaded().await;
    let handler = |cx: Context<Heard>, event: VideoUploaded| async move {
        Heard::note(&cx, &event);
        cx.call.shutdown.cancelled().await;
        Ok(())
    };
    let config = LocalConfig { drain_seconds: 0 };
    let running = Running::start(&world.db, Function::new().on(heard.clone(), handler), config);
    heard.count(1).await;
    running.stop().await;
    assert!(!world.db.outbox().any_waiting().await.unwrap(), "its end was noted");
}

#[tokio::test]
async fn a_handler_that_gives_nothing_back_does_not_hold_up_the_end_for_ever() {
    let (world, heard) = (World::new().await, Heard::default());
    world.uploaded().await;
    let running = Running::start(&world.db, heard.hangs(), LocalConfig { drain_seconds: 0 });
    heard.count(1).await;
    running.stop().await;
    assert!(world.db.outbox().any_waiting().await.unwrap(), "due again at the end of its claim");
}

#[tokio::test]
async fn a_consumer_that_dies_ends_the_others_and_is_told() {
    let (world, heard) = (World::new().await, Heard::default());
    world.uploaded().await;
    let shutdown = CancellationToken::new();
    let local = Local::new(world.db.clone(), LocalConfig::default());
    let mut consumers = local.consumers(&heard.function(), &shutdown);
    let first = heard.clone();
    consumers.spawn("a consumer with a bug", async move {
        while first.all().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("a bug");
    });
    let died = consumers.ended().await.unwrap_err();
    assert_eq!(died.to_string(), "a consumer with a bug ended unexpectedly");
    assert!(shutdown.is_cancelled());
}

#[test]
fn a_drain_time_of_more_than_a_day_is_refused() {
    let read = |seconds: &str| {
        LocalConfig::from_variables([("LOCAL_DRAIN_SECONDS".to_owned(), seconds.to_owned())].into_iter())
    };
    assert_eq!(read("86400").unwrap().drain_seconds, 86400);
    assert_eq!(
        read("86401").unwrap_err().to_string(),
        "LOCAL_DRAIN_SECONDS: 86401 is not between 0 and 86400"
    );
}
