//! The layout of Knative's RabbitMQ broker, both ways: its names and bindings are written here as its sources do it.

use broker::{BrokerConfig, WorkQueue};
use contracts::VideoUploaded;
use lapin::{
    BasicProperties, ExchangeKind,
    options::{BasicPublishOptions, ExchangeDeclareOptions, QueueBindOptions},
    types::{AMQPValue, FieldTable},
};
use runtime::{CancellationToken, Context, Function};

use crate::world::{Heard, WORK, World, envelope};

/// `b.<namespace>.<broker>.<uid>`.
const EXCHANGE: &str = "b.default.default.6a1f2f3e-0000-4000-8000-000000000000";
const TRACE: &str = "00-80e1afed08e019fc1110464cfa66635c-7a085853722dc6d2-01";
const TYPE: &str = "dev.tapedeck.video.uploaded.v1";

fn table(pairs: &[(&str, &str)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in pairs {
        table.insert((*name).into(), AMQPValue::LongString((*value).into()));
    }
    table
}

/// The work queue as on Knative: not bound to our own exchange.
fn knative_queue(world: &World) -> WorkQueue {
    let config = BrokerConfig { k_sink: Some("http://sink".into()), ..world.config.clone() };
    WorkQueue::open::<VideoUploaded>("convert", &config).unwrap()
}

#[tokio::test]
async fn a_queue_bound_to_a_headers_exchange_as_knative_does_it_delivers_to_our_worker() {
    let world = World::new().await;
    let queue = knative_queue(&world);
    queue.publish(&envelope()).await.unwrap();
    world.take(WORK).await;
    let channel = world.raw().await.channel;
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(EXCHANGE.into(), ExchangeKind::Headers, durable, table(&[])).await.unwrap();
    let filter = table(&[("x-match", "all"), ("type", TYPE)]);
    let options = QueueBindOptions::default();
    channel.queue_bind(WORK.into(), EXCHANGE.into(), "".into(), options, filter).await.unwrap();
    let job = contracts::JobId::generate();
    for kind in ["dev.tapedeck.audio.ready.v1", TYPE] {
        let headers = table(&[
            ("content-type", "application/json"),
            ("specversion", "1.0"),
            ("time", "2026-11-21T10:00:00.123456789Z"),
            ("type", kind),
            ("source", "/tapedeck/functions/upload"),
            ("subject", &job.to_string()),
            ("id", "01jd0000000000000000000000"),
            ("traceparent", TRACE),
            ("tracestate", ""),
        ]);
        let properties = BasicProperties::default()
            .with_headers(headers)
            .with_content_type("application/json".into())
            .with_message_id("01jd0000000000000000000000".into());
        let body = serde_json::json!({ "job_id": job }).to_string();
        let options = BasicPublishOptions::default();
        channel
            .basic_publish(EXCHANGE.into(), "".into(), options, body.as_bytes(), properties)
            .await
            .unwrap();
    }
    let (heard, shutdown) = (Heard::default(), CancellationToken::new());
    let function =
        Function::new().on(heard.clone(), |heard: Context<Heard>, event: VideoUploaded| async move {
            assert_eq!(heard.call.trace.parent(), Some(TRACE));
            heard.note(event.job_id);
            Ok(())
        });
    tokio::join!(queue.work(function, world.broker(), shutdown.clone()), async {
        heard.count(1).await;
        shutdown.cancel();
    });
    assert_eq!(heard.all(), [job]);
    assert_eq!(world.look(WORK).await, Some((0, 0)), "the other type was not bound");
}

#[tokio::test]
async fn what_we_publish_carries_the_same_layout() {
    let world = World::new().await;
    let mut event = envelope();
    event.extensions.insert("traceparent".into(), TRACE.into());
    knative_queue(&world).publish(&event).await.unwrap();
    let message = world.take(WORK).await;
    let properties = &message.properties;
    let expected = table(&[
        ("content-type", "application/json"),
        ("specversion", "1.0"),
        ("time", &event.time.to_string()),
        ("type", TYPE),
        ("source", "/tapedeck/functions/upload"),
        ("subject", &event.subject),
        ("id", &event.id),
        ("traceparent", TRACE),
        ("dataschema", "urn:tapedeck:event:dev.tapedeck.video.uploaded.v1"),
    ]);
    let mut headers = properties.headers().clone().unwrap().inner().clone();
    headers.remove("x-delivery-count");
    assert_eq!(&headers, expected.inner(), "and nothing but what the queue adds");
    assert_eq!(properties.content_type().as_ref().unwrap().as_str(), "application/json");
    assert_eq!(properties.message_id().as_ref().unwrap().as_str(), event.id);
    assert_eq!(*properties.delivery_mode(), Some(2), "survives a restart");
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&message.data).unwrap(), event.data);
}
