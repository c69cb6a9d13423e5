//! Destinations: each end of a job is told to each that wants it, and to none that rests or is gone.

use std::collections::HashSet;

use contracts::{
    Channel, DestinationEvent, DestinationId, DestinationKind, JobId, Message, NotifyBy, Options, Outcome,
    UserId,
};
use db::{
    Delivery, Destination, DestinationChanges, EarlierRequest, MOST_DESTINATIONS, NewDestination, RequestKey,
    Source,
};

use crate::world::{World, worlds};

pub(crate) fn new_destination(user_id: UserId) -> NewDestination {
    let rest = DestinationChanges {
        address: "https://example.org/hook".into(),
        token: None,
        events: DestinationEvent::ALL.into(),
        active: true,
    };
    NewDestination { id: DestinationId::generate(), user_id, kind: DestinationKind::Webhook, rest }
}

async fn made(world: &World, user: UserId) -> Destination {
    world.db.create_destination(&new_destination(user)).await.unwrap().unwrap()
}

fn as_it_is(destination: &Destination) -> DestinationChanges {
    DestinationChanges {
        address: destination.address.clone(),
        token: destination.token.clone(),
        events: destination.events.clone(),
        active: destination.active,
    }
}

/// A job that is done, and whoever is told of it at a destination.
async fn told(world: &World, user: UserId, fails: bool) -> (JobId, Vec<Delivery>) {
    let silent = Options { notify: Some(NotifyBy::None), ..Options::default() };
    let id = world.queued_with(user, &Source::default(), &silent).await;
    let claimed = world.claim().await;
    if fails {
        world.fail(&claimed).await
    } else {
        world.finish(&claimed).await
    }
    (id, world.db.deliveries().of_job(id).await.unwrap())
}

fn names(deliveries: &[Delivery]) -> HashSet<DestinationId> {
    deliveries.iter().filter_map(|one| one.destination).collect()
}

#[tokio::test]
async fn an_end_is_told_once_to_each_destination_of_its_owner_that_wants_it() {
    for world in worlds().await {
        let (ada, bob) = (world.user().await, world.user().await);
        let (all, done, off) = (made(&world, ada).await, made(&world, ada).await, made(&world, ada).await);
        made(&world, bob).await;
        let db = &world.db;
        let only = DestinationChanges { events: vec![DestinationEvent::Done], ..as_it_is(&done) };
        assert_eq!(db.change_destination(done.id, &only).await.unwrap().unwrap().events, only.events);
        let rests = DestinationChanges { active: false, ..as_it_is(&off) };
        assert!(!db.change_destination(off.id, &rests).await.unwrap().unwrap().active);
        let (job, deliveries) = told(&world, ada, false).await;
        assert_eq!((deliveries.len(), names(&deliveries)), (2, HashSet::from([all.id, done.id])));
        for delivery in &deliveries {
            assert_eq!((delivery.channel, delivery.message), (Channel::Destination, Message::Ready));
            assert_eq!((delivery.about, delivery.user_id), (Some((job, 1)), ada));
        }
        let (_, deliveries) = told(&world, ada, true).await;
        assert_eq!((names(&deliveries), deliveries[0].message), (HashSet::from([all.id]), Message::Failed));
        let of_one = db.deliveries().of_destination(all.id, 10, None).await.unwrap();
        assert_eq!(of_one.len(), 2);
        assert!(of_one.iter().all(|one| one.destination == Some(all.id)));
        let page = db.deliveries().of_user(ada, 2, None).await.unwrap();
        let rest = db.deliveries().of_user(ada, 10, Some(page[1].id)).await.unwrap();
        assert_eq!((page.len(), rest.len()), (2, 2), "and the mail that welcomes");
    }
}

#[tokio::test]
async fn what_is_due_to_a_destination_that_is_switched_off_or_removed_is_dropped_and_nothing_else() {
    for world in worlds().await {
        let ada = world.user().await;
        let (off, gone, stays) = (made(&world, ada).await, made(&world, ada).await, made(&world, ada).await);
        let (job, _) = told(&world, ada, false).await;
        let rests = DestinationChanges { active: false, ..as_it_is(&off) };
        world.db.change_destination(off.id, &rests).await.unwrap().unwrap();
        assert!(world.db.delete_destination(gone.id).await.unwrap());
        assert!(!world.db.delete_destination(gone.id).await.unwrap());
        assert!(world.db.change_destination(gone.id, &rests).await.unwrap().is_none());
        for delivery in world.db.deliveries().of_job(job).await.unwrap() {
            let expected = match delivery.destination.unwrap() {
                id if id == off.id => (Some(Outcome::Dropped), Some("the destination was switched off")),
                id if id == gone.id => (Some(Outcome::Dropped), Some("the destination was deleted")),
                id => {
                    assert_eq!(id, stays.id);
                    (None, None)
                }
            };
            assert_eq!((delivery.outcome, delivery.detail.as_deref()), expected);
        }
        world.db.delete_user(ada).await.unwrap().unwrap();
        assert!(world.db.destination(stays.id).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn of_many_that_are_made_at_once_ten_are_made() {
    for world in worlds().await {
        let ada = world.user().await;
        let tries = (0..MOST_DESTINATIONS + 3).map(|_| {
            let db = world.db.clone();
            tokio::spawn(async move { db.create_destination(&new_destination(ada)).await.unwrap() })
        });
        let mut count = 0;
        for attempt in tries.collect::<Vec<_>>() {
            count += usize::from(attempt.await.unwrap().is_some());
        }
        assert_eq!(count, MOST_DESTINATIONS);
        assert_eq!(world.db.destinations(ada).await.unwrap().len(), MOST_DESTINATIONS);
        let (_, deliveries) = told(&world, ada, false).await;
        assert_eq!(deliveries.len(), MOST_DESTINATIONS, "all are told");
    }
}

#[tokio::test]
async fn another_password_lets_all_destinations_rest() {
    for world in worlds().await {
        let ada = world.user().await;
        let destination = made(&world, ada).await;
        assert!(world.db.change_password(ada, "x", "y").await.unwrap());
        assert!(!world.db.destination(destination.id).await.unwrap().unwrap().active);
        assert!(told(&world, ada, false).await.1.is_empty());
    }
}

#[tokio::test]
async fn what_a_request_with_a_key_has_made_is_found_by_its_repeat() {
    for world in worlds().await {
        let ada = world.user().await;
        let key = |id: &str| RequestKey { id: id.into(), fingerprint: "f".into() };
        let before = async |id| world.db.before(&key(id)).await.unwrap();
        let (new, db) = (new_destination(ada), |id| world.db.for_request(key(id)));
        let made = db("make").create_destination(&new).await.unwrap().unwrap();
        assert_eq!(before("make").await, EarlierRequest::Made(new.id.to_string()));
        let test = db("test").test_destination(&made).await.unwrap().event.delivery_id;
        assert_eq!(before("test").await, EarlierRequest::Made(test.to_string()));
        let delivery = world.db.deliveries().get(test).await.unwrap().unwrap();
        assert_eq!((delivery.message, delivery.about), (Message::Test, None));
        let renewed = db("renew").replace_destination_secret(made.id).await.unwrap().unwrap();
        assert_eq!((renewed.secret_generation, renewed.secret_replaced_at), (1, Some(world.clock.now())));
        assert_eq!(before("renew").await, EarlierRequest::Made(new.id.to_string()));
    }
}

#[tokio::test]
async fn mails_are_sent_as_the_job_says_and_else_as_its_owner_has_chosen() {
    for world in worlds().await {
        let ada = world.user().await;
        for (chosen, wanted, expected) in [
            (true, None, NotifyBy::Mail),
            (true, Some(NotifyBy::None), NotifyBy::None),
            (false, None, NotifyBy::None),
            (false, Some(NotifyBy::Mail), NotifyBy::Mail),
        ] {
            assert_eq!(world.db.set_job_mails(ada, chosen).await.unwrap().unwrap().job_mails, chosen);
            let options = Options { notify: wanted, ..Options::default() };
            let id = world.queued_with(ada, &Source::default(), &options).await;
            world.finish(&world.claim().await).await;
            assert_eq!(world.job(id).await.options.notify, Some(expected));
            let mails = world.db.deliveries().of_job(id).await.unwrap().len();
            assert_eq!(mails, usize::from(expected == NotifyBy::Mail), "{chosen} {wanted:?}");
        }
    }
}
