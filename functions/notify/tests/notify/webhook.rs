//! Webhooks: what they say, that they are signed, when they are called again, and whom they never call.

use std::time::Duration;

use crate::{
    servers::{Receiver, certificate},
    world::{World, only, webhook, webhooks_anywhere},
};
use contracts::{AudioReady, DeliveryId, Event as _, FailureCode, Options, Outcome, Timestamp, pause_after};
use notify::{MailConfig, WebhookConfig};
use serde_json::{Value, json};

/// The call that follows from a finished job.
async fn due(world: &World, url: &str) -> DeliveryId {
    only(&world.done("a.mp4", webhook(url), None).await)
}

#[tokio::test]
async fn a_webhook_says_the_cloudevent_and_is_signed_with_the_owners_secret() {
    let (world, receiver) = (World::new().await, Receiver::answering("204 No Content").await);
    let ended = world.done("a.mp4", webhook(&receiver.url), None).await;
    world.tell(&ended).await;
    let call = receiver.heard()[0].clone();
    assert!(call.head.starts_with("POST /hook?key=1 HTTP/1.1\r\n"), "{}", call.head);
    assert_eq!(call.header("content-type"), "application/cloudevents+json");
    assert!(receiver.url.contains(&call.header("host")));
    let body: Value = serde_json::from_str(&call.body).unwrap();
    let event = &ended.fact.event;
    assert_eq!(body["specversion"], "1.0");
    assert_eq!(body["type"], AudioReady::TYPE);
    assert_eq!(body["subject"], json!(event.job_id));
    assert_eq!(body["data"], json!({"job_id": event.job_id, "audio_id": event.audio_id}));
    assert_eq!(body["id"], json!(call.header("webhook-id")));
    let seconds: i64 = call.header("webhook-timestamp").parse().unwrap();
    let time = Timestamp::from_millis(seconds * 1000);
    let anna = world.db.user(world.anna).await.unwrap().unwrap();
    let secret = world.proofs.webhook_secret(&anna);
    let signature = secret.sign(&call.header("webhook-id"), time, call.body.as_bytes());
    assert_eq!(call.header("webhook-signature"), signature);
}

#[tokio::test]
async fn a_failure_is_told_too() {
    let (world, receiver) = (World::new().await, Receiver::answering("200 OK").await);
    let ended = world.failed_with("a.mp4", &webhook(&receiver.url), FailureCode::NoAudio, "").await;
    world.tell(&ended).await;
    let body: Value = serde_json::from_str(&receiver.heard()[0].body).unwrap();
    assert_eq!(body["data"], json!({"job_id": ended.fact.event.job_id, "code": "no_audio"}));
}

#[tokio::test]
async fn a_second_end_after_a_retry_is_told_under_another_id() {
    let (world, receiver) = (World::new().await, Receiver::answering("200 OK").await);
    let ended = world.failed_with("a.mp4", &webhook(&receiver.url), FailureCode::Internal, "").await;
    world.tell(&ended).await;
    world.db.jobs().retry(ended.fact.event.job_id).await.unwrap().unwrap();
    world.tell(&world.fail(&world.claim().await, FailureCode::Internal, "").await).await;
    let heard = receiver.heard();
    assert_eq!(heard.len(), 2);
    assert_ne!(heard[0].header("webhook-id"), heard[1].header("webhook-id"));
}

#[tokio::test]
async fn an_event_that_comes_again_calls_nobody_again() {
    let (world, receiver) = (World::new().await, Receiver::answering("200 OK").await);
    let id = due(&world, &receiver.url).await;
    tokio::join!(world.deliver(id), world.deliver(id));
    world.deliver(id).await;
    assert_eq!((receiver.heard().len(), world.outcome(id).await), (1, Some(Outcome::Sent)));
}

#[tokio::test]
async fn a_receiver_that_fails_is_called_for_three_days_under_one_id_and_is_then_a_dead_letter_that_can_be_repeated()
 {
    let (world, receiver) = (World::new().await, Receiver::answering("500 Oh No").await);
    let id = due(&world, &receiver.url).await;
    for attempt in 1.. {
        world.deliver(id).await;
        let row = world.row(id).await;
        assert_eq!((row.attempts, row.detail.as_deref()), (attempt, Some("the receiver answered 500")));
        let Some(pause) = pause_after(attempt) else { break };
        assert_eq!(row.due_at, Some(world.clock.now().after(pause)));
        world.deliver(id).await;
        world.pass(pause).await;
    }
    let heard = receiver.heard();
    assert_eq!(heard.len(), 13);
    let same = |name| heard.iter().all(|call| call.header(name) == heard[0].header(name));
    assert!(same("webhook-id") && heard.iter().all(|call| call.body == heard[0].body));
    let dead = world.db.deliveries().ended(Outcome::Dead, 10, None).await.unwrap();
    assert_eq!(dead.iter().map(|one| one.id).collect::<Vec<_>>(), [id]);
    world.pass(Duration::from_secs(30 * 86_400)).await;
    assert!(world.announced().await.iter().all(|due| *due != id));

    receiver.answers("204 No Content");
    let again = world.db.deliveries().repeat(id).await.unwrap().unwrap();
    world.deliver(again.event.delivery_id).await;
    let row = world.row(id).await;
    assert_eq!((row.outcome, row.attempts), (Some(Outcome::Sent), 1));
    assert_eq!(receiver.heard()[13].header("webhook-id"), heard[0].header("webhook-id"));
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_not_followed() {
    let world = World::new().await;
    let receiver = Receiver::answering("307 Elsewhere\r\nLocation: /other").await;
    let id = due(&world, &receiver.url).await;
    world.deliver(id).await;
    assert_eq!(receiver.heard().len(), 1);
    assert!(world.row(id).await.due_at.is_some(), "it is tried again");
}

#[tokio::test]
async fn a_receiver_that_wants_no_more_is_called_no_more() {
    let (world, receiver) = (World::new().await, Receiver::answering("410 Gone").await);
    let id = due(&world, &receiver.url).await;
    world.deliver(id).await;
    world.assert_ended(id, Outcome::Refused, "the receiver wants no more (410)").await;
    world.deliver(id).await;
    assert_eq!(receiver.heard().len(), 1);
}

#[tokio::test]
async fn without_leave_no_private_address_and_nothing_without_tls_is_called() {
    let (mail, strict) = (MailConfig::default(), WebhookConfig::default());
    let world = World::with("anna@example.org", &mail, &strict).await;
    let receiver = Receiver::answering("200 OK").await;
    let secure = receiver.url.replace("http:", "https:");
    let named = secure.replace("127.0.0.1", "localhost");
    for url in
        [&receiver.url, &secure, &named, "https://169.254.169.254/latest", "https://[::1]/", "nonsense"]
    {
        let id = due(&world, url).await;
        world.deliver(id).await;
        world.assert_ended(id, Outcome::Refused, "private addresses are not called").await;
    }
    assert!(receiver.heard().is_empty());
}

#[tokio::test]
async fn over_tls_the_receiver_must_be_who_it_says() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let receiver = Receiver::over_tls(folder.path()).await;
    let ca_file = folder.path().join("cert.pem").display().to_string();
    for (ca_file, heard) in [(String::new(), 0), (ca_file, 1)] {
        let config = WebhookConfig { ca_file, ..webhooks_anywhere() };
        let world = World::with("anna@example.org", &MailConfig::default(), &config).await;
        let id = due(&world, &receiver.url).await;
        world.deliver(id).await;
        assert_eq!(receiver.heard().len(), heard);
        assert_eq!(world.row(id).await.due_at.is_some(), heard == 0, "a wrong certificate may be mended");
    }
}

#[tokio::test]
async fn a_webhook_that_fails_delays_no_mail_and_a_mail_that_fails_no_webhook() {
    let (world, receiver) = (World::new().await, Receiver::answering("500 Oh No").await);
    let both = Options { webhook: Some(receiver.url.clone()), ..Options::default() };
    let ended = world.done("a.mp4", both, None).await;
    let [mail, call] = &*ended.deliveries else { panic!("{:?}", ended.deliveries) };
    let (mail, call) = (mail.event.delivery_id, call.event.delivery_id);
    world.break_mailer();
    world.tell(&ended).await;
    assert_eq!(
        (receiver.heard().len(), world.outcome(mail).await, world.outcome(call).await),
        (1, None, None)
    );
    world.mend_mailer();
    world.pass_until_due(mail).await;
    world.tell(&ended).await;
    assert_eq!((world.mails().len(), receiver.heard().len()), (1, 2));
}

#[tokio::test]
async fn a_job_that_is_gone_or_tried_again_calls_nobody() {
    let (world, receiver) = (World::new().await, Receiver::answering("200 OK").await);
    let ended = world.done("a.mp4", webhook(&receiver.url), None).await;
    world.db.jobs().delete(ended.fact.event.job_id).await.unwrap();
    world.tell(&ended).await;
    world.assert_ended(only(&ended), Outcome::Dropped, "the job was deleted").await;
    let ended = world.failed_with("a.mp4", &webhook(&receiver.url), FailureCode::Internal, "").await;
    world.db.jobs().retry(ended.fact.event.job_id).await.unwrap().unwrap();
    world.tell(&ended).await;
    world.assert_ended(only(&ended), Outcome::Dropped, "the job was tried again").await;
    assert!(receiver.heard().is_empty());
}

#[tokio::test]
async fn a_call_that_somebody_else_is_making_is_left_to_them() {
    let (world, receiver) = (World::new().await, Receiver::answering("200 OK").await);
    let id = due(&world, &receiver.url).await;
    world.db.deliveries().claim(id, Duration::from_secs(60)).await.unwrap().unwrap();
    world.deliver(id).await;
    assert!(receiver.heard().is_empty());
    world.pass(Duration::from_secs(60)).await;
    world.deliver(id).await;
    assert_eq!(receiver.heard().len(), 1);
}
