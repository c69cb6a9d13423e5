//! Who may work on what, until when: converters on jobs, processes on the work that one does for all.

use std::time::Duration;

use contracts::{
    Clock, ConversionFailed, Event as _, EventId, FailureCode, State, Timestamp, UserId, pause_after,
};
use db::{Db, MAX_ATTEMPTS, Release, Released, Task};
use sqlx::Row as _;

use crate::world::{ENGINE, KEEP, LEASE, MINUTE, finished, mysql_world, pool, worlds};

#[tokio::test]
async fn whoever_lost_the_lease_changes_nothing_any_more() {
    for world in worlds().await {
        let jobs = world.db.jobs();
        let old = world.claimed().await;
        world.clock.advance(LEASE * 2);
        assert_eq!(world.look().await.1.len(), 1, "a ticket");
        let new = world.claim().await;
        assert_eq!(old.job.id, new.job.id);
        assert_ne!(old.lease.audio_id, new.lease.audio_id, "each attempt has an audio of its own");
        assert!(!jobs.extend_lease(&old.lease, LEASE, 0.9, contracts::Stage::Encoding).await.unwrap());
        assert!(jobs.finish(&old, &finished(&old), ENGINE).await.unwrap().is_none());
        assert!(jobs.fail(&old, FailureCode::NoAudio, "").await.unwrap().is_none());
        for why in [Release::Crashed, Release::Shutdown, Release::Outage] {
            assert!(jobs.release(&old, why).await.unwrap().is_none());
        }
        assert_eq!(world.state(new.job.id).await, State::Converting);
        world.finish(&new).await;
        assert_eq!(world.number("SELECT COUNT(*) FROM deliveries").await, 1);
    }
}

#[tokio::test]
async fn a_job_is_unfinished_while_it_waits_and_while_somebody_converts_it() {
    for world in worlds().await {
        let unfinished = async || {
            let (count, any) =
                (world.db.unfinished_jobs().await.unwrap(), world.db.has_unfinished_jobs().await);
            assert_eq!(any.unwrap(), count > 0);
            count
        };
        world.uploading(UserId::generate()).await;
        assert_eq!(unfinished().await, 0, "a video that is not here yet needs no converter");
        world.queued().await;
        world.queued().await;
        assert_eq!(unfinished().await, 2);
        for left in [2, 1] {
            let claimed = world.claim().await;
            assert_eq!(unfinished().await, left);
            world.finish(&claimed).await;
        }
        assert_eq!(unfinished().await, 0);
    }
}

#[tokio::test]
async fn a_lease_in_time_is_not_taken_back() {
    for world in worlds().await {
        let claimed = world.claimed().await;
        world.clock.advance(LEASE / 2);
        assert!(
            world
                .db
                .jobs()
                .extend_lease(&claimed.lease, LEASE, 0.1, contracts::Stage::Encoding)
                .await
                .unwrap()
        );
        world.clock.advance(LEASE / 2);
        assert_eq!(world.look().await, (0, vec![]));
        world.clock.advance(LEASE / 2);
        assert_eq!(world.look().await.0, 1);
        assert_eq!(world.state(claimed.job.id).await, State::Queued);
    }
}

#[tokio::test]
async fn a_job_whose_converters_die_fails_after_the_last_attempt_and_its_audios_are_garbage() {
    for world in worlds().await {
        let id = world.queued().await;
        for attempt in 1..=MAX_ATTEMPTS {
            assert_eq!(world.claim().await.job.attempts, attempt);
            world.clock.advance(LEASE * 2);
            world.look().await;
        }
        let job = world.job(id).await;
        assert_eq!((job.state, job.error.unwrap().0), (State::Failed, FailureCode::Internal));
        assert_eq!(world.events(ConversionFailed::TYPE).await.len(), 1);
        assert_eq!(world.db.deliveries().of_job(id).await.unwrap().len(), 1);
        assert_eq!(world.number("SELECT COUNT(*) FROM garbage WHERE bucket = 'audios'").await, 3);
    }
}

#[tokio::test]
async fn an_orderly_restart_does_not_count_and_a_crash_does() {
    for world in worlds().await {
        world.queued().await;
        for _ in 0..MAX_ATTEMPTS * 2 {
            let claimed = world.claim().await;
            assert_eq!(claimed.job.attempts, 1);
            let released = world.db.jobs().release(&claimed, Release::Shutdown).await.unwrap();
            assert!(matches!(released, Some(Released::Waiting(_))), "at once: {released:?}");
        }
        for attempt in 1..=MAX_ATTEMPTS {
            let claimed = world.claim().await;
            assert_eq!(claimed.job.attempts, attempt);
            let released = world.db.jobs().release(&claimed, Release::Crashed).await.unwrap().unwrap();
            assert_eq!(matches!(released, Released::Failed(_)), attempt == MAX_ATTEMPTS, "{released:?}");
        }
    }
}

#[tokio::test]
async fn outages_are_counted_rest_longer_each_time_and_fail_the_job_at_the_end() {
    for world in worlds().await {
        let id = world.queued().await;
        let mut rests = Vec::new();
        loop {
            let claimed = world.claim().await;
            assert_eq!((claimed.job.attempts, claimed.job.outages), (1, u32::try_from(rests.len()).unwrap()));
            match world.db.jobs().release(&claimed, Release::Outage).await.unwrap().unwrap() {
                Released::Resting(rest) => rests.push(rest),
                Released::Failed(_) => break,
                waiting @ Released::Waiting(_) => panic!("{waiting:?}"),
            }
            assert!(world.db.jobs().claim_next(LEASE).await.unwrap().is_none(), "it rests");
            assert_eq!(world.look().await.0, 0);
            world.clock.advance(*rests.last().unwrap());
            let (looked, tickets) = world.look().await;
            assert_eq!((looked, tickets.len()), (1, 1), "back with a ticket");
        }
        assert_eq!(rests, (1..=10).map_while(pause_after).collect::<Vec<_>>());
        let job = world.job(id).await;
        assert_eq!((job.state, job.error.unwrap().0, job.outages), (State::Failed, FailureCode::Internal, 0));
    }
}

#[tokio::test]
async fn a_success_forgets_the_outages_before() {
    for world in worlds().await {
        let claimed = world.claimed().await;
        world.db.jobs().release(&claimed, Release::Outage).await.unwrap();
        world.clock.advance(MINUTE);
        world.look().await;
        let claimed = world.claim().await;
        assert_eq!(claimed.job.outages, 1);
        world.fail(&claimed).await;
        world.db.jobs().retry(claimed.job.id).await.unwrap().unwrap();
        assert_eq!(world.claim().await.job.outages, 0);
    }
}

/// The heartbeat comes between the moment in which the sweep has read the row and that in which it writes it.
#[tokio::test]
async fn a_lease_that_was_just_extended_is_not_taken_back_in_any_attempt() {
    for attempt in 1..=MAX_ATTEMPTS {
        let world = mysql_world().await;
        let claimed = world.claimed().await;
        let id = claimed.job.id;
        world.run(&format!("UPDATE jobs SET attempts = {attempt} WHERE id = '{id}'")).await;
        world.clock.advance(LEASE * 2);
        let until = world.clock.now().after(LEASE).millis();
        let pool = pool(&world.url).await;
        let mut heartbeat = pool.begin().await.unwrap();
        let extend = format!("UPDATE jobs SET lease_until = {until}, look_at = {until} WHERE id = '{id}'");
        sqlx::query(sqlx::AssertSqlSafe(extend)).execute(&mut *heartbeat).await.unwrap();
        let db = world.db.clone();
        let look = tokio::spawn(async move { db.jobs().look(KEEP, 10).await.unwrap() });
        world.somebody_waits().await;
        heartbeat.commit().await.unwrap();
        assert!(look.await.unwrap().events.is_empty());
        assert_eq!(world.state(id).await, State::Converting, "attempt {attempt}");
        assert!(
            world
                .db
                .jobs()
                .extend_lease(&claimed.lease, LEASE, 0.5, contracts::Stage::Encoding)
                .await
                .unwrap()
        );
    }
}

/// Both clocks are the machine's or a test's; what counts is the server's.
#[tokio::test]
async fn processes_whose_clocks_differ_by_two_minutes_agree_by_the_servers_clock() {
    let world = mysql_world().await;
    let begun = std::time::Instant::now();
    let (here, fast) = (Db::open(&world.url, 2).unwrap(), Db::open(&world.url, 2).unwrap());
    let ahead = Timestamp::now().after(2 * MINUTE);
    let fast = fast.with_clock(Clock::skewed(Duration::from_secs(120)));
    assert!(fast.clock().now() >= ahead);
    let (one, other) = (here.now().await.unwrap(), fast.now().await.unwrap());
    assert!((one.millis() - other.millis()).abs() < 30_000, "{one} {other}");
    world.queued().await;
    let claimed = here.jobs().claim_next(MINUTE).await.unwrap().unwrap();
    assert_eq!(fast.jobs().look(KEEP, 10).await.unwrap().jobs, 0, "a minute is left by any clock");
    assert!(fast.jobs().extend_lease(&claimed.lease, MINUTE, 0.5, contracts::Stage::Encoding).await.unwrap());
    assert_eq!(here.jobs().look(KEEP, 10).await.unwrap().jobs, 0);
    let pool = pool(&world.url).await;
    let look_at = sqlx::query("SELECT look_at FROM jobs").fetch_one(&pool).await.unwrap();
    let left = look_at.try_get::<i64, _>(0).unwrap() - here.now().await.unwrap().millis();
    // Each knows the server's time but for the time that its question took, which was asked in here.
    let asked = i64::try_from(begun.elapsed().as_millis()).unwrap();
    assert!(left <= 60_000 + asked, "the fast clock has not given it two minutes more: {left}");
}

#[tokio::test]
async fn one_process_has_the_lease_of_a_task_and_the_next_goes_on_where_it_ended() {
    for world in worlds().await {
        let (db, one, two) = (&world.db, EventId::generate(), EventId::generate());
        assert_eq!(db.take_lease(Task::Blobs, one, MINUTE).await.unwrap().as_deref(), Some(""));
        assert_eq!(db.take_lease(Task::Blobs, two, MINUTE).await.unwrap(), None);
        assert_eq!(db.take_lease(Task::Blobs, one, MINUTE).await.unwrap().as_deref(), Some(""), "extended");
        assert!(db.take_lease(Task::Sweep, two, MINUTE).await.unwrap().is_some(), "another task");
        db.release_lease(Task::Blobs, two, "stolen").await.unwrap();
        assert_eq!(db.take_lease(Task::Blobs, two, MINUTE).await.unwrap(), None);
        db.release_lease(Task::Blobs, one, "videos/7").await.unwrap();
        assert_eq!(db.take_lease(Task::Blobs, two, MINUTE).await.unwrap().as_deref(), Some("videos/7"));
        world.clock.advance(MINUTE);
        assert!(db.take_lease(Task::Blobs, one, MINUTE).await.unwrap().is_some(), "it had run out");
    }
}
