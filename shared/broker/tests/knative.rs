//! Publishing to a sink and being called, as Knative does it, over real HTTP.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use broker::{Broker, BrokerConfig, Error};
use contracts::{
    AudioId, AudioReady, Clock, Ended, Envelope, Event as _, JobId, Options, Timestamp, UserId, VideoId,
    VideoUploaded, pause_after,
};
use db::{Audio, Db, Finished, NewJob, Source};
use runtime::{CancellationToken, Config as _, Context, Function, OpenApiRouter, Service};
use tokio::{net::TcpListener, task::JoinHandle};

/// A sink that notes what it gets and answers as it is told. `None`: never.
#[derive(Clone)]
struct Sink {
    got: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    answer: Option<StatusCode>,
}

async fn take(State(sink): State<Sink>, headers: HeaderMap, body: String) -> StatusCode {
    sink.got.lock().unwrap().push((headers, body));
    match sink.answer {
        Some(status) => status,
        None => std::future::pending().await,
    }
}

impl Sink {
    /// Returns it with its address.
    async fn answering(answer: Option<u16>) -> (Self, String) {
        let answer = answer.map(|status| StatusCode::from_u16(status).unwrap());
        let sink = Self { got: Arc::default(), answer };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/", post(take)).with_state(sink.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        (sink, url)
    }

    fn got(&self) -> Vec<(HeaderMap, String)> {
        self.got.lock().unwrap().clone()
    }

    fn ids(&self) -> Vec<String> {
        self.got().iter().map(|(headers, _)| headers["ce-id"].to_str().unwrap().into()).collect()
    }
}

/// A database whose clock the test turns.
struct World {
    db: Db,
    clock: Clock,
    _folder: tempfile::TempDir,
}

/// How long events are left to who committed them.
const GRACE: Duration = Duration::from_secs(10);

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::now());
        let db = Db::open(&format!("sqlite:{}", folder.path().join("db").display()), 4).unwrap();
        let db = db.with_clock(clock.clone());
        db.migrate().await.unwrap();
        Self { db, clock, _folder: folder }
    }

    fn broker(&self, sink: &str) -> Broker {
        Broker::open(&config(sink), self.db.clone()).unwrap()
    }

    /// An event in the outbox.
    async fn uploaded(&self) -> Envelope {
        let id = JobId::generate();
        let new = NewJob { id, user_id: UserId::generate(), video_id: VideoId::generate() };
        self.db.jobs().create(&new).await.unwrap();
        self.db.jobs().queue(id, &Source::default(), &Options::default()).await.unwrap().unwrap().envelope
    }

    async fn rows(&self) -> usize {
        // As if everything were due.
        let long_after = self.clock.now().after(Duration::from_secs(30 * 86_400));
        let db = self.db.clone().with_clock(Clock::manual(long_after));
        db.outbox().unpublished(Duration::ZERO, 10_000).await.unwrap().len()
    }

    /// How long until the first upload is due.
    async fn due_in(&self) -> Duration {
        let due = self.db.outbox().next_due(VideoUploaded::TYPE).await.unwrap().unwrap();
        Duration::from_millis(u64::try_from(due.millis() - self.clock.now().millis()).unwrap())
    }
}

fn config(sink: &str) -> BrokerConfig {
    BrokerConfig { k_sink: Some(sink.into()), ..BrokerConfig::default() }
}

#[tokio::test]
async fn an_event_is_posted_in_binary_mode_and_its_row_goes_with_the_202() {
    let world = World::new().await;
    let (sink, url) = Sink::answering(Some(202)).await;
    let event = world.uploaded().await;
    world.broker(&url).publish(&event).await;
    let (headers, body) = sink.got().remove(0);
    let time = event.time.to_string();
    for (name, value) in [
        ("ce-specversion", "1.0"),
        ("ce-id", &event.id),
        ("ce-type", VideoUploaded::TYPE),
        ("ce-source", VideoUploaded::SOURCE),
        ("ce-subject", &event.subject),
        ("ce-time", &time),
        ("content-type", "application/json"),
        ("ce-dataschema", "urn:tapedeck:event:dev.tapedeck.video.uploaded.v1"),
    ] {
        assert_eq!(headers[name], value);
    }
    assert_eq!(body, event.data.to_string());
    assert_eq!(world.rows().await, 0);
}

#[tokio::test]
async fn extensions_travel_with_the_event() {
    let world = World::new().await;
    let (sink, url) = Sink::answering(Some(202)).await;
    let mut event = world.uploaded().await;
    event.extensions.insert("traceparent".into(), "00-1-2-01".into());
    event.extensions.insert("place".into(), "caf\u{e9} \"5%\"".into());
    world.broker(&url).publish(&event).await;
    assert_eq!(sink.got()[0].0["ce-traceparent"], "00-1-2-01");
    assert_eq!(sink.got()[0].0["ce-place"], "caf%C3%A9%20%225%25%22");
}

#[tokio::test]
async fn the_overrides_of_the_sink_binding_are_added() {
    let world = World::new().await;
    let (sink, url) = Sink::answering(Some(202)).await;
    let overrides = r#"{"extensions":{"stage":"test","type":"other"}}"#;
    let config = BrokerConfig { k_ce_overrides: Some(overrides.into()), ..config(&url) };
    let broker = Broker::open(&config, world.db.clone()).unwrap();
    broker.publish(&world.uploaded().await).await;
    let (headers, _) = sink.got().remove(0);
    assert_eq!(
        (&headers["ce-stage"], &headers["ce-type"]),
        (&"test".parse().unwrap(), &"other".parse().unwrap())
    );
    let broken = BrokerConfig { k_ce_overrides: Some("stage=test".into()), ..config.clone() };
    assert!(matches!(Broker::open(&broken, world.db.clone()), Err(Error::Overrides(_))));
    for name in ["", "Stage", "my-stage", "my_stage"] {
        let json = serde_json::json!({ "extensions": { name: "test" } }).to_string();
        let broken = BrokerConfig { k_ce_overrides: Some(json), ..config.clone() };
        assert!(matches!(Broker::open(&broken, world.db.clone()), Err(Error::Refused(_))), "{name:?}");
    }
}

#[tokio::test]
async fn an_event_that_is_not_taken_keeps_its_row() {
    for answer in [Some(503), Some(429), Some(400), None] {
        let world = World::new().await;
        let (sink, url) = Sink::answering(answer).await;
        let event = world.uploaded().await;
        world.broker(&url).publish(&event).await;
        assert_eq!((sink.got().len(), world.rows().await), (1, 1), "{answer:?}");
    }
}

#[tokio::test]
async fn an_event_is_left_to_who_committed_it_for_a_while_then_the_sweep_publishes_it() {
    let world = World::new().await;
    let (sink, url) = Sink::answering(Some(202)).await;
    let event = world.uploaded().await;
    world.clock.advance(GRACE - Duration::from_millis(1));
    world.broker(&url).publish_pending().await;
    assert!(sink.got().is_empty());
    world.clock.advance(Duration::from_millis(1));
    world.broker(&url).publish_pending().await;
    assert_eq!((sink.ids(), world.rows().await), (vec![event.id], 0));
}

#[tokio::test]
async fn a_sink_that_is_away_puts_nothing_off_and_the_next_sweep_publishes_all() {
    let world = World::new().await;
    let mut events = HashSet::new();
    for _ in 0..300 {
        events.insert(world.uploaded().await.id);
    }
    world.clock.advance(GRACE);
    world.broker("http://127.0.0.1:1").publish_pending().await;
    assert_eq!(world.rows().await, 300);
    let (sink, url) = Sink::answering(Some(202)).await;
    let due = world.db.outbox().due(VideoUploaded::TYPE, 300).await.unwrap();
    assert!(due.iter().all(|pending| pending.attempts == 0), "an outage is no event's fault");
    world.broker(&url).publish_pending().await;
    let ids = sink.ids();
    assert_eq!((ids.len(), ids.into_iter().collect(), world.rows().await), (300, events, 0));
}

#[tokio::test]
async fn two_sweeps_at_once_publish_each_event_once() {
    let world = World::new().await;
    for _ in 0..60 {
        world.uploaded().await;
    }
    world.clock.advance(GRACE);
    let (sink, url) = Sink::answering(Some(202)).await;
    let (one, other) = (world.broker(&url), world.broker(&url));
    tokio::join!(one.publish_pending(), other.publish_pending());
    let ids = sink.ids();
    assert_eq!((ids.len(), ids.into_iter().collect::<HashSet<_>>().len()), (60, 60));
    assert_eq!(world.rows().await, 0);
}

#[tokio::test]
async fn an_event_that_the_sink_refuses_is_put_off_does_not_hold_up_the_others_and_goes_after_days() {
    let world = World::new().await;
    let (sink, url) = Sink::answering(Some(400)).await;
    world.uploaded().await;
    world.uploaded().await;
    let broker = world.broker(&url);
    for attempt in 1.. {
        world.clock.advance(GRACE);
        broker.publish_pending().await;
        assert_eq!(sink.got().len(), 2 * attempt);
        let Some(pause) = pause_after(u32::try_from(attempt).unwrap()) else { break };
        assert_eq!((world.rows().await, world.due_in().await), (2, pause));
        world.clock.advance(pause);
    }
    assert_eq!((sink.got().len(), world.rows().await), (26, 0), "13 times each");
}

async fn finish(db: &Db) -> Option<Ended<AudioReady>> {
    let lease = Duration::from_secs(60);
    let claimed = db.jobs().claim_next(lease).await.unwrap()?;
    let audio =
        Audio { id: AudioId::generate(), bytes: 1, duration: lease, codec: "mp3".into(), bitrate: 128 };
    let finished = Finished {
        audio,
        peaks: None,
        source_codec: None,
        source_duration: None,
        warning: None,
        keep: lease,
    };
    db.jobs().finish(&claimed, &finished, "1").await.unwrap()
}

/// A function that is served on a free port.
struct Served {
    address: String,
    shutdown: CancellationToken,
    serving: JoinHandle<Result<(), String>>,
}

impl Served {
    async fn start(function: Function, broker: Broker) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        let service = Service::on(listener, shutdown.clone());
        let serving = tokio::spawn(async move {
            broker::serve("tests", function, &broker, service).await.map_err(|error| error.to_string())
        });
        Self { address, shutdown, serving }
    }

    async fn post(&self, kind: &str, event: &Envelope) -> StatusCode {
        let request = reqwest::Client::new().post(format!("{}/", self.address));
        let request = request.header("ce-specversion", "1.0").header("ce-id", "1").header("ce-type", kind);
        let request = request.header("ce-source", "/x").header("content-type", "application/json");
        request.body(event.data.to_string()).send().await.unwrap().status()
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.serving.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_served_function_takes_posted_events_and_posts_what_it_says() {
    let world = World::new().await;
    let (sink, url) = Sink::answering(Some(202)).await;
    let event = world.uploaded().await;
    world.db.outbox().sent(&event.id).await.unwrap();
    let on = |db: Context<Db>, _: VideoUploaded| async move { Ok(finish(&db).await) };
    let served = Served::start(Function::new().on(world.db.clone(), on), world.broker(&url)).await;
    assert_eq!(served.post(VideoUploaded::TYPE, &event).await, 202);
    let said: Vec<_> = sink.got().iter().map(|(headers, _)| headers["ce-type"].clone()).collect();
    assert_eq!(said, [AudioReady::TYPE, contracts::DeliveryDue::TYPE]);
    assert_eq!(world.rows().await, 0);
    let duplicate = served.post(VideoUploaded::TYPE, &event).await;
    assert_eq!((duplicate, sink.got().len()), (StatusCode::ACCEPTED, 2), "it is taken, and says nothing");
    assert_eq!(served.post("dev.unknown.v1", &event).await, 422);
    served.stop().await;
}

#[tokio::test]
async fn a_function_that_subscribes_to_nothing_has_no_door_for_events() {
    let world = World::new().await;
    let event = world.uploaded().await;
    let page = OpenApiRouter::new().route("/", get("a page"));
    for (routes, status) in [(OpenApiRouter::new(), 404), (page, 405)] {
        let function = Function::new().routes(routes);
        let served = Served::start(function, world.broker("http://127.0.0.1:1")).await;
        assert_eq!(served.post(VideoUploaded::TYPE, &event).await, status);
        served.stop().await;
    }
}

#[tokio::test]
async fn a_function_whose_broker_is_away_is_ready_and_keeps_what_it_has_to_say() {
    let world = World::new().await;
    for config in [
        config("http://127.0.0.1:1"),
        BrokerConfig { broker_url: "amqp://127.0.0.1:1/".into(), ..BrokerConfig::default() },
    ] {
        let broker = Broker::open(&config, world.db.clone()).unwrap();
        let on = |_: Context<()>, _: VideoUploaded| async { Ok(()) };
        let served = Served::start(Function::new().on((), on), broker.clone()).await;
        let (event, before) = (world.uploaded().await, world.rows().await);
        broker.publish(&event).await;
        assert_eq!(world.rows().await, before, "accepted and kept");
        let ready = reqwest::get(format!("{}/health/readiness", served.address)).await.unwrap();
        assert_eq!(ready.status(), 200);
        served.stop().await;
    }
}

#[test]
fn numbers_that_can_not_be_meant_are_refused() {
    for (name, value) in [
        ("BROKER_PREFETCH", "0"),
        ("BROKER_PREFETCH", "1001"),
        ("BROKER_PREFETCH", "-1"),
        ("BROKER_DRAIN_SECONDS", "86401"),
    ] {
        let set = [(name.to_owned(), value.to_owned())];
        let error = BrokerConfig::from_variables(set.into_iter()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{name}: ")), "{error}");
    }
}
