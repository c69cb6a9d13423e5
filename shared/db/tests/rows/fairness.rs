//! Whose job is next, and tickets that were lost.

use std::time::{Duration, Instant};

use contracts::{Event as _, JobId, Options, State, UserId, VideoUploaded};
use db::{NewJob, Source, UserChanges};

use crate::world::{LEASE, MINUTE, World, mysql_world, worlds};

async fn queue_many(world: &World, user: UserId, count: usize) -> Vec<JobId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(world.queued_by(user).await);
    }
    ids
}

/// The place at which `job` is claimed, counted from 1.
async fn place(world: &World, job: JobId) -> usize {
    let mut place = 1;
    while world.claim().await.job.id != job {
        place += 1;
    }
    place
}

#[tokio::test]
async fn one_video_beside_500_of_another_user_is_second_at_the_latest_with_one_converter() {
    for world in worlds().await {
        let (ann, bob) = (world.user().await, world.user().await);
        queue_many(&world, ann, 500).await;
        // Whether it comes before the first claim or while one is converted.
        let early = world.queued_by(bob).await;
        assert!(place(&world, early).await <= 2);
        let late = world.queued_by(world.user().await).await;
        assert_eq!(place(&world, late).await, 1);
    }
}

#[tokio::test]
async fn with_ten_converters_it_is_within_the_first_11() {
    for world in worlds().await {
        let (ann, bob) = (world.user().await, world.user().await);
        queue_many(&world, ann, 500).await;
        for _ in 0..10 {
            world.claim().await;
        }
        let bobs = world.queued_by(bob).await;
        assert_eq!(place(&world, bobs).await, 1, "the 11th of all");
    }
}

#[tokio::test]
async fn two_users_who_wait_take_turns_and_a_large_video_counts_for_more() {
    for world in worlds().await {
        let (ann, bob) = (world.user().await, world.user().await);
        queue_many(&world, ann, 20).await;
        let large = Source { bytes: 48 << 20, ..Source::default() };
        for _ in 0..20 {
            world.queued_with(bob, &large, &Options::default()).await;
        }
        let mut bobs = 0;
        for _ in 0..20 {
            bobs += usize::from(world.claim().await.job.user_id == bob);
        }
        assert!((4..=5).contains(&bobs), "one of four: {bobs} of 20");
    }
}

#[tokio::test]
async fn a_class_has_its_share() {
    for world in worlds().await {
        let users = [world.user().await, world.user().await, world.user().await];
        for (user, class) in users.into_iter().zip(["guest", "standard", "priority"]) {
            let class = UserChanges { class: Some(class.into()), ..UserChanges::default() };
            world.db.change_user(user, &class).await.unwrap().unwrap();
            queue_many(&world, user, 50).await;
        }
        let mut count = [0, 0, 0];
        for _ in 0..55 {
            let user = world.claim().await.job.user_id;
            count[users.iter().position(|one| *one == user).unwrap()] += 1;
        }
        let [guest, standard, priority] = count;
        assert!(
            (4..=7).contains(&guest) && (9..=12).contains(&standard) && (38..=42).contains(&priority),
            "{count:?}"
        );
    }
}

/// More new users than converters: the queue grows, and still each job is converted at some time.
#[tokio::test]
async fn nobody_starves_while_new_users_keep_coming() {
    for world in worlds().await {
        let ann = world.user().await;
        let anns = queue_many(&world, ann, 3).await;
        for _ in 0..530 {
            for _ in 0..2 {
                world.queued().await;
            }
            world.claim().await;
        }
        for (place, job) in anns.into_iter().enumerate() {
            assert_eq!(world.state(job).await, State::Converting, "number {place}");
        }
    }
}

#[tokio::test]
async fn a_job_that_was_begun_goes_before_those_that_were_not() {
    for world in worlds().await {
        let ann = world.user().await;
        queue_many(&world, ann, 5).await;
        let first = world.claim().await;
        world.db.jobs().release(&first, db::Release::Shutdown).await.unwrap();
        assert_eq!(world.claim().await.job.id, first.job.id);
    }
}

/// 10,000 by eight uploads at once; the time is printed, and bounded by the test's own limit.
#[tokio::test]
async fn ten_thousand_videos_are_queued_and_the_next_users_first_one_is_second() {
    let world = mysql_world().await;
    let begun = Instant::now();
    let ann = world.user().await;
    let uploads = (0..8).map(|_| {
        let db = world.db.clone();
        tokio::spawn(async move {
            for _ in 0..1250 {
                let id = JobId::generate();
                let video_id = contracts::VideoId::generate();
                db.jobs().create(&NewJob { id, user_id: ann, video_id }).await.unwrap();
                db.jobs().queue(id, &Source::default(), &Options::default()).await.unwrap().unwrap();
            }
        })
    });
    for upload in uploads.collect::<Vec<_>>() {
        upload.await.unwrap();
    }
    println!("10,000 jobs queued in {:.1} s", begun.elapsed().as_secs_f32());
    let ranks = "SELECT COUNT(DISTINCT queue_rank) FROM jobs WHERE queue_rank IS NOT NULL";
    assert_eq!(world.number(ranks).await, 10_000, "each has a place of its own");
    let bobs = world.queued_by(world.user().await).await;
    assert!(place(&world, bobs).await <= 2);
}

const AFTER: Duration = Duration::from_secs(300);

#[tokio::test]
async fn lost_tickets_are_issued_again_ten_in_an_interval_and_none_while_jobs_are_claimed() {
    for world in worlds().await {
        let ann = world.user().await;
        queue_many(&world, ann, 30).await;
        let issue = async || world.db.jobs().issue_tickets(AFTER).await.unwrap().len();
        assert_eq!(issue().await, 0, "they have just been issued");
        for claims in 0..5 {
            world.clock.advance(AFTER);
            assert_eq!(issue().await, 10, "interval {claims}");
            assert_eq!(issue().await, 0);
            world.clock.advance(AFTER - MINUTE);
            assert_eq!(issue().await, 0);
            world.claim().await;
            world.clock.advance(AFTER - MINUTE);
            assert_eq!(issue().await, 0, "jobs are claimed");
        }
        assert_eq!(
            world.events(VideoUploaded::TYPE).await.len(),
            30 + 50,
            "a backlog does not double itself"
        );
        while world.db.jobs().claim_next(LEASE).await.unwrap().is_some() {}
        world.clock.advance(AFTER * 2);
        assert_eq!(issue().await, 0, "nothing waits");
    }
}

#[tokio::test]
async fn of_many_sweeps_at_once_one_issues_tickets() {
    for world in worlds().await {
        world.queued().await;
        world.clock.advance(AFTER);
        let sweeps = (0..8).map(|_| {
            let db = world.db.clone();
            tokio::spawn(async move { db.jobs().issue_tickets(AFTER).await.unwrap().len() })
        });
        let mut issued = 0;
        for sweep in sweeps.collect::<Vec<_>>() {
            issued += sweep.await.unwrap();
        }
        assert_eq!(issued, 1);
    }
}
