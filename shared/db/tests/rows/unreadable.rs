//! Rows that this version can't read: a newer one has written them, or something has damaged them. They hold up nobody
//! else, and each comes to an end.

use std::time::Duration;

use contracts::{AudioId, Channel, Event as _, JobId, Outcome, VideoId, VideoUploaded, pause_after};
use db::{Attempt, Garbage};

use crate::world::{DAY, HOUR, LEASE, World, worlds};

async fn next(world: &World) -> Option<JobId> {
    world.db.jobs().claim_next(LEASE).await.unwrap().map(|claimed| claimed.job.id)
}

#[tokio::test]
async fn an_event_that_can_not_be_read_holds_up_no_other_and_is_tried_for_days() {
    for world in worlds().await {
        let outbox = world.db.outbox();
        world.queued().await;
        let damaged = world.events(VideoUploaded::TYPE).await.remove(0).id;
        world.run(&format!("UPDATE outbox SET data = '{{' WHERE id = '{damaged}'")).await;
        world.clock.advance(HOUR);
        world.queued().await;
        world.queued().await;
        assert_eq!(outbox.due(VideoUploaded::TYPE, 1).await.unwrap().len(), 0, "the one that is put off");
        assert_eq!(outbox.due(VideoUploaded::TYPE, 1).await.unwrap().len(), 1, "and out of the way");
        assert_eq!(outbox.unpublished(Duration::ZERO, 10).await.unwrap().len(), 2);
        let said = format!("SELECT COUNT(*) FROM outbox WHERE id = '{damaged}' AND last_error IS NOT NULL");
        assert_eq!(world.number(&said).await, 1);
        for attempts in 2.. {
            let Some(pause) = pause_after(attempts - 1) else { break };
            let there = format!("SELECT attempts FROM outbox WHERE id = '{damaged}'");
            assert_eq!(world.number(&there).await, i64::from(attempts) - 1);
            world.clock.advance(pause);
            assert_eq!(outbox.unpublished(Duration::ZERO, 10).await.unwrap().len(), 2);
        }
        assert_eq!(world.number("SELECT COUNT(*) FROM outbox").await, 2, "the damaged one is given up");
    }
}

#[tokio::test]
async fn a_delivery_that_can_not_be_read_becomes_a_dead_letter_after_its_attempts() {
    for world in worlds().await {
        let deliveries = world.db.deliveries();
        let mut mails = Vec::new();
        for _ in 0..2 {
            let claimed = world.claimed().await;
            world.finish(&claimed).await;
            mails.push((claimed.job.id, deliveries.of_job(claimed.job.id).await.unwrap()[0].id));
        }
        let (job, damaged) = mails[0];
        world.run(&format!("UPDATE deliveries SET message = 'pigeon' WHERE id = '{damaged}'")).await;
        for attempts in 1.. {
            assert_eq!(deliveries.due(Channel::Mail, Duration::ZERO, 10).await.unwrap().len(), 2);
            assert!(deliveries.claim(damaged, LEASE).await.unwrap().is_none());
            let there = format!("SELECT attempts FROM deliveries WHERE id = '{damaged}'");
            assert_eq!(world.number(&there).await, attempts);
            let Some(pause) = pause_after(u32::try_from(attempts).unwrap()) else { break };
            assert!(!deliveries.due(Channel::Mail, Duration::ZERO, 10).await.unwrap().contains(&damaged));
            world.clock.advance(pause);
        }
        assert_eq!(deliveries.due(Channel::Mail, Duration::ZERO, 10).await.unwrap(), [mails[1].1]);
        let dead = "SELECT COUNT(*) FROM deliveries WHERE outcome = 'dead' AND due_at IS NULL AND detail LIKE '%pigeon%'";
        assert_eq!(world.number(dead).await, 1);
        let claim = deliveries.claim(mails[1].1, LEASE).await.unwrap().unwrap();
        deliveries.settle(&claim, Attempt::Refused("550".into())).await.unwrap();
        assert!(!deliveries.any_waiting().await.unwrap());
        // Lists leave it out.
        assert!(deliveries.of_job(job).await.unwrap().is_empty());
        world.run("UPDATE deliveries SET outcome = 'dead'").await;
        let listed = deliveries.ended(Outcome::Dead, 1, None).await.unwrap();
        assert_eq!(listed.iter().map(|one| one.id).collect::<Vec<_>>(), [mails[1].1]);
        let none = deliveries.ended(Outcome::Dead, 10, Some(mails[1].1)).await.unwrap();
        assert!(none.is_empty(), "the damaged one is older");
    }
}

#[tokio::test]
async fn a_blob_that_can_not_be_read_holds_up_no_other_and_stays_for_a_version_that_can() {
    for world in worlds().await {
        world
            .run("INSERT INTO garbage (bucket, blob_id, attempts, due_at) VALUES ('pictures', 'x', 0, 1), ('videos', 'no id', 0, 2)")
            .await;
        let audio = Garbage::Audio(AudioId::generate());
        world.db.name_garbage(audio).await.unwrap();
        assert_eq!(world.db.due_garbage(2).await.unwrap(), [], "both are put off");
        assert_eq!(world.db.due_garbage(2).await.unwrap(), [audio], "and out of the way");
        for attempts in 2..40 {
            world.clock.advance(2 * DAY);
            assert_eq!(world.db.due_garbage(3).await.unwrap(), [audio]);
            let there = format!("SELECT COUNT(*) FROM garbage WHERE attempts = {attempts}");
            assert_eq!(world.number(&there).await, 2, "{attempts}");
        }
    }
}

#[tokio::test]
async fn a_page_of_deliveries_is_full_although_some_can_not_be_read() {
    for world in worlds().await {
        let mut mails = Vec::new();
        for _ in 0..4 {
            let claimed = world.claimed().await;
            world.finish(&claimed).await;
            mails.push(world.db.deliveries().of_job(claimed.job.id).await.unwrap()[0].id);
        }
        world.run("UPDATE deliveries SET outcome = 'dead', ended_at = 0, due_at = NULL").await;
        for damaged in &mails[1..3] {
            world.run(&format!("UPDATE deliveries SET channel = 'pigeon' WHERE id = '{damaged}'")).await;
        }
        let page = world.db.deliveries().ended(Outcome::Dead, 2, None).await.unwrap();
        assert_eq!(page.iter().map(|one| one.id).collect::<Vec<_>>(), [mails[3], mails[0]]);
    }
}

#[tokio::test]
async fn an_account_goes_also_if_one_of_its_jobs_can_not_be_read() {
    for world in worlds().await {
        let user = world.user().await;
        let (damaged, good) = (world.queued_by(user).await, world.queued_by(user).await);
        let videos = [world.job(damaged).await.video_id, world.job(good).await.video_id];
        world.run(&format!("UPDATE jobs SET state = 'dreaming' WHERE id = '{damaged}'")).await;
        assert!(world.db.delete_user(user).await.unwrap().is_ok());
        assert_eq!(world.number("SELECT COUNT(*) FROM jobs").await, 0);
        world.clock.advance(DAY);
        let mut garbage = world.db.due_garbage(10).await.unwrap();
        garbage.sort_by_key(|blob| format!("{blob:?}"));
        let mut expected = videos.map(Garbage::Video);
        expected.sort_by_key(|blob| format!("{blob:?}"));
        assert_eq!(garbage, expected);
    }
}

#[tokio::test]
async fn an_account_goes_also_if_it_can_not_be_read_itself() {
    for world in worlds().await {
        let (user, other) = (world.user().await, world.user().await);
        world.run(&format!("UPDATE users SET role = 'wizard' WHERE id = '{user}'")).await;
        // Whatever a wizard may do: somebody must be left who administers.
        assert!(world.db.delete_user(user).await.unwrap().is_err());
        world.run(&format!("UPDATE users SET role = 'admin' WHERE id = '{other}'")).await;
        assert!(world.db.delete_user(user).await.unwrap().is_ok());
        assert_eq!(world.number("SELECT COUNT(*) FROM users").await, 1);
    }
}

#[tokio::test]
async fn what_is_forgotten_is_found_without_reading_the_dead_letters() {
    let world = worlds().await.remove(0);
    world
        .run(
            "INSERT INTO deliveries (id, user_id, end_no, message, channel, attempts, outcome, created_at, ended_at) \
             WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 500) \
             SELECT '00000000000000000000' || (100000 + n), 'u', 0, 'ready', 'mail', 13, \
             CASE WHEN n = 500 THEN 'sent' ELSE 'dead' END, 0, 0 FROM n",
        )
        .await;
    let plan = "EXPLAIN QUERY PLAN SELECT id FROM deliveries WHERE outcome = 'sent' AND id < 'z' ORDER BY id LIMIT 9";
    let pool = crate::world::pool(&world.url).await;
    let steps = sqlx::query(plan).fetch_all(&pool).await.unwrap();
    let step: String = sqlx::Row::try_get(&steps[0], "detail").unwrap();
    assert!(steps.len() == 1 && step.contains("INDEX deliveries_outcome (outcome=? AND id<?)"), "{step}");
    pool.close().await;
    assert_eq!(world.db.deliveries().delete_ended(world.clock.now(), 10).await.unwrap(), 1);
    assert_eq!(world.db.deliveries().delete_ended(world.clock.now(), 10).await.unwrap(), 0);
    assert_eq!(world.number("SELECT COUNT(*) FROM deliveries").await, 499);
}

#[tokio::test]
async fn a_waiting_job_that_can_not_be_read_holds_up_no_other_and_waits_again_when_it_can() {
    for world in worlds().await {
        let user = world.user().await;
        let (damaged, nameless, good) =
            (world.queued_by(user).await, world.queued_by(user).await, world.queued_by(user).await);
        world.run(&format!("UPDATE jobs SET video_id = 'reel' WHERE id = '{damaged}'")).await;
        world.run(&format!("UPDATE jobs SET id = 'no id' WHERE id = '{nameless}'")).await;
        world.clock.advance(HOUR);
        assert_eq!(world.db.jobs().issue_tickets(HOUR).await.unwrap().len(), 2, "none for what has no id");
        assert_eq!(next(&world).await, Some(good));
        assert_eq!(next(&world).await, None);
        assert_eq!(world.number("SELECT COUNT(*) FROM jobs WHERE queue_rank IS NOT NULL").await, 0);
        let video = VideoId::generate();
        world.run(&format!("UPDATE jobs SET video_id = '{video}' WHERE id = '{damaged}'")).await;
        world.clock.advance(HOUR);
        world.look().await;
        assert_eq!(next(&world).await, Some(damaged));
        let later = format!(
            "SELECT COUNT(*) FROM jobs WHERE id = 'no id' AND look_at > {}",
            world.db.now().await.unwrap().millis()
        );
        assert_eq!(world.number(&later).await, 1, "looked at again later, and not now for ever");
    }
}
