//! What the owner of a job does to it.

use contracts::{State, Timestamp, UserId};
use db::Garbage;

use crate::world::{ENGINE, HOUR, LEASE, MINUTE, World, finished, mysql_world, pool, worlds};

#[tokio::test]
async fn a_failed_job_can_be_tried_again_and_a_done_one_can_not() {
    for world in worlds().await {
        let failed = world.claimed().await;
        world.fail(&failed).await;
        assert!(!world.db.jobs().cancel(failed.job.id).await.unwrap());
        world.db.jobs().retry(failed.job.id).await.unwrap().unwrap();
        assert!(world.db.jobs().retry(failed.job.id).await.unwrap().is_none(), "it waits already");
        let job = world.job(failed.job.id).await;
        assert_eq!((job.state, job.attempts, job.error), (State::Queued, 0, None));
        let done = world.claim().await;
        world.finish(&done).await;
        assert!(world.db.jobs().retry(done.job.id).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_canceled_job_takes_the_lease_from_its_converter_and_names_its_audio_as_garbage() {
    for world in worlds().await {
        let claimed = world.claimed().await;
        assert!(world.db.jobs().cancel(claimed.job.id).await.unwrap());
        assert!(world.db.jobs().cancel(claimed.job.id).await.unwrap(), "twice is no error");
        assert!(
            !world
                .db
                .jobs()
                .extend_lease(&claimed.lease, LEASE, 0.5, contracts::Stage::Encoding)
                .await
                .unwrap()
        );
        let finished = world.db.jobs().finish(&claimed, &finished(&claimed), ENGINE).await.unwrap();
        assert!(finished.is_none());
        assert!(world.db.due_garbage(10).await.unwrap().is_empty(), "it may still write");
        world.clock.advance(HOUR);
        assert_eq!(world.db.due_garbage(10).await.unwrap(), [Garbage::Audio(claimed.lease.audio_id)]);
        assert!(world.db.jobs().retry(claimed.job.id).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_job_that_waits_and_is_canceled_is_claimed_by_nobody() {
    for world in worlds().await {
        let id = world.queued().await;
        assert!(world.db.jobs().cancel(id).await.unwrap());
        assert!(world.db.jobs().claim_next(LEASE).await.unwrap().is_none());
        let upload = world.uploading(UserId::generate()).await;
        assert!(!world.db.jobs().cancel(upload).await.unwrap());
    }
}

#[tokio::test]
async fn a_deleted_job_leaves_its_blobs_as_garbage() {
    for world in worlds().await {
        let claimed = world.claimed().await;
        assert!(world.db.jobs().delete(claimed.job.id).await.unwrap());
        assert!(!world.db.jobs().delete(claimed.job.id).await.unwrap());
        world.clock.advance(HOUR);
        let garbage = world.db.due_garbage(10).await.unwrap();
        assert_eq!(garbage.len(), 2);
        assert!(garbage.contains(&Garbage::Video(claimed.job.video_id)));
        assert!(garbage.contains(&Garbage::Audio(claimed.lease.audio_id)));
        assert!(world.db.jobs().get(claimed.job.id).await.unwrap().is_none());
    }
}

/// The claim comes between the moment in which the owner's call has begun and that in which it writes.
#[tokio::test]
async fn who_deletes_or_cancels_a_job_that_is_just_claimed_names_the_audio_of_that_claim() {
    for delete in [true, false] {
        let world = mysql_world().await;
        let id = world.queued().await;
        let pool = pool(&world.url).await;
        let mut claim = pool.begin().await.unwrap();
        let audio = contracts::AudioId::generate();
        let sql = format!(
            "UPDATE jobs SET state = 'converting', queue_rank = NULL, audio_id = '{audio}', updated_at = updated_at + 1 WHERE id = '{id}'"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *claim).await.unwrap();
        let db = world.db.clone();
        let act = tokio::spawn(async move {
            if delete { db.jobs().delete(id).await.unwrap() } else { db.jobs().cancel(id).await.unwrap() }
        });
        world.somebody_waits().await;
        claim.commit().await.unwrap();
        assert!(act.await.unwrap());
        world.clock.advance(HOUR);
        assert!(world.db.due_garbage(10).await.unwrap().contains(&Garbage::Audio(audio)), "{delete}");
    }
}

async fn failed(world: &World) -> contracts::JobId {
    let claimed = world.claimed().await;
    world.fail(&claimed).await;
    claimed.job.id
}

#[tokio::test]
async fn all_jobs_that_failed_since_a_time_are_retried_and_no_others() {
    for world in worlds().await {
        let before = failed(&world).await;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        // Ids are made by the machine's clock.
        let since = Timestamp::now();
        let (one, two) = (failed(&world).await, failed(&world).await);
        let done = world.claimed().await;
        world.finish(&done).await;
        let mut retried: Vec<_> = world
            .db
            .jobs()
            .retry_failed(since, |_| true)
            .await
            .unwrap()
            .into_iter()
            .map(|it| it.event.job_id)
            .collect();
        retried.sort_by_key(ToString::to_string);
        let mut expected = vec![one, two];
        expected.sort_by_key(ToString::to_string);
        assert_eq!(retried, expected);
        assert_eq!(world.state(before).await, State::Failed);
        assert_eq!(world.state(done.job.id).await, State::Done);
        world.clock.advance(MINUTE);
        assert!(world.db.jobs().retry_failed(since, |_| true).await.unwrap().is_empty());
    }
}
