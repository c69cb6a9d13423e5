//! Destinations: what a webhook, ntfy and Apprise hear, and whom nobody calls.

use std::time::Duration;

use crate::{
    servers::Receiver,
    world::{World, only},
};
use contracts::{
    AudioReady, DeliveryId, DestinationEvent, DestinationId, DestinationKind, Event as _, FailureCode,
    NotifyBy, Options, Outcome, Timestamp,
};
use db::{Destination, DestinationChanges, NewDestination};
use notify::{MailConfig, WebhookConfig};
use serde_json::{Value, json};

/// One of Anna's.
async fn destination(
    world: &World,
    kind: DestinationKind,
    address: &str,
    token: Option<&str>,
) -> Destination {
    let id = DestinationId::generate();
    let rest = DestinationChanges {
        address: address.into(),
        token: token.map(|token| world.proofs.seal_token(id, token).unwrap()),
        events: DestinationEvent::ALL.into(),
        active: true,
    };
    let new = NewDestination { id, user_id: world.anna, kind, rest };
    world.db.create_destination(&new).await.unwrap().unwrap()
}

async fn webhook(world: &World, receiver: &Receiver) -> Destination {
    destination(world, DestinationKind::Webhook, &receiver.url, None).await
}

fn silent() -> Options {
    Options { notify: Some(NotifyBy::None), title: Some("Rome".into()), ..Options::default() }
}

/// The call that follows from a finished job.
async fn due(world: &World) -> DeliveryId {
    only(&world.done("a.mp4", silent(), None).await)
}

async fn tried(world: &World, destination: &Destination) -> DeliveryId {
    let id = world.db.test_destination(destination).await.unwrap().event.delivery_id;
    world.deliver(id).await;
    id
}

fn root(receiver: &Receiver) -> &str {
    receiver.url.strip_suffix("/hook?key=1").unwrap()
}

fn heard(receiver: &Receiver) -> Value {
    serde_json::from_str(&receiver.heard().last().unwrap().body).unwrap()
}

/// As a receiver does it, by the text of the specification: which of the signatures are right.
fn verifies(secret: &str, id: &str, seconds: &str, body: &str, header: &str) -> Vec<bool> {
    let script = "import base64, hashlib, hmac, sys\nsecret, id, seconds, body, header = sys.argv[1:]\nkey = base64.b64decode(secret.removeprefix('whsec_'))\nown = base64.b64encode(hmac.new(key, f'{id}.{seconds}.{body}'.encode(), hashlib.sha256).digest()).decode()\nprint(' '.join(str(one == f'v1,{own}') for one in header.split(' ')))";
    let mut python = crate::servers::command("/usr/bin/python3");
    let output = python.args(["-c", script, secret, id, seconds, body, header]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().map(|word| word == "True").collect()
}

#[tokio::test]
async fn a_webhook_hears_the_cloudevent_signed_with_its_own_secret_and_after_a_change_with_both() {
    let (world, receiver) = (World::new().await, Receiver::answering("204 No Content").await);
    let first = webhook(&world, &receiver).await;
    let ended = world.done("a.mp4", silent(), None).await;
    world.tell(&ended).await;
    assert_eq!(world.outcome(only(&ended)).await, Some(Outcome::Sent));
    let body = heard(&receiver);
    assert_eq!((&body["type"], &body["id"]), (&json!(AudioReady::TYPE), &json!(only(&ended))));
    assert_eq!(body["data"]["job_id"], json!(ended.fact.event.job_id));
    let verified = |destination: &Destination| {
        let call = receiver.heard().last().unwrap().clone();
        let (id, seconds) = (call.header("webhook-id"), call.header("webhook-timestamp"));
        let secret = world.proofs.destination_secret(destination).to_string();
        verifies(&secret, &id, &seconds, &call.body, &call.header("webhook-signature"))
    };
    assert_eq!(verified(&first), [true]);
    let second = world.db.replace_destination_secret(first.id).await.unwrap().unwrap();
    world.deliver(due(&world).await).await;
    assert_eq!((verified(&second), verified(&first)), (vec![true, false], vec![false, true]));
    world.clock.advance(Duration::from_secs(86_400));
    world.deliver(due(&world).await).await;
    assert_eq!((verified(&second), verified(&first)), (vec![true], vec![false]));
}

#[tokio::test]
async fn ntfy_hears_title_line_tag_and_link_at_its_root_with_the_token() {
    let (world, receiver) = (World::new().await, Receiver::answering("200 OK").await);
    let topic = format!("{}/talks", root(&receiver));
    destination(&world, DestinationKind::Ntfy, &topic, Some("tk_1")).await;
    let ended = world.done("a.mp4", silent(), Some("It ends early.")).await;
    world.tell(&ended).await;
    let call = receiver.heard()[0].clone();
    assert!(call.head.starts_with("POST / HTTP/1.1\r\n"), "{}", call.head);
    assert_eq!(call.header("authorization"), "Bearer tk_1");
    assert_eq!(call.header("content-type"), "application/json");
    let said = heard(&receiver);
    assert_eq!((&said["topic"], &said["title"]), (&json!("talks"), &json!("Your MP3 is ready: Rome")));
    let text = said["message"].as_str().unwrap();
    assert!(text.starts_with("3:07, 4.2 MB. The link works until "), "{text}");
    assert!(text.ends_with(" It ends early."), "{text}");
    assert_eq!(said["tags"], json!(["musical_note"]));
    let link = said["click"].as_str().unwrap();
    let token = link.rsplit_once("token=").unwrap().1;
    assert!(link.starts_with("https://tapedeck.example.org/download?fid="), "{link}");
    world.links.verify(token, ended.fact.event.audio_id).unwrap();
    assert_eq!(said.as_object().unwrap().len(), 5);
}

#[tokio::test]
async fn apprise_hears_title_body_type_and_format_without_a_token() {
    let (world, receiver) = (World::new().await, Receiver::answering("200 OK").await);
    let address = format!("{}/notify/my-key", root(&receiver));
    destination(&world, DestinationKind::Apprise, &address, None).await;
    let code = FailureCode::NoAudio;
    let ended = world.failed_with("a.mp4", &silent(), code, "2 streams,\r\nnone").await;
    world.tell(&ended).await;
    let call = receiver.heard()[0].clone();
    assert!(call.head.starts_with("POST /notify/my-key HTTP/1.1\r\n"), "{}", call.head);
    assert!(!call.head.to_lowercase().contains("authorization"));
    let body = format!("{} 2 streams,  none\nhttps://tapedeck.example.org/", code.sentence());
    let title = "Your MP3 could not be made: Rome";
    assert_eq!(heard(&receiver), json!({"title": title, "body": body, "type": "failure", "format": "text"}));
}

#[tokio::test]
async fn an_apprise_server_without_the_key_or_with_a_part_that_fails_is_not_asked_again() {
    let (world, receiver) = (World::new().await, Receiver::answering("204 No Content").await);
    let address = format!("{}/notify/my-key", root(&receiver));
    destination(&world, DestinationKind::Apprise, &address, None).await;
    for (answer, why) in [
        ("204 No Content", "the Apprise server has no such key (204)"),
        ("424 Failed Dependency", "the Apprise server could not tell everybody (424)"),
    ] {
        receiver.answers(answer);
        let id = due(&world).await;
        world.deliver(id).await;
        world.assert_ended(id, Outcome::Refused, why).await;
    }
}

#[tokio::test]
async fn a_test_says_what_it_is_to_each_kind_and_is_made_once() {
    let (world, receiver) = (World::new().await, Receiver::answering("200 OK").await);
    let (topic, key) = (format!("{}/talks", root(&receiver)), format!("{}/notify/k", root(&receiver)));
    let hook = webhook(&world, &receiver).await;
    let ntfy = destination(&world, DestinationKind::Ntfy, &topic, None).await;
    let apprise = destination(&world, DestinationKind::Apprise, &key, None).await;
    for (one, field, expected) in [
        (&hook, "type", json!("dev.tapedeck.destination.test.v1")),
        (&ntfy, "tags", json!(["wave"])),
        (&apprise, "type", json!("info")),
    ] {
        assert_eq!(world.outcome(tried(&world, one).await).await, Some(Outcome::Sent));
        assert_eq!(heard(&receiver)[field], expected);
    }
    let call = receiver.heard()[0].clone();
    let (id, seconds) = (call.header("webhook-id"), call.header("webhook-timestamp"));
    let secret = world.proofs.destination_secret(&hook).to_string();
    assert_eq!(verifies(&secret, &id, &seconds, &call.body, &call.header("webhook-signature")), [true]);
    receiver.answers("500 Oh No");
    let failed = tried(&world, &hook).await;
    world.assert_ended(failed, Outcome::Refused, "the receiver answered 500").await;
}

#[tokio::test]
async fn one_that_rests_is_called_for_a_test_only_and_one_that_is_gone_for_nothing() {
    let (world, receiver) = (World::new().await, Receiver::answering("200 OK").await);
    let rests = webhook(&world, &receiver).await;
    let id = due(&world).await;
    // Between the end of the job and the call: the row was not there yet when it was switched off.
    world.run(&format!("UPDATE destinations SET active = 0 WHERE id = '{}'", rests.id));
    world.deliver(id).await;
    world.assert_ended(id, Outcome::Dropped, "the destination was switched off").await;
    assert!(receiver.heard().is_empty());
    assert_eq!(world.outcome(tried(&world, &rests).await).await, Some(Outcome::Sent));
    let id = world.db.test_destination(&rests).await.unwrap().event.delivery_id;
    world.run(&format!("DELETE FROM destinations WHERE id = '{}'", rests.id));
    world.deliver(id).await;
    world.assert_ended(id, Outcome::Dropped, "the destination was deleted").await;
    let again = world.db.deliveries().repeat(id).await.unwrap().unwrap().event.delivery_id;
    world.deliver(again).await;
    world.assert_ended(id, Outcome::Dropped, "the destination was deleted").await;
    assert_eq!(receiver.heard().len(), 1);
}

#[tokio::test]
async fn a_receiver_that_wants_no_more_is_switched_off() {
    let (world, receiver) = (World::new().await, Receiver::answering("410 Gone").await);
    let hook = webhook(&world, &receiver).await;
    let (first, second) = (due(&world).await, due(&world).await);
    world.deliver(first).await;
    world.assert_ended(first, Outcome::Refused, "the receiver wants no more (410)").await;
    assert!(!world.db.destination(hook.id).await.unwrap().unwrap().active);
    world.deliver(second).await;
    world.assert_ended(second, Outcome::Dropped, "the destination was switched off").await;
    assert_eq!(receiver.heard().len(), 1);
}

#[tokio::test]
async fn a_token_of_another_key_is_sent_to_nobody() {
    let (world, other) = (World::new().await, World::new().await);
    let receiver = Receiver::answering("200 OK").await;
    let topic = format!("{}/talks", root(&receiver));
    let ntfy = destination(&world, DestinationKind::Ntfy, &topic, None).await;
    let sealed = other.proofs.seal_token(ntfy.id, "tk_1").unwrap();
    world.run(&format!("UPDATE destinations SET token = '{sealed}' WHERE id = '{}'", ntfy.id));
    let id = due(&world).await;
    world.deliver(id).await;
    let why = "the token can't be read any more: enter it again";
    world.assert_ended(id, Outcome::Refused, why).await;
    assert!(receiver.heard().is_empty());
}

/// Each kind, at this address of a receiver.
fn everywhere(root: &str) -> [(DestinationKind, String); 3] {
    [
        (DestinationKind::Webhook, format!("{root}/hook")),
        (DestinationKind::Ntfy, format!("{root}/talks")),
        (DestinationKind::Apprise, format!("{root}/notify/key")),
    ]
}

#[tokio::test]
async fn no_kind_is_called_at_a_private_address_or_without_tls() {
    let (mail, strict) = (MailConfig::default(), WebhookConfig::default());
    let world = World::with("anna@example.org", &mail, &strict).await;
    let receiver = Receiver::answering("200 OK").await;
    let plain = root(&receiver).to_owned();
    let secure = plain.replace("http:", "https:");
    let named = secure.replace("127.0.0.1", "localhost");
    for root in [&plain, &secure, &named, "https://169.254.169.254", "https://[::1]", "https://2130706433"] {
        for (kind, address) in everywhere(root) {
            let one = destination(&world, kind, &address, None).await;
            let id = tried(&world, &one).await;
            world.assert_ended(id, Outcome::Refused, "private addresses are not called").await;
            assert!(world.db.delete_destination(one.id).await.unwrap());
        }
    }
    assert!(receiver.heard().is_empty());
}

#[tokio::test]
async fn no_kind_follows_a_redirect_or_reads_a_huge_answer() {
    let (world, receiver) =
        (World::new().await, Receiver::answering("307 Elsewhere\r\nLocation: /other").await);
    let huge = Receiver::endless().await;
    for ((kind, address), (_, endless)) in
        everywhere(root(&receiver)).into_iter().zip(everywhere(root(&huge)))
    {
        let one = destination(&world, kind, &address, None).await;
        let id = tried(&world, &one).await;
        world.assert_ended(id, Outcome::Refused, "the receiver answered 307").await;
        let one = destination(&world, kind, &endless, None).await;
        assert_eq!(world.outcome(tried(&world, &one).await).await, Some(Outcome::Sent), "its head says so");
    }
    assert_eq!(receiver.heard().len(), 3);
}

#[tokio::test]
async fn one_that_says_nothing_is_left_after_15_seconds_and_tried_again_later() {
    let (world, silent) = (World::new().await, Receiver::silent().await);
    webhook(&world, &silent).await;
    let id = due(&world).await;
    world.deliver(id).await;
    let row = world.row(id).await;
    assert_eq!(row.detail.as_deref(), Some("no answer within 15 s"));
    assert!(row.due_at.is_some_and(|due| due > Timestamp::from_millis(0)) && row.outcome.is_none());
}
