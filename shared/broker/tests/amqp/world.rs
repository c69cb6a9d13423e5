//! A virtual host of the shared RabbitMQ for one test, a database, and a look into the queues.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use broker::{Broker, BrokerConfig, WorkQueue};
use contracts::{
    Clock, Envelope, Event as _, JobId, Options, Recorded, Timestamp, UserId, VideoId, VideoUploaded,
};
use db::{Db, NewJob, Source};
use lapin::{
    Channel, Connection, ConnectionProperties,
    message::Delivery,
    options::{BasicGetOptions, QueueDeclareOptions},
    types::FieldTable,
};
use runtime::{CancellationToken, Context, Function, Service};
use servers::Vhost;
use tokio::{net::TcpListener, task::JoinHandle};

/// The queue of `VideoUploaded` when the function `tests` is served.
pub(crate) const QUEUE: &str = "tapedeck.tests.video.uploaded.v1";
/// The work queue.
pub(crate) const WORK: &str = "tapedeck.convert";

/// Longer than an event is left to who committed it, and than a sweep keeps others away from it.
const SWEEP: Duration = Duration::from_secs(75);

pub(crate) struct World {
    pub(crate) config: BrokerConfig,
    pub(crate) db: Db,
    clock: Clock,
    _folder: tempfile::TempDir,
    _vhost: Option<Vhost>,
}

impl World {
    /// In a virtual host of its own on the shared server.
    pub(crate) async fn new() -> Self {
        let vhost = Vhost::make();
        let world = Self::on(&vhost.url()).await;
        Self { _vhost: Some(vhost), ..world }
    }

    /// On a server of the test's own.
    pub(crate) async fn on(url: &str) -> Self {
        // Shown for a test that fails.
        runtime::start_logging(&runtime::LogConfig {
            format: "text".into(),
            ..runtime::LogConfig::default()
        });
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite:{}", folder.path().join("db").display()), 4).unwrap();
        let clock = Clock::manual(Timestamp::now());
        let db = db.with_clock(clock.clone());
        db.migrate().await.unwrap();
        let config = BrokerConfig { broker_url: url.into(), ..BrokerConfig::default() };
        Self { config, db, clock, _folder: folder, _vhost: None }
    }

    pub(crate) fn broker(&self) -> Broker {
        Broker::open(&self.config, self.db.clone()).unwrap()
    }

    pub(crate) fn work_queue(&self) -> WorkQueue {
        WorkQueue::open::<VideoUploaded>("convert", &self.config).unwrap()
    }

    /// The turn of a sweep, after all that was begun before is due again.
    pub(crate) async fn sweep(&self, broker: &Broker) {
        self.clock.advance(SWEEP);
        broker.publish_pending().await;
    }

    /// Events of all kinds in the outbox, due or not.
    pub(crate) async fn rows(&self) -> usize {
        let long_after = self.clock.now().after(Duration::from_secs(30 * 86_400));
        let db = self.db.clone().with_clock(Clock::manual(long_after));
        db.outbox().unpublished(Duration::ZERO, 10_000).await.unwrap().len()
    }

    /// How often each upload in the outbox was put off.
    pub(crate) async fn attempts(&self) -> Vec<u32> {
        self.clock.advance(SWEEP);
        let due = self.db.outbox().due(VideoUploaded::TYPE, 1000).await.unwrap();
        due.iter().map(|pending| pending.attempts).collect()
    }

    /// `function` as a process of its own, whose subscriptions are there already.
    pub(crate) async fn serve(&self, function: Function) -> Served {
        let queues: Vec<String> = function.event_types().into_keys().map(queue_of).collect();
        let shutdown = CancellationToken::new();
        let (broker, stop) = (self.broker(), shutdown.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let running = tokio::spawn(async move {
            broker::serve("tests", function, &broker, Service::on(listener, stop)).await.unwrap();
        });
        for queue in queues {
            until(|| async { self.look(&queue).await.is_some_and(|(_, consumers)| consumers > 0) }).await;
        }
        Served { shutdown, running }
    }

    /// A job whose event stands in the outbox.
    pub(crate) async fn uploaded(&self) -> Recorded<VideoUploaded> {
        let id = JobId::generate();
        let new = NewJob { id, user_id: UserId::generate(), video_id: VideoId::generate() };
        self.db.jobs().create(&new).await.unwrap();
        self.db.jobs().queue(id, &Source::default(), &Options::default()).await.unwrap().unwrap()
    }

    /// Waits until `queue` has `count` messages ready.
    pub(crate) async fn holds(&self, queue: &str, count: u32) {
        until(|| async { self.look(queue).await.is_some_and(|(messages, _)| messages == count) }).await;
    }

    /// Waits until `queue` has `count` consumers.
    pub(crate) async fn consumers(&self, queue: &str, count: u32) {
        until(|| async { self.look(queue).await.is_some_and(|(_, consumers)| consumers == count) }).await;
    }

    /// The server's.
    pub(crate) fn port(&self) -> u16 {
        servers::port_of(&self.config.broker_url)
    }

    /// Messages ready, and consumers, if there is such a queue.
    pub(crate) async fn look(&self, queue: &str) -> Option<(u32, u32)> {
        let raw = self.raw().await;
        let passive = QueueDeclareOptions::default().passive();
        let queue = raw.channel.queue_declare(queue.into(), passive, FieldTable::default()).await.ok()?;
        Some((queue.message_count(), queue.consumer_count()))
    }

    /// Takes one message out of `queue`.
    pub(crate) async fn take(&self, queue: &str) -> Delivery {
        self.raw().await.take(queue).await
    }

    /// A connection past our own code.
    pub(crate) async fn raw(&self) -> Raw {
        let options = ConnectionProperties::default();
        let connection = Connection::connect(&self.config.broker_url, options).await.unwrap();
        Raw { channel: connection.create_channel().await.unwrap(), _connection: connection }
    }
}

pub(crate) struct Raw {
    pub(crate) channel: Channel,
    _connection: Connection,
}

impl Raw {
    /// Takes one message out of `queue`.
    pub(crate) async fn take(&self, queue: &str) -> Delivery {
        let options = BasicGetOptions { no_ack: true };
        self.channel.basic_get(queue.into(), options).await.unwrap().unwrap().delivery
    }
}

fn queue_of(kind: &str) -> String {
    format!("tapedeck.tests.{}", kind.strip_prefix("dev.tapedeck.").unwrap())
}

pub(crate) struct Served {
    shutdown: CancellationToken,
    running: JoinHandle<()>,
}

impl Served {
    /// Ends it in good order.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.running.await.unwrap();
    }
}

/// What a handler heard, in order.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<JobId>>>);

impl Heard {
    /// Returns how many there are now.
    pub(crate) fn note(&self, job: JobId) -> usize {
        let mut heard = self.0.lock().unwrap();
        heard.push(job);
        heard.len()
    }

    pub(crate) fn all(&self) -> Vec<JobId> {
        self.0.lock().unwrap().clone()
    }

    /// Waits for `count` events.
    pub(crate) async fn count(&self, count: usize) {
        until(|| async { self.all().len() == count }).await;
    }

    /// Takes every event.
    pub(crate) fn function(&self) -> Function {
        Function::new().on(self.clone(), |heard: Context<Self>, event: VideoUploaded| async move {
            heard.note(event.job_id);
            Ok(())
        })
    }
}

/// An event that stands in no outbox.
pub(crate) fn envelope() -> Envelope {
    Envelope::of(&VideoUploaded { job_id: JobId::generate() }, Timestamp::now()).unwrap()
}

/// Waits for a condition; the test runner ends what waits for ever.
pub(crate) async fn until<F: Future<Output = bool>>(condition: impl Fn() -> F) {
    while !condition().await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
