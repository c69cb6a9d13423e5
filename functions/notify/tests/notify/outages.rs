//! What keeps mails and calls from leaving, and what it costs the others: servers that are away, silent or half dead, and
//! several processes at once.

use std::time::Duration;

use crate::{
    servers::{Mood, Post, Receiver},
    world::{World, deliver_by, mail_server, only, webhook, webhooks_anywhere},
};
use contracts::{Channel, DeliveryDue, DeliveryId, Envelope, Options, Outcome, Timestamp};
use db::{Attempt, Db};
use notify::{MailConfig, Notify, WebhookConfig};
use runtime::{Call, Config as _, Failure};
use tokio::task::JoinHandle;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_mail_server_that_is_away_for_two_hours_gets_every_mail_once_when_it_is_back() {
    let post = Post::start(Mood::Away).await;
    let world = World::with_server(post.port).await;
    let mails = world.mails_of_jobs(20).await;
    let back = world.clock.now().after(120 * MINUTE);
    while world.db.deliveries().any_waiting().await.unwrap() {
        if world.clock.now() >= back {
            post.becomes(Mood::Takes);
        }
        world.announce().await;
        world.pass(MINUTE).await;
    }
    assert_eq!((post.mails().len(), post.different_mails()), (20, 20));
    for id in mails {
        let row = world.row(id).await;
        assert_eq!(row.outcome, Some(Outcome::Sent));
        assert!(row.ended_at.unwrap() >= back && row.attempts <= 9, "{row:?}");
    }
    assert!(world.clock.now() < back.after(121 * MINUTE), "nobody waits for longer than it was away");
}

#[tokio::test]
async fn a_mail_server_that_is_away_is_asked_by_few() {
    let post = Post::start(Mood::Away).await;
    let world = World::with_server(post.port).await;
    world.mails_of_jobs(50).await;
    for _ in 0..10 {
        world.announce().await;
        world.pass(MINUTE).await;
    }
    let asked = post.connections();
    assert!((3..=20).contains(&asked), "{asked} times in ten minutes");
}

#[tokio::test]
async fn a_mail_server_that_takes_a_mail_and_dies_gets_it_once_more_under_the_same_message_id() {
    let post = Post::start(Mood::Dies).await;
    let world = World::with_server(post.port).await;
    let id = world.mails_of_jobs(1).await[0];
    world.deliver(id).await;
    assert_eq!((post.mails().len(), world.outcome(id).await), (1, None));
    post.becomes(Mood::Takes);
    for _ in 0..10 {
        world.pass(60 * MINUTE).await;
        world.announce().await;
        world.deliver(id).await;
    }
    assert_eq!((post.mails().len(), post.different_mails()), (2, 1));
    assert_eq!(world.outcome(id).await, Some(Outcome::Sent));
}

#[tokio::test]
async fn a_mail_server_that_thinks_for_a_minute_gets_the_mail_once() {
    let post = Post::start(Mood::Waits).await;
    let world = World::with_server(post.port).await;
    let another = world.another(post.port);
    let id = world.mails_of_jobs(1).await[0];
    let thinking = tokio::spawn({
        let notify = world.notify.clone();
        async move { deliver_by(&notify, id).await }
    });
    post.has(1).await;
    world.clock.advance(Duration::from_secs(67));
    post.becomes(Mood::Takes);
    deliver_by(&another, id).await;
    assert_eq!(post.mails().len(), 1, "it is still in the first one's hands");
    post.says_yes();
    thinking.await.unwrap();
    assert_eq!((post.mails().len(), world.outcome(id).await), (1, Some(Outcome::Sent)));
}

#[tokio::test]
async fn a_transport_that_gives_up_waiting_cuts_off_no_mail() {
    let post = Post::start(Mood::Waits).await;
    let world = World::with_server(post.port).await;
    let id = world.mails_of_jobs(1).await[0];
    let event = Envelope::of(&DeliveryDue { delivery_id: id }, Timestamp::now()).unwrap();
    tokio::select! {
        answer = world.notify.deliver(event, Call::default()) => panic!("{answer:?}"),
        () = post.has(1) => {}
    }
    post.says_yes();
    while world.outcome(id).await.is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!((post.mails().len(), world.outcome(id).await), (1, Some(Outcome::Sent)));
}

#[tokio::test]
async fn recipients_whose_mail_is_not_taken_now_hold_up_nobody_elses() {
    let post = Post::start(Mood::Greylists).await;
    let world = World::with("busy@example.org", &mail_server(post.port), &webhooks_anywhere()).await;
    let (bob, _) = world.user("bob@example.org", true).await;
    let busy = world.mails_of_jobs(10).await;
    let bobs = only(&world.done_by(bob, Options::default()).await);
    while world.announce().await > 0 {}
    assert_eq!(world.outcome(bobs).await, Some(Outcome::Sent));
    for id in busy {
        assert_eq!(world.row(id).await.attempts, 1);
    }
}

/// Webhooks of so many jobs to one address.
async fn webhooks(world: &World, receiver: &Receiver, jobs: usize) -> Vec<DeliveryId> {
    let mut calls = Vec::new();
    for _ in 0..jobs {
        calls.push(only(&world.done("a.mp4", webhook(&receiver.url), None).await));
    }
    calls
}

/// Calls a silent receiver, until two calls are on their way and the others are put off.
async fn call_the_silent(world: &World, silent: &Receiver, calls: Vec<DeliveryId>) -> Vec<JoinHandle<()>> {
    let call = |id| {
        let notify = world.notify.clone();
        tokio::spawn(async move { deliver_by(&notify, id).await })
    };
    let calls: Vec<_> = calls.into_iter().map(call).collect();
    while silent.heard().len() < 2 || on_their_way(&calls) > 2 {
        tokio::task::yield_now().await;
    }
    calls
}

fn on_their_way(calls: &[JoinHandle<()>]) -> usize {
    calls.iter().filter(|call| !call.is_finished()).count()
}

#[tokio::test]
async fn with_all_webhook_slots_taken_by_a_silent_receiver_a_mail_still_leaves() {
    let silent = Receiver::silent().await;
    let config = WebhookConfig { at_once: 2, ..webhooks_anywhere() };
    let world = World::with("anna@example.org", &MailConfig::default(), &config).await;
    let mail = world.mails_of_jobs(1).await[0];
    let calls = webhooks(&world, &silent, 2).await;
    let calls = call_the_silent(&world, &silent, calls).await;
    world.deliver(mail).await;
    assert_eq!((world.outcome(mail).await, on_their_way(&calls)), (Some(Outcome::Sent), 2));
}

#[tokio::test]
async fn a_silent_receiver_holds_up_no_webhook_to_another_host() {
    let (silent, other) = (Receiver::silent().await, Receiver::answering("204 No Content").await);
    let config = WebhookConfig { at_once: 3, ..webhooks_anywhere() };
    let world = World::with("anna@example.org", &MailConfig::default(), &config).await;
    let call = webhooks(&world, &other, 1).await[0];
    // Before the silent ones, by the row; so that it is not worked off with them.
    let claim = world.db.deliveries().claim(call, MINUTE).await.unwrap().unwrap();
    let calls = webhooks(&world, &silent, 8).await;
    let calls = call_the_silent(&world, &silent, calls).await;
    world.db.deliveries().settle(&claim, Attempt::Postponed(Duration::ZERO)).await.unwrap();
    world.deliver(call).await;
    assert_eq!((other.heard().len(), world.outcome(call).await), (1, Some(Outcome::Sent)));
    assert_eq!((silent.heard().len(), on_their_way(&calls)), (2, 2));
}

#[tokio::test]
async fn an_account_with_many_silent_receivers_leaves_slots_to_the_others() {
    let other = Receiver::answering("204 No Content").await;
    let world = World::new().await;
    let (bob, _) = world.user("bob@example.org", true).await;
    let bobs = only(&world.done_by(bob, webhook(&other.url)).await);
    let claim = world.db.deliveries().claim(bobs, MINUTE).await.unwrap().unwrap();
    let (mut silent, mut calls) = (Vec::new(), Vec::new());
    for _ in 0..16 {
        let receiver = Receiver::silent().await;
        calls.extend(webhooks(&world, &receiver, 1).await);
        silent.push(receiver);
    }
    let call = |id| {
        let notify = world.notify.clone();
        tokio::spawn(async move { deliver_by(&notify, id).await })
    };
    let calls: Vec<_> = calls.into_iter().map(call).collect();
    let heard = || silent.iter().map(|receiver| receiver.heard().len()).sum::<usize>();
    while heard() < 4 || on_their_way(&calls) > 4 {
        tokio::task::yield_now().await;
    }
    world.db.deliveries().settle(&claim, Attempt::Postponed(Duration::ZERO)).await.unwrap();
    world.deliver(bobs).await;
    assert_eq!((world.outcome(bobs).await, heard()), (Some(Outcome::Sent), 4));
}

#[tokio::test]
async fn only_a_database_that_is_away_is_a_failure_of_the_event() {
    let world = World::new().await;
    let mail = MailConfig { url: format!("file:{}", world.folder.path().display()), ..MailConfig::default() };
    let away = Db::open("mysql://nobody@127.0.0.1:1/nothing", 1).unwrap();
    let keys = (world.links.clone(), world.proofs.clone());
    let config = (&mail, &webhooks_anywhere());
    let notify = notify::function(Notify::new(away, keys, config, "https://tapedeck.example.org").unwrap());
    let event = DeliveryDue { delivery_id: DeliveryId::generate() };
    let event = Envelope::of(&event, Timestamp::now()).unwrap();
    let answer = notify.deliver(event, Call::default()).await;
    assert!(matches!(answer, Err(Failure::Retry(_))), "{answer:?}");
}

#[tokio::test]
async fn what_the_database_does_not_say_of_a_mail_in_hand_delays_it_by_seconds_and_not_by_its_claim() {
    let post = Post::start(Mood::Takes).await;
    let world = World::with_server(post.port).await;
    let mail = world.mails_of_jobs(1).await[0];
    world.run("ALTER TABLE users RENAME TO away");
    world.deliver(mail).await;
    let row = world.row(mail).await;
    assert_eq!((row.outcome, row.attempts, post.mails().len()), (None, 0, 0), "nobody was asked");
    let seconds = Duration::from_secs(5);
    assert!(row.due_at.unwrap() < world.clock.now().after(seconds), "{row:?}");
    world.run("ALTER TABLE away RENAME TO users");
    world.pass(seconds).await;
    world.deliver(mail).await;
    assert_eq!((post.mails().len(), world.outcome(mail).await), (1, Some(Outcome::Sent)));
}

#[tokio::test]
async fn a_hook_that_is_gone_rests_no_other_hook_of_its_host() {
    let (world, receiver) = (World::new().await, Receiver::answering("404 Not Found").await);
    let gone = webhooks(&world, &receiver, 5).await;
    while world.announce().await > 0 {}
    receiver.answers("204 No Content");
    let other = webhooks(&world, &receiver, 1).await[0];
    world.deliver(other).await;
    assert_eq!(world.outcome(other).await, Some(Outcome::Sent));
    for id in gone {
        assert_eq!(world.row(id).await.attempts, 1);
    }
}

#[tokio::test]
async fn two_processes_at_once_send_each_mail_once() {
    let post = Post::start(Mood::Takes).await;
    let world = World::with_server(post.port).await;
    let another = world.another(post.port);
    let mails = world.mails_of_jobs(30).await;
    let mut senders = tokio::task::JoinSet::new();
    for id in mails.iter().copied() {
        for notify in [world.notify.clone(), another.clone()] {
            senders.spawn(async move { deliver_by(&notify, id).await });
        }
    }
    while let Some(ended) = senders.join_next().await {
        ended.unwrap();
    }
    while world.announce().await > 0 {}
    assert_eq!((post.mails().len(), post.different_mails()), (30, 30));
    for id in mails {
        let row = world.row(id).await;
        assert_eq!((row.outcome, row.attempts), (Some(Outcome::Sent), 1));
    }
}

#[tokio::test]
async fn a_hundred_mails_are_worked_off_by_a_handful_of_events_with_eight_at_once() {
    let post = Post::start(Mood::Takes).await;
    let world = World::with_server(post.port).await;
    world.mails_of_jobs(100).await;
    let mut senders = tokio::task::JoinSet::new();
    for id in world.announced().await {
        let notify = world.notify.clone();
        senders.spawn(async move { deliver_by(&notify, id).await });
    }
    assert_eq!(senders.len(), 8);
    while let Some(ended) = senders.join_next().await {
        ended.unwrap();
    }
    assert_eq!((post.mails().len(), post.different_mails()), (100, 100));
    assert!(post.most_at_once() <= 8, "{}", post.most_at_once());
    assert!(!world.db.deliveries().any_waiting().await.unwrap());
}

#[tokio::test]
async fn a_mail_that_becomes_due_while_every_slot_is_taken_leaves_with_the_others() {
    let post = Post::start(Mood::Waits).await;
    let mail = MailConfig { at_once: 1, ..mail_server(post.port) };
    let world = World::with("anna@example.org", &mail, &webhooks_anywhere()).await;
    let first = world.mails_of_jobs(1).await[0];
    let sender = tokio::spawn({
        let notify = world.notify.clone();
        async move { deliver_by(&notify, first).await }
    });
    post.has(1).await;
    let second = world.mails_of_jobs(1).await[0];
    world.deliver(second).await;
    assert_eq!(world.outcome(second).await, None, "there was no slot");
    post.becomes(Mood::Takes);
    post.says_yes();
    sender.await.unwrap();
    assert_eq!(world.outcome(second).await, Some(Outcome::Sent));
    assert!(world.db.deliveries().due(Channel::Mail, Duration::ZERO, 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_process_that_has_to_end_begins_no_mail() {
    let post = Post::start(Mood::Waits).await;
    let world = World::with_server(post.port).await;
    let mails = world.mails_of_jobs(3).await;
    let call = Call::default();
    let event = Envelope::of(&DeliveryDue { delivery_id: mails[0] }, Timestamp::now()).unwrap();
    let sender = tokio::spawn({
        let (notify, call) = (world.notify.clone(), call.clone());
        async move { notify.deliver(event, call).await.unwrap() }
    });
    post.has(1).await;
    call.shutdown.cancel();
    post.says_yes();
    sender.await.unwrap();
    assert_eq!(world.outcome(mails[0]).await, Some(Outcome::Sent), "what was begun is brought to its end");
    assert_eq!(post.mails().len(), 1);
    assert_eq!(world.row(mails[1]).await.attempts, 0);
}

#[test]
fn numbers_that_can_not_be_meant_are_refused_with_their_variable() {
    let mail = |name: &str, value: &str| {
        MailConfig::from_variables([(name.to_owned(), value.to_owned())].into_iter()).map(drop)
    };
    let webhook = |name: &str, value: &str| {
        WebhookConfig::from_variables([(name.to_owned(), value.to_owned())].into_iter()).map(drop)
    };
    for (read, said) in [
        (mail("MAIL_AT_ONCE", "0"), "MAIL_AT_ONCE: 0 is not between 1 and 1000"),
        (mail("MAIL_AT_ONCE", "1001"), "MAIL_AT_ONCE: 1001 is not between 1 and 1000"),
        (mail("MAIL_AT_ONCE", "-1"), "MAIL_AT_ONCE: must be a whole number"),
        (mail("MAIL_LINK_DAYS", "0"), "MAIL_LINK_DAYS: 0 is not between 1 and 36500"),
        (mail("MAIL_LINK_DAYS", "99999"), "MAIL_LINK_DAYS: 99999 is not between"),
        (webhook("WEBHOOK_AT_ONCE", "0"), "WEBHOOK_AT_ONCE: 0 is not between 1 and 1000"),
        (webhook("WEBHOOK_UNSAFE_TARGETS_FOR_TESTS", "yes"), "WEBHOOK_UNSAFE_TARGETS_FOR_TESTS: "),
    ] {
        let error = read.unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
    }
    assert!(mail("MAIL_AT_ONCE", "1").is_ok() && mail("MAIL_LINK_DAYS", "36500").is_ok());
    assert!(webhook("WEBHOOK_AT_ONCE", "1000").is_ok());
}
