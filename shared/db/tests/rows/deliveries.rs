//! Deliveries: claimed by one, tried for days, and never lost or doubled by the rows.

use std::time::Duration;

use contracts::{
    AudioReady, Channel, Clock, DeliveryDue, DeliveryId, Event as _, Message, Outcome, Timestamp, UserId,
    pause_after,
};
use db::{Attempt, Delivery, DeliveryClaim, NewUser, Source};

use crate::world::{DAY, HOUR, LEASE, MINUTE, World, mail_and_webhook, worlds};

const NOW: Duration = Duration::ZERO;

/// A job that has ended, and its mail.
async fn mail(world: &World) -> DeliveryId {
    let claimed = world.claimed().await;
    world.finish(&claimed).await;
    world.db.deliveries().of_job(claimed.job.id).await.unwrap()[0].id
}

async fn claim(world: &World, id: DeliveryId) -> Option<DeliveryClaim> {
    world.db.deliveries().claim(id, LEASE).await.unwrap()
}

async fn settle(world: &World, id: DeliveryId, attempt: Attempt) -> Delivery {
    let claim = claim(world, id).await.unwrap();
    world.db.deliveries().settle(&claim, attempt).await.unwrap();
    world.db.deliveries().get(id).await.unwrap().unwrap()
}

async fn due(world: &World) -> Vec<DeliveryId> {
    world.db.deliveries().due(Channel::Mail, NOW, 100).await.unwrap()
}

#[tokio::test]
async fn a_delivery_is_made_by_one_and_once() {
    for world in worlds().await {
        let id = mail(&world).await;
        let tries = (0..16).map(|_| {
            let db = world.db.clone();
            tokio::spawn(async move { db.deliveries().claim(id, LEASE).await.unwrap() })
        });
        let mut won = Vec::new();
        for attempt in tries.collect::<Vec<_>>() {
            won.extend(attempt.await.unwrap());
        }
        assert_eq!((won.len(), won[0].delivery.attempts), (1, 1));
        world.db.deliveries().settle(&won[0], Attempt::Sent).await.unwrap();
        let sent = world.db.deliveries().get(id).await.unwrap().unwrap();
        assert_eq!((sent.outcome, sent.due_at, sent.ended_at.is_some()), (Some(Outcome::Sent), None, true));
        world.clock.advance(DAY);
        assert!(claim(&world, id).await.is_none() && !world.db.deliveries().any_waiting().await.unwrap());
        assert!(claim(&world, DeliveryId::generate()).await.is_none());
    }
}

#[tokio::test]
async fn who_hears_of_a_delivery_by_a_clock_that_is_a_little_behind_makes_it_at_once() {
    for world in worlds().await {
        let id = mail(&world).await;
        let behind = Clock::manual(world.clock.now().before(Duration::from_millis(500)));
        let db = world.db.clone().with_clock(behind);
        assert!(db.deliveries().claim(id, LEASE).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_claim_that_ran_out_is_anothers_and_only_a_sent_mail_counts_from_the_late_one() {
    for world in worlds().await {
        let id = mail(&world).await;
        let late = claim(&world, id).await.unwrap();
        assert!(due(&world).await.is_empty());
        world.clock.advance(LEASE);
        assert_eq!(due(&world).await, [id]);
        let next = claim(&world, id).await.unwrap();
        assert_eq!(next.delivery.attempts, 2, "the process died; that counts");
        let text = || "late".to_owned();
        for attempt in [
            Attempt::Failed(text()),
            Attempt::Refused(text()),
            Attempt::Dropped(text()),
            Attempt::Postponed(HOUR),
        ] {
            world.db.deliveries().settle(&late, attempt).await.unwrap();
            let same = world.db.deliveries().get(id).await.unwrap().unwrap();
            assert_eq!((same.outcome, same.due_at), (None, next.delivery.due_at));
        }
        world.db.deliveries().settle(&late, Attempt::Sent).await.unwrap();
        world.db.deliveries().settle(&next, Attempt::Failed(text())).await.unwrap();
        let sent = world.db.deliveries().get(id).await.unwrap().unwrap();
        assert_eq!((sent.outcome, sent.due_at), (Some(Outcome::Sent), None));
    }
}

#[tokio::test]
async fn failures_are_tried_again_for_three_days_and_then_it_is_a_dead_letter() {
    for world in worlds().await {
        let id = mail(&world).await;
        let begun = world.clock.now();
        for attempt in 1.. {
            let after = settle(&world, id, Attempt::Failed("no room".into())).await;
            assert_eq!((after.attempts, after.detail.as_deref()), (attempt, Some("no room")));
            let Some(pause) = pause_after(attempt) else {
                assert_eq!(after.outcome, Some(Outcome::Dead));
                break;
            };
            assert_eq!(after.due_at, Some(world.clock.now().after(pause)));
            assert!(claim(&world, id).await.is_none(), "not before its time");
            world.clock.advance(pause);
        }
        let days = (world.clock.now().millis() - begun.millis()) / 86_400_000;
        assert!((2..=3).contains(&days), "{days}");
        let dead = world.db.deliveries().ended(Outcome::Dead, 10, None).await.unwrap();
        assert_eq!(dead.iter().map(|one| one.id).collect::<Vec<_>>(), [id]);
        assert!(due(&world).await.is_empty());
    }
}

#[tokio::test]
async fn a_mail_server_that_is_away_for_two_hours_delays_every_mail_and_loses_none() {
    for world in worlds().await {
        let mut ids = Vec::new();
        for _ in 0..20 {
            ids.push(mail(&world).await);
        }
        let back = world.clock.now().after(2 * HOUR);
        let (mut sent, mut tries) = (Vec::new(), 0);
        while let Some(next) =
            world.db.deliveries().due(Channel::Mail, NOW, 1).await.unwrap().first().copied()
        {
            let claim = claim(&world, next).await.unwrap();
            tries += 1;
            let attempt = if world.clock.now() < back {
                Attempt::Failed("connection refused".into())
            } else {
                sent.push(next);
                Attempt::Sent
            };
            world.db.deliveries().settle(&claim, attempt).await.unwrap();
            // To the next moment at which something is due.
            for event in
                world.events(DeliveryDue::TYPE).await.into_iter().chain(world.events(AudioReady::TYPE).await)
            {
                world.db.outbox().sent(&event.id).await.unwrap();
            }
            for event in world.events("dev.tapedeck.video.uploaded.v1").await {
                world.db.outbox().sent(&event.id).await.unwrap();
            }
            world.look().await;
            if due(&world).await.is_empty() && world.db.deliveries().any_waiting().await.unwrap() {
                let next = world.db.next_due().await.unwrap().unwrap();
                let pause = next.millis() - world.clock.now().millis();
                world.clock.advance(Duration::from_millis(u64::try_from(pause).unwrap()));
            }
        }
        sent.sort_by_key(ToString::to_string);
        ids.sort_by_key(ToString::to_string);
        assert_eq!(sent, ids, "each once");
        assert!(tries < 20 * 9, "{tries}");
        assert!(world.clock.now() < back.after(2 * HOUR));
    }
}

#[tokio::test]
async fn what_was_postponed_does_not_count_as_an_attempt_but_not_for_ever() {
    for world in worlds().await {
        let id = mail(&world).await;
        for _ in 0..40 {
            let after = settle(&world, id, Attempt::Postponed(HOUR)).await;
            assert_eq!((after.attempts, after.outcome), (0, None));
            world.clock.advance(HOUR);
        }
        world.clock.advance(4 * DAY);
        assert_eq!(settle(&world, id, Attempt::Postponed(HOUR)).await.outcome, Some(Outcome::Dead));
    }
}

#[tokio::test]
async fn a_dead_letter_is_listed_and_repeated_or_put_aside() {
    for world in worlds().await {
        let deliveries = world.db.deliveries();
        let (id, other) = (mail(&world).await, mail(&world).await);
        assert!(deliveries.repeat(id).await.unwrap().is_none(), "it has not ended");
        assert!(!deliveries.drop_dead(id).await.unwrap());
        world.clock.advance(5 * DAY);
        for one in [id, other] {
            assert_eq!(
                settle(&world, one, Attempt::Failed("away".into())).await.outcome,
                Some(Outcome::Dead)
            );
        }
        assert_eq!(deliveries.ended(Outcome::Dead, 10, None).await.unwrap().len(), 2);
        let newest = deliveries.ended(Outcome::Dead, 1, None).await.unwrap()[0].id;
        assert_eq!(deliveries.ended(Outcome::Dead, 10, Some(newest)).await.unwrap().len(), 1);
        let due = deliveries.repeat(id).await.unwrap().unwrap();
        assert_eq!(due.event.delivery_id, id);
        let again = settle(&world, id, Attempt::Failed("away".into())).await;
        assert_eq!((again.attempts, again.outcome), (1, None), "with a fresh count and a fresh age");
        assert!(deliveries.drop_dead(other).await.unwrap() && !deliveries.drop_dead(other).await.unwrap());
        let dropped = deliveries.ended(Outcome::Dropped, 10, None).await.unwrap();
        assert_eq!(dropped.iter().map(|one| one.id).collect::<Vec<_>>(), [other]);
        let refused = mail(&world).await;
        assert_eq!(
            settle(&world, refused, Attempt::Refused("550".into())).await.outcome,
            Some(Outcome::Refused)
        );
        assert!(!deliveries.drop_dead(refused).await.unwrap());
    }
}

#[tokio::test]
async fn what_nobody_has_heard_of_is_announced_again_a_few_of_each_channel() {
    for world in worlds().await {
        for _ in 0..5 {
            world.queued_with(UserId::generate(), &Source::default(), &mail_and_webhook()).await;
            world.finish(&world.claim().await).await;
        }
        let announce = async || world.db.deliveries().announce(MINUTE, 3).await.unwrap();
        assert!(announce().await.is_empty(), "they are on their way");
        world.clock.advance(MINUTE);
        let announced = announce().await;
        assert_eq!(announced.len(), 6);
        for event in announced {
            settle(&world, event.event.delivery_id, Attempt::Sent).await;
        }
        assert_eq!(announce().await.len(), 4);
    }
}

#[tokio::test]
async fn ended_deliveries_are_forgotten_after_a_while_and_dead_letters_are_not() {
    for world in worlds().await {
        let (sent, dead, waiting) = (mail(&world).await, mail(&world).await, mail(&world).await);
        settle(&world, sent, Attempt::Sent).await;
        world.clock.advance(5 * DAY);
        settle(&world, dead, Attempt::Failed("away".into())).await;
        let deliveries = world.db.deliveries();
        // Ids are made by the machine's clock.
        let (before, after) = (Timestamp::now().before(HOUR), Timestamp::now().after(HOUR));
        assert_eq!(deliveries.delete_ended(before, 10).await.unwrap(), 0);
        assert_eq!(deliveries.delete_ended(after, 10).await.unwrap(), 1);
        assert!(deliveries.get(sent).await.unwrap().is_none());
        assert!(
            deliveries.get(dead).await.unwrap().is_some() && deliveries.get(waiting).await.unwrap().is_some()
        );
    }
}

#[tokio::test]
async fn who_registers_is_welcomed_and_who_tries_again_is_told_once_an_hour() {
    for world in worlds().await {
        let email = "ada@example.org";
        let new = NewUser {
            email: email.into(),
            password_hash: "x".into(),
            admin_if_first: false,
            verified: false,
        };
        let (ada, ended) = world.db.create_user(new).await.unwrap();
        let welcome =
            world.db.deliveries().get(ended.deliveries[0].event.delivery_id).await.unwrap().unwrap();
        assert_eq!((welcome.user_id, welcome.message, welcome.about), (ada.id, Message::Welcome, None));
        let told = world.db.tell_already_registered(email).await.unwrap().unwrap();
        let told = world.db.deliveries().get(told.event.delivery_id).await.unwrap().unwrap();
        assert_eq!((told.user_id, told.message), (ada.id, Message::AlreadyRegistered));
        assert!(world.db.tell_already_registered(email).await.unwrap().is_none());
        world.clock.advance(2 * HOUR);
        assert!(world.db.tell_already_registered(email).await.unwrap().is_some());
        assert!(world.db.tell_already_registered("nobody@example.org").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_reset_mail_is_asked_for_once_in_a_while() {
    for world in worlds().await {
        let (ada, pause) = (world.user().await, 10 * MINUTE);
        let ask = || world.db.ask_password_reset(ada, pause);
        let asked = tokio::join!(ask(), ask(), ask(), ask());
        let asked: Vec<_> = [asked.0, asked.1, asked.2, asked.3].into_iter().map(Result::unwrap).collect();
        assert_eq!(asked.iter().flatten().count(), 1, "{asked:?}");
        let id = asked.into_iter().flatten().next().unwrap().event.delivery_id;
        assert_eq!(world.db.deliveries().get(id).await.unwrap().unwrap().message, Message::PasswordReset);
        world.clock.advance(pause);
        assert!(ask().await.unwrap().is_some(), "the next one is a mail of its own");
        assert!(world.db.ask_password_reset(UserId::generate(), pause).await.unwrap().is_none());
    }
}
