//! Webhooks: what they say, that they are signed, when they are called again, and whom they never call.

use std::time::Duration;

use crate::{
    servers::{Receiver, certificate},
    world::World,
};
use contracts::{AudioReady, Event as _, FailureCode, NotifyBy, Options, State, Timestamp, WebhookDue};
use notify::{MailConfig, WebhookConfig};
use serde_json::{Value, json};

fn options(url: &str) -> Options {
    Options { webhook: Some(url.into()), notify: NotifyBy::None, ..Options::default() }
}

/// A finished job whose first call is due.
async fn due(world: &World, url: &str) -> (AudioReady, WebhookDue) {
    let event = world.done("a.mp4", options(url), None).await;
    let replies = world.deliver_and_reply(&event).await.unwrap();
    assert_eq!(replies[0].kind, WebhookDue::TYPE);
    (event, serde_json::from_value(replies[0].data.clone()).unwrap())
}

/// In how many seconds the next attempt is due.
async fn next(world: &World) -> Option<i64> {
    let due = world.db.next_due().await.unwrap()?;
    Some((due.millis() - Timestamp::now().millis() + 999) / 1000)
}

#[tokio::test]
async fn a_webhook_says_the_cloudevent_and_is_signed_with_the_owners_secret() {
    let (world, receiver) = (World::new().await, Receiver::answering("204 No Content").await);
    let (event, first) = due(&world, &receiver.url).await;
    world.deliver(&first).await.unwrap();
    let call = receiver.heard()[0].clone();
    assert!(call.head.starts_with("POST /hook?key=1 HTTP/1.1\r\n"), "{}", call.head);
    assert_eq!(call.header("content-type"), "application/cloudevents+json");
    assert!(receiver.url.contains(&call.header("host")));
    let body: Value = serde_json::from_str(&call.body).unwrap();
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
    let event = world.failed_with("a.mp4", &options(&receiver.url), FailureCode::NoAudio, "").await;
    world.deliver_and_reply(&event).await.unwrap();
    for attempt in world.webhooks_due().await {
        world.deliver(&attempt).await.unwrap();
    }
    let body: Value = serde_json::from_str(&receiver.heard()[0].body).unwrap();
    assert_eq!(body["data"], json!({"job_id": event.job_id, "code": "no_audio"}));
}

#[tokio::test]
async fn a_job_has_one_first_call_and_an_attempt_is_made_once() {
    let (world, receiver) = (World::new().await, Receiver::answering("200 OK").await);
    let (event, first) = due(&world, &receiver.url).await;
    assert!(world.deliver_and_reply(&event).await.unwrap().is_empty(), "the same event again starts nothing");
    assert_eq!(world.webhooks_due().await.len(), 1);
    world.deliver(&first).await.unwrap();
    world.deliver(&first).await.unwrap();
    assert_eq!(receiver.heard().len(), 1);
}

#[tokio::test]
async fn a_receiver_that_fails_is_called_eight_times_under_one_id() {
    let (world, receiver) = (World::new().await, Receiver::answering("500 Oh No").await);
    let (_, first) = due(&world, &receiver.url).await;
    let events = world.db.pending_events().await.unwrap();
    for attempt in 1..=8 {
        let event = WebhookDue { attempt, ..first.clone() };
        world.deliver(&event).await.unwrap();
        world.deliver(&event).await.unwrap();
        let successors = u64::from(attempt.min(7));
        assert_eq!(
            world.db.pending_events().await.unwrap(),
            events + successors,
            "one each, and none of the last"
        );
    }
    let heard = receiver.heard();
    assert_eq!(heard.len(), 8);
    let same = |name| heard.iter().all(|call| call.header(name) == heard[0].header(name));
    assert!(same("webhook-id") && heard.iter().all(|call| call.body == heard[0].body));
}

#[tokio::test]
async fn the_pauses_between_attempts_grow_to_hours() {
    let receiver = Receiver::answering("500 Oh No").await;
    for (attempt, pause) in (1..).zip([5, 300, 1800, 7200, 18_000, 36_000, 36_000]) {
        let world = World::new().await;
        let (_, first) = due(&world, &receiver.url).await;
        world.deliver(&WebhookDue { attempt, ..first }).await.unwrap();
        let seconds = next(&world).await.unwrap();
        assert!((pause - 4..=pause).contains(&seconds), "{seconds} s instead of {pause} s");
    }
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_not_followed() {
    let world = World::new().await;
    let receiver = Receiver::answering("307 Elsewhere\r\nLocation: /other").await;
    let (_, first) = due(&world, &receiver.url).await;
    world.deliver(&first).await.unwrap();
    assert_eq!(receiver.heard().len(), 1);
    assert!(next(&world).await.is_some(), "it is tried again");
}

#[tokio::test]
async fn a_receiver_that_wants_no_more_is_called_no_more() {
    let (world, receiver) = (World::new().await, Receiver::answering("410 Gone").await);
    let (_, first) = due(&world, &receiver.url).await;
    world.deliver(&first).await.unwrap();
    assert!(next(&world).await.is_none());
    world.deliver(&first).await.unwrap();
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
        let (_, first) = due(&world, url).await;
        world.deliver(&first).await.unwrap();
        assert!(next(&world).await.is_none(), "{url}: never again");
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
        let config = WebhookConfig { ca_file, unsafe_targets_for_tests: true };
        let world = World::with("anna@example.org", &MailConfig::default(), &config).await;
        let (_, first) = due(&world, &receiver.url).await;
        world.deliver(&first).await.unwrap();
        assert_eq!(receiver.heard().len(), heard);
        assert_eq!(next(&world).await.is_some(), heard == 0, "a wrong certificate may be mended");
    }
}

#[tokio::test]
async fn a_webhook_that_fails_delays_no_mail_and_a_mail_that_fails_no_webhook() {
    let (world, receiver) = (World::new().await, Receiver::answering("500 Oh No").await);
    let both = Options { webhook: Some(receiver.url.clone()), ..Options::default() };
    let event = world.done("a.mp4", both, None).await;
    world.break_mailer();
    assert!(world.deliver_and_reply(&event).await.is_err());
    let attempts = world.webhooks_due().await;
    assert_eq!(attempts.len(), 1, "recorded before the mail failed");
    world.deliver(&attempts[0]).await.unwrap();
    assert_eq!(receiver.heard().len(), 1);
    world.mend_mailer();
    world.deliver(&event).await.unwrap();
    assert_eq!(world.mails().len(), 1);
}

#[tokio::test]
async fn a_job_that_is_gone_or_has_another_end_by_now_calls_nobody() {
    let (world, receiver) = (World::new().await, Receiver::answering("200 OK").await);
    let (event, first) = due(&world, &receiver.url).await;
    world.deliver(&WebhookDue { state: State::Failed, ..first.clone() }).await.unwrap();
    world.db.jobs().delete(event.job_id).await.unwrap();
    world.deliver(&first).await.unwrap();
    assert!(receiver.heard().is_empty());
}

#[tokio::test]
async fn a_call_that_somebody_else_is_making_is_left_to_them() {
    let (world, receiver) = (World::new().await, Receiver::answering("200 OK").await);
    let (_, first) = due(&world, &receiver.url).await;
    let (one, two) = tokio::join!(world.deliver(&first), world.deliver(&first));
    assert!(one.is_ok() || two.is_ok());
    assert_eq!(receiver.heard().len(), 1);
    let lease = Duration::from_secs(60);
    let (_, second) = due(&world, &receiver.url).await;
    world.db.claim_notification(&second.job_id.to_string(), "webhook-done-1", lease).await.unwrap();
    assert!(matches!(world.deliver(&second).await, Err(runtime::Failure::Retry(_))));
}
