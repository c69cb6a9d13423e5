//! Events on their way.

use std::time::Duration;

use contracts::{AudioReady, DeliveryDue, Event as _, Trace, UserId, VideoUploaded};
use db::Source;
use sqlx::Row as _;

use crate::world::{HOUR, MINUTE, finished, mail_and_webhook, pool, worlds};

#[tokio::test]
async fn an_event_is_claimed_by_one_and_due_again_when_that_one_dies() {
    for world in worlds().await {
        world.queued().await;
        let outbox = world.db.outbox();
        let pending = outbox.due(VideoUploaded::TYPE, 10).await.unwrap().remove(0);
        assert!(outbox.claim(&pending, MINUTE).await.unwrap());
        assert!(!outbox.claim(&pending, MINUTE).await.unwrap());
        assert!(world.events(VideoUploaded::TYPE).await.is_empty());
        world.clock.advance(MINUTE);
        assert_eq!(world.events(VideoUploaded::TYPE).await, std::slice::from_ref(&pending.envelope));
        let pending = outbox.due(VideoUploaded::TYPE, 10).await.unwrap().remove(0);
        assert!(outbox.claim(&pending, MINUTE).await.unwrap());
        outbox.release(&pending).await.unwrap();
        assert!(outbox.claim(&pending, MINUTE).await.unwrap(), "it is due as before");
        outbox.sent(&pending.envelope.id).await.unwrap();
        outbox.sent(&pending.envelope.id).await.unwrap();
        assert!(!outbox.any_waiting().await.unwrap());
    }
}

#[tokio::test]
async fn an_event_that_was_not_taken_is_due_later() {
    for world in worlds().await {
        world.queued().await;
        let outbox = world.db.outbox();
        let event = world.events(VideoUploaded::TYPE).await.remove(0);
        outbox.failed(&event.id, HOUR, &"ä".repeat(600)).await.unwrap();
        assert!(world.events(VideoUploaded::TYPE).await.is_empty() && outbox.any_waiting().await.unwrap());
        assert_eq!(outbox.next_due(VideoUploaded::TYPE).await.unwrap(), Some(world.clock.now().after(HOUR)));
        assert_eq!(world.db.next_due().await.unwrap(), Some(world.clock.now().after(HOUR)));
        world.clock.advance(HOUR);
        assert_eq!(outbox.due(VideoUploaded::TYPE, 10).await.unwrap()[0].attempts, 1);
        assert_eq!(outbox.next_due("dev.tapedeck.unknown").await.unwrap(), None);
    }
}

#[tokio::test]
async fn what_nobody_published_in_time_is_published_by_the_sweep_and_what_nobody_hears_goes() {
    for world in worlds().await {
        world.user().await;
        world.queued().await;
        let outbox = world.db.outbox();
        assert!(outbox.unpublished(MINUTE, 10).await.unwrap().is_empty());
        world.clock.advance(MINUTE);
        assert_eq!(outbox.unpublished(MINUTE, 10).await.unwrap().len(), 3);
        assert_eq!(outbox.drop_kind("dev.tapedeck.user.registered.v1").await.unwrap(), 1);
        assert_eq!(outbox.unpublished(Duration::ZERO, 10).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn extensions_travel_with_the_event() {
    for world in worlds().await {
        world.queued().await;
        world.run(r#"UPDATE outbox SET extensions = '{"traceparent":"00-1-2-01"}'"#).await;
        let pending = world.db.outbox().due(VideoUploaded::TYPE, 10).await.unwrap().remove(0);
        assert_eq!(pending.envelope.extensions["traceparent"], "00-1-2-01");
    }
}

#[tokio::test]
async fn what_a_transition_writes_belongs_to_the_trace_of_its_cause_and_only_that() {
    const PARENTS: [&str; 2] = [
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ];
    let [upload, ticket] = PARENTS.map(|parent| Trace::new(Some(parent), Some("a=1,b=2")));
    for world in worlds().await {
        let id = world.uploading(UserId::generate()).await;
        let (source, options) = (Source::default(), mail_and_webhook());
        let by_request = world.db.caused_by(&upload);
        let queued = by_request.jobs().queue(id, &source, &options).await.unwrap().unwrap();
        assert_eq!(queued.envelope.extensions, upload.extensions());
        assert_eq!(world.events(VideoUploaded::TYPE).await, [queued.envelope]);
        let claimed = world.claim().await;
        let by_ticket = world.db.caused_by(&ticket);
        let ended = by_ticket.jobs().finish(&claimed, &finished(&claimed), "e").await.unwrap().unwrap();
        let again = by_ticket.jobs().finish(&claimed, &finished(&claimed), "e").await.unwrap().unwrap();
        for ended in [&ended, &again] {
            assert_eq!(ended.fact.envelope.extensions, ticket.extensions());
            assert!(ended.deliveries.iter().all(|due| due.envelope.extensions == ticket.extensions()));
        }
        assert_eq!(world.events(AudioReady::TYPE).await, [ended.fact.envelope]);
        assert_eq!(world.events(DeliveryDue::TYPE).await.len(), 2);
        world.queued().await;
        let untraced = world.events(VideoUploaded::TYPE).await.pop().unwrap();
        assert!(untraced.extensions.is_empty(), "another job's, of no request that has a trace");
    }
}

/// What a lane of the local broker asks, as `outbox.rs` writes it. (`plans.rs` asks MySQL.)
const LANE: [&str; 3] = [
    "SELECT * FROM outbox WHERE kind = 'k' AND due_at <= 1 ORDER BY due_at LIMIT 1",
    "SELECT MIN(due_at) AS due FROM outbox WHERE kind = 'k'",
    "DELETE FROM outbox WHERE kind = 'k'",
];

#[tokio::test]
async fn a_lane_of_sqlite_reads_no_event_of_another_kind_however_many_wait() {
    let world = worlds().await.remove(0);
    world
        .run(
            "INSERT INTO outbox (id, kind, source, subject, time, data, attempts, due_at) \
             WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20000) \
             SELECT 'e' || n, 'dev.tapedeck.video.uploaded.v1', 's', 's', 0, '{}', 0, n FROM n",
        )
        .await;
    let pool = pool(&world.url).await;
    for statement in LANE {
        let explain = format!("EXPLAIN QUERY PLAN {statement}");
        let steps = sqlx::query(sqlx::AssertSqlSafe(explain)).fetch_all(&pool).await.unwrap();
        let step: String = steps[0].try_get("detail").unwrap();
        assert!(steps.len() == 1 && step.contains("INDEX outbox_kind (kind=?"), "{statement}: {step}");
    }
    pool.close().await;
    assert!(world.db.outbox().due(DeliveryDue::TYPE, 8).await.unwrap().is_empty());
    assert_eq!(world.db.outbox().next_due(DeliveryDue::TYPE).await.unwrap(), None);
}
