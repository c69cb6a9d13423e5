//! Buckets, classes, and what is counted of them.

use std::time::Duration;

use contracts::{NotifyBy, Options, Timestamp};
use db::{Class, Quota, STANDARD, UserChanges};

use crate::world::{DAY, ENGINE, HOUR, MINUTE, World, finished, worlds};

const FIVE: Quota = Quota { amount: 5, window: MINUTE };

#[tokio::test]
async fn a_bucket_gives_what_is_in_it_and_fills_evenly() {
    for world in worlds().await {
        let db = &world.db;
        for _ in 0..5 {
            db.take("a", 1, FIVE).await.unwrap().unwrap();
        }
        let wait = db.take("a", 1, FIVE).await.unwrap().unwrap_err();
        assert_eq!(wait, Duration::from_secs(12), "a fifth of the minute");
        assert_eq!(db.taken("a", FIVE).await.unwrap(), 5);
        db.take("b", 1, FIVE).await.unwrap().unwrap();
        world.clock.advance(Duration::from_secs(12));
        db.take("a", 1, FIVE).await.unwrap().unwrap();
        db.take("a", 1, FIVE).await.unwrap().unwrap_err();
        db.refund("a", 1, FIVE).await.unwrap();
        db.take("a", 1, FIVE).await.unwrap().unwrap();
        assert!(db.take("c", 6, FIVE).await.unwrap().is_err(), "more than it ever holds");
        assert_eq!(db.taken("c", FIVE).await.unwrap(), 0, "and then nothing is taken");
        world.clock.advance(HOUR);
        assert_eq!(db.taken("a", FIVE).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn of_many_at_once_as_many_get_something_as_is_there() {
    for world in worlds().await {
        let takers = (0..20).map(|_| {
            let db = world.db.clone();
            tokio::spawn(async move { db.take("a", 1, FIVE).await.unwrap().is_ok() })
        });
        let takers: Vec<_> = takers.collect();
        let mut got = 0;
        for taker in takers {
            got += usize::from(taker.await.unwrap());
        }
        assert_eq!(got, 5);
    }
}

#[tokio::test]
async fn rows_of_full_buckets_do_not_pile_up() {
    for world in worlds().await {
        for number in 0..50 {
            world.db.take(&format!("bucket {number}"), 1, FIVE).await.unwrap().unwrap();
            world.clock.advance(MINUTE);
        }
        let rows = world.number("SELECT CAST(COUNT(*) AS SIGNED) FROM limits").await;
        assert!(rows <= 2, "{rows}");
    }
}

async fn put_in(world: &World, class: Class) -> contracts::UserId {
    let user = world.user().await;
    world.db.set_class(&class).await.unwrap();
    let changes = UserChanges { class: Some(class.name), ..UserChanges::default() };
    world.db.change_user(user, &changes).await.unwrap().unwrap();
    user
}

fn class(name: &str) -> Class {
    let (bytes_per_file, jobs_at_once) = (None, None);
    Class { name: name.into(), bytes_per_file, minutes_a_day: Some(1), jobs_at_once, keep_days: Some(2) }
}

#[tokio::test]
async fn a_conversion_counts_by_its_length_and_its_class_says_how_long_it_is_kept() {
    for world in worlds().await {
        let user = put_in(&world, class("small")).await;
        let before = world.db.allowance(user).await.unwrap().unwrap();
        assert_eq!((before.jobs, before.video_left()), (0, Some(MINUTE)));
        world.queued_by(user).await;
        let claimed = world.claim().await;
        assert_eq!(world.db.allowance(user).await.unwrap().unwrap().jobs, 1);
        let long = db::Finished { source_duration: Some(2 * MINUTE), ..finished(&claimed) };
        world.db.jobs().finish(&claimed, &long, ENGINE).await.unwrap().unwrap();
        let job = world.job(claimed.job.id).await;
        assert_eq!(job.expires_at, Some(world.clock.now().after(2 * DAY)), "not the 7 of the installation");
        let after = world.db.allowance(user).await.unwrap().unwrap();
        assert_eq!((after.jobs, after.video_left()), (0, Some(Duration::ZERO)));
        // Two minutes in a day of one: the second day pays the debt but for a minute.
        assert_eq!(after.video_wait(), 2 * DAY);
        // Removing the job does not give the minutes back.
        world.db.jobs().delete(claimed.job.id).await.unwrap();
        assert_eq!(world.db.allowance(user).await.unwrap().unwrap().video_left(), Some(Duration::ZERO));
        world.clock.advance(DAY + HOUR);
        assert!(world.db.allowance(user).await.unwrap().unwrap().video_left().unwrap() > Duration::ZERO);
    }
}

#[tokio::test]
async fn a_class_without_a_row_is_standard_and_standard_measures_no_minutes() {
    for world in worlds().await {
        let user = put_in(&world, class("small")).await;
        let changes = UserChanges { class: Some("unheard-of".into()), ..UserChanges::default() };
        world.db.change_user(user, &changes).await.unwrap().unwrap();
        let allowance = world.db.allowance(user).await.unwrap().unwrap();
        assert_eq!((allowance.class.name.as_str(), allowance.video_left()), (STANDARD, None));
        world.queued_by(user).await;
        let claimed = world.claim().await;
        world.finish(&claimed).await;
        assert_eq!(world.job(claimed.job.id).await.expires_at, Some(world.clock.now().after(7 * DAY)));
    }
}

#[tokio::test]
async fn a_class_is_changed_in_place() {
    for world in worlds().await {
        world.db.set_class(&class("small")).await.unwrap();
        world.db.set_class(&class("small")).await.unwrap();
        let wider = Class { minutes_a_day: None, ..class("small") };
        world.db.set_class(&wider).await.unwrap();
        let classes = world.db.classes().await.unwrap();
        let names: Vec<_> = classes.iter().map(|class| class.name.as_str()).collect();
        assert_eq!(names, ["guest", "priority", "small", "standard"]);
        assert_eq!(classes[2], wider);
    }
}

#[tokio::test]
async fn a_guest_is_not_written_to_and_goes_with_all_that_is_theirs() {
    for world in worlds().await {
        let until = world.clock.now().after(HOUR);
        let guest = world.db.create_guest(until, "-").await.unwrap();
        let user = world.db.user(guest).await.unwrap().unwrap();
        assert_eq!((user.class.as_str(), user.guest_until), ("guest", Some(until)));
        let job = world.queued_with(guest, &db::Source::default(), &Options::default()).await;
        assert_eq!(world.job(job).await.options.notify, Some(NotifyBy::None));
        let claimed = world.claim().await;
        world.finish(&claimed).await;
        assert_eq!(world.number("SELECT CAST(COUNT(*) AS SIGNED) FROM deliveries").await, 0);
        assert_eq!(world.db.delete_expired_guests(10).await.unwrap(), 0, "not yet");
        world.clock.advance(HOUR + Duration::from_millis(1));
        assert!(world.db.next_due().await.unwrap().unwrap() <= world.clock.now());
        assert_eq!(world.db.delete_expired_guests(10).await.unwrap(), 1);
        assert!(world.db.user(guest).await.unwrap().is_none());
        assert!(world.db.jobs().get(job).await.unwrap().is_none());
        let blobs = world.db.due_garbage(10).await.unwrap();
        assert_eq!(blobs.len(), 2, "the video and the audio: {blobs:?}");
    }
}

#[tokio::test]
async fn a_guest_who_is_made_an_administrator_is_none_any_more() {
    for world in worlds().await {
        let guest = world.db.create_guest(Timestamp::from_millis(0), "-").await.unwrap();
        let changes = UserChanges { role: Some(db::Role::Admin), ..UserChanges::default() };
        world.db.change_user(guest, &changes).await.unwrap().unwrap();
        assert_eq!(world.db.delete_expired_guests(10).await.unwrap(), 0);
        assert_eq!(world.db.user(guest).await.unwrap().unwrap().guest_until, None);
    }
}
