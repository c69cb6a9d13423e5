//! What attempts have taken: in their jobs, and summed by month and user.

use std::time::Duration;

use contracts::{Clock, Cost, FailureCode, Timestamp, UserId};
use db::{Claimed, Db, Release};

use crate::world::{DAY, ENGINE, HOUR, LEASE, World, finished, worlds};

const ATTEMPT: Cost = Cost {
    attempts: 1,
    waited_seconds: 0.5,
    ran_seconds: 2.0,
    cpu_seconds: 1.5,
    bytes_read: 7,
    bytes_written: 4_000_000_000_000,
};

fn times(attempts: u64) -> Cost {
    (0..attempts).fold(Cost::default(), |all, _| all + ATTEMPT)
}

/// Of an attempt that has taken so much.
async fn claimed(world: &World) -> Claimed {
    Claimed { cost: ATTEMPT, ..world.claim().await }
}

/// What a user's month has cost, and the audio of it.
async fn cost(db: &Db, month: &str, user: UserId) -> (Cost, Duration) {
    let all = db.costs(month, None, 100).await.unwrap();
    let of_user = all.into_iter().find(|one| one.user_id == user).unwrap();
    (of_user.cost, of_user.audio)
}

#[tokio::test]
async fn each_attempt_counts_once_in_its_month_whatever_becomes_of_its_job() {
    for world in worlds().await {
        let (jobs, user) = (world.db.jobs(), world.user().await);
        let month = world.clock.now().month();
        let id = world.queued_by(user).await;
        let audio = Duration::from_millis(1234);
        for why in [Release::Crashed, Release::Shutdown] {
            let one = claimed(&world).await;
            jobs.release(&one, why).await.unwrap().unwrap();
            assert!(!matches!(jobs.release(&one, why).await, Ok(None)), "the same answer a second time");
        }
        let one = claimed(&world).await;
        jobs.fail(&one, FailureCode::NoAudio, "").await.unwrap().unwrap();
        jobs.fail(&one, FailureCode::NoAudio, "").await.unwrap().unwrap();
        assert_eq!(world.job(id).await.cost, Some(times(3)));
        jobs.retry(id).await.unwrap().unwrap();
        let one = claimed(&world).await;
        jobs.finish(&one, &finished(&one), ENGINE).await.unwrap().unwrap();
        jobs.finish(&one, &finished(&one), ENGINE).await.unwrap().unwrap();
        assert_eq!(world.job(id).await.cost, Some(times(4)));
        assert_eq!(cost(&world.db, &month, user).await, (times(4), audio));

        assert!(jobs.delete(id).await.unwrap());
        let other = world.queued_by(user).await;
        jobs.fail(&claimed(&world).await, FailureCode::NoAudio, "").await.unwrap().unwrap();
        world.clock.advance(40 * DAY);
        world.look().await;
        assert!(jobs.get(other).await.unwrap().is_none(), "its time is over");
        world.db.delete_user(user).await.unwrap().unwrap();
        assert_eq!(cost(&world.db, &month, user).await, (times(5), audio));
        let all = world.db.costs(&month, None, 100).await.unwrap();
        assert_eq!(all[0].email, None, "the account is gone");
    }
}

#[tokio::test]
async fn an_attempt_whose_lease_was_lost_counts_for_nothing() {
    for world in worlds().await {
        let user = world.user().await;
        let id = world.queued_by(user).await;
        let old = claimed(&world).await;
        world.clock.advance(LEASE);
        world.look().await;
        let new = claimed(&world).await;
        assert!(world.db.jobs().finish(&old, &finished(&old), ENGINE).await.unwrap().is_none());
        world.finish(&new).await;
        assert_eq!(world.job(id).await.cost, Some(times(1)));
        assert_eq!(cost(&world.db, &world.clock.now().month(), user).await.0, times(1));
    }
}

#[tokio::test]
async fn months_are_found_one_after_the_other_and_read_in_pages() {
    for world in worlds().await {
        let december = Timestamp::from_millis(1_764_547_200_000 + 1_000);
        let mut users = Vec::new();
        for at in [december.before(HOUR), december, december] {
            let db = world.db.clone().with_clock(Clock::manual(at));
            let user = world.user().await;
            world.queued_by(user).await;
            let one = db.jobs().claim_next(LEASE).await.unwrap().unwrap();
            db.jobs().finish(&one, &finished(&one), ENGINE).await.unwrap().unwrap();
            users.push(user);
        }
        let db = &world.db;
        let mut months = Vec::new();
        while let Some(next) =
            db.month_with_costs_after(months.last().map_or("", String::as_str)).await.unwrap()
        {
            months.push(next);
        }
        assert_eq!(months, ["2025-11", "2025-12"]);
        let (mut read, mut after) = (Vec::new(), None);
        while let Some(user) = db.costs("2025-12", after, 1).await.unwrap().pop() {
            assert!(user.email.is_some());
            after = Some(user.user_id);
            read.push(user.user_id);
        }
        users[1..].sort_by_key(UserId::to_string);
        assert_eq!(read, users[1..]);
    }
}
