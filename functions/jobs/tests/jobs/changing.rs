//! Cancel, retry, delete; for one's own jobs, and all failed ones for administrators.

use contracts::{Event as _, Timestamp, VideoUploaded};
use serde_json::{Value, json};

use crate::world::{MINUTE, World};

#[tokio::test]
async fn a_job_can_be_canceled_tried_again_and_deleted_and_409_tells_its_state() {
    let world = World::new().await;
    let job = world.queued(world.anna).await;
    let call = async |what: &str| {
        let answer = world
            .call(
                world.anna,
                &format!("{} /jobs/{job}{what}", if what.is_empty() { "DELETE" } else { "POST" }),
            )
            .await;
        (answer.status.as_u16(), answer.json["state"].clone())
    };
    assert_eq!(call("/retry").await, (409, json!("queued")));
    assert_eq!(call("/cancel").await, (200, json!("canceled")));
    assert_eq!(call("/cancel").await, (200, json!("canceled")), "asked twice, done once");
    assert_eq!(call("/retry").await, (200, json!("queued")));
    world.claim().await;
    assert_eq!(call("/retry").await, (409, json!("converting")));
    assert_eq!(call("/cancel").await, (200, json!("canceled")));
    assert_eq!(call("").await.0, 204);
    assert_eq!(call("").await.0, 404);
}

#[tokio::test]
async fn an_administrator_has_all_failed_jobs_since_a_time_tried_again() {
    let world = World::new().await;
    let old = world.failed(world.anna).await.0;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let since = Timestamp::now();
    let failed = [world.failed(world.anna).await.0, world.failed(world.eve).await.0];
    let canceled = world.queued(world.eve).await;
    assert!(world.db.jobs().cancel(canceled).await.unwrap());
    for ticket in world.db.outbox().due(VideoUploaded::TYPE, 100).await.unwrap() {
        world.db.outbox().sent(&ticket.envelope.id).await.unwrap();
    }
    let token = world.login(world.root);
    let retry = async |body: Value| world.call_with(&token, "POST /admin/jobs/retry", &body).await;
    let answer = retry(json!({"failed_since": since.after(MINUTE)})).await;
    assert_eq!((answer.status.as_u16(), answer.json), (200, json!({"retried": 0})));
    let answer = retry(json!({"failed_since": since})).await;
    assert_eq!((answer.status.as_u16(), answer.json), (200, json!({"retried": 2})));
    let seen = world.db.jobs().glances(&[old, failed[0], failed[1], canceled]).await.unwrap();
    let state = |id| seen.iter().find(|job| job.id == id).unwrap().state.as_str();
    assert_eq!([old, failed[0], failed[1], canceled].map(state), ["failed", "queued", "queued", "canceled"]);
    let tickets = world.db.outbox().due(VideoUploaded::TYPE, 100).await.unwrap();
    assert_eq!(tickets.len(), 2, "one for each");
    for (body, status) in [
        (json!({"failed_since": "yesterday"}), 422),
        (json!({}), 422),
        (json!({"failed_since": since, "really": true}), 422),
    ] {
        assert_eq!(retry(body.clone()).await.status.as_u16(), status, "{body}");
    }
}
