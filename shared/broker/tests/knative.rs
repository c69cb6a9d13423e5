//! Publishing to a sink and being called, as Knative does it, over real HTTP.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use broker::{Broker, BrokerConfig, Error};
use contracts::{AudioId, AudioReady, Envelope, Event as _, JobId, Options, UserId, VideoId, VideoUploaded};
use db::{Audio, Db, Finished, NewJob, Source};
use runtime::{CancellationToken, Function, ServeConfig};
use tokio::net::TcpListener;

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
}

struct World {
    db: Db,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite:{}", folder.path().join("db").display()), 4).unwrap();
        db.migrate().await.unwrap();
        Self { db, _folder: folder }
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

    async fn rows(&self) -> u64 {
        self.db.pending_events().await.unwrap()
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
    ] {
        assert_eq!(headers[name], value);
    }
    assert_eq!(body, event.data.to_string());
    assert_eq!(world.rows().await, 0);
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
    let broken = BrokerConfig { k_ce_overrides: Some("stage=test".into()), ..config };
    assert!(matches!(Broker::open(&broken, world.db.clone()), Err(Error::Overrides(_))));
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
async fn a_sink_that_is_not_there_puts_nothing_off_and_the_next_sweep_publishes_in_order() {
    let world = World::new().await;
    let mut events = Vec::new();
    for _ in 0..3 {
        events.push(world.uploaded().await.id);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    world.broker("http://127.0.0.1:1").publish_pending().await;
    assert_eq!(world.rows().await, 3);
    let (sink, url) = Sink::answering(Some(202)).await;
    world.broker(&url).publish_pending().await;
    let ids: Vec<String> =
        sink.got().iter().map(|(headers, _)| headers["ce-id"].to_str().unwrap().into()).collect();
    assert_eq!((ids, world.rows().await), (events, 0));
}

#[tokio::test]
async fn an_event_that_the_sink_refuses_does_not_hold_up_the_others() {
    let world = World::new().await;
    let (sink, url) = Sink::answering(Some(400)).await;
    world.uploaded().await;
    world.uploaded().await;
    world.broker(&url).publish_pending().await;
    assert_eq!((sink.got().len(), world.rows().await), (2, 2));
    assert!(world.db.next_due().await.unwrap().is_some(), "put off");
}

async fn finish(db: Db, event: VideoUploaded) -> Option<contracts::Recorded<AudioReady>> {
    let lease = Duration::from_secs(60);
    let claimed = db.jobs().claim_next(lease).await.unwrap()?;
    let audio =
        Audio { id: AudioId::generate(), bytes: 1, duration: lease, codec: "mp3".into(), bitrate: 128 };
    let finished = Finished { audio, source_codec: None, source_duration: None, warning: None, keep: lease };
    db.jobs().finish(&claimed.lease, &finished, "1").await.unwrap()
}

#[tokio::test]
async fn a_served_function_takes_posted_events_and_posts_what_it_says() {
    let world = World::new().await;
    let (sink, url) = Sink::answering(Some(202)).await;
    let event = world.uploaded().await;
    world.db.event_sent(&event.id).await.unwrap();
    let on = |db: Db, event: VideoUploaded| async move { Ok(finish(db, event).await) };
    let function = Function::new().on(world.db.clone(), on);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let (broker, shutdown) = (world.broker(&url), CancellationToken::new());
    let stop = shutdown.clone();
    let serving = tokio::spawn(async move {
        broker::serve("convert", function, &broker, listener, &ServeConfig::default(), stop).await
    });
    let post = |kind: &'static str| {
        let request =
            reqwest::Client::new().post(&address).header("ce-specversion", "1.0").header("ce-id", "1");
        let request = request.header("ce-source", "/x").header("content-type", "application/json");
        request.header("ce-type", kind).body(event.data.to_string()).send()
    };
    assert_eq!(post(VideoUploaded::TYPE).await.unwrap().status(), 202);
    let (headers, _) = sink.got().remove(0);
    assert_eq!(headers["ce-type"], AudioReady::TYPE);
    assert_eq!(world.rows().await, 0);
    assert_eq!(
        post(VideoUploaded::TYPE).await.unwrap().status(),
        202,
        "a duplicate is taken, and says nothing"
    );
    assert_eq!(sink.got().len(), 1);
    assert_eq!(post("dev.unknown.v1").await.unwrap().status(), 422);
    shutdown.cancel();
    serving.await.unwrap().unwrap();
}
