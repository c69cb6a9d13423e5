//! What time does to jobs and blobs.

use std::time::Duration;

use contracts::{AudioId, State, UserId, VideoId};
use db::{Garbage, Retention};

use crate::world::{DAY, HOUR, KEEP, MINUTE, worlds};

#[tokio::test]
async fn a_done_job_loses_its_video_then_its_audio_then_its_row() {
    for world in worlds().await {
        let claimed = world.claimed().await;
        world.finish(&claimed).await;
        let id = claimed.job.id;
        world.look().await;
        assert!(world.db.next_due().await.unwrap().is_some_and(|due| due <= world.clock.now()), "its events");
        assert!(world.db.due_garbage(10).await.unwrap().is_empty());
        world.clock.advance(DAY);
        assert_eq!(world.look().await.0, 1);
        assert_eq!(world.db.due_garbage(10).await.unwrap(), [Garbage::Video(claimed.job.video_id)]);
        let job = world.job(id).await;
        assert!(job.state == State::Done && job.video_removed_at.is_some());
        world.clock.advance(6 * DAY);
        assert_eq!(world.look().await.0, 1);
        assert_eq!(world.state(id).await, State::Expired);
        assert!(world.db.due_garbage(10).await.unwrap().contains(&Garbage::Audio(claimed.lease.audio_id)));
        world.clock.advance(22 * DAY);
        assert_eq!(world.look().await.0, 0);
        world.clock.advance(DAY);
        assert_eq!(world.look().await.0, 1);
        assert!(world.db.jobs().get(id).await.unwrap().is_none());
        assert_eq!(world.number("SELECT COUNT(*) FROM garbage").await, 2, "each named once");
    }
}

#[tokio::test]
async fn what_has_failed_or_was_canceled_keeps_its_video_for_a_retry_and_no_longer() {
    for world in worlds().await {
        let failed = world.claimed().await;
        world.fail(&failed).await;
        let canceled = world.queued().await;
        world.db.jobs().cancel(canceled).await.unwrap();
        world.clock.advance(DAY / 2);
        world.look().await;
        world.db.jobs().retry(canceled).await.unwrap().unwrap();
        world.clock.advance(DAY);
        world.look().await;
        let (video, audio) = (Garbage::Video(failed.job.video_id), Garbage::Audio(failed.lease.audio_id));
        let garbage = world.db.due_garbage(10).await.unwrap();
        assert!(garbage.len() == 2 && garbage.contains(&video) && garbage.contains(&audio));
        assert!(world.db.jobs().retry(failed.job.id).await.unwrap().is_none(), "nothing is left to convert");
        assert_eq!(world.state(canceled).await, State::Queued, "it waits, however long");
    }
}

#[tokio::test]
async fn one_look_removes_1200_expired_audios() {
    for world in worlds().await {
        let (user, now) = (UserId::generate(), world.clock.now().millis());
        let rows: Vec<_> = (0..1200)
            .map(|_| {
                let (id, video, audio) = (contracts::JobId::generate(), VideoId::generate(), AudioId::generate());
                format!("('{id}', '{user}', 'done', '{{}}', 1, 1, '{video}', '', 1, '', '{audio}', 1, {now}, {now}, {now}, {now} + 1000, {now})")
            })
            .collect();
        let columns = "id, user_id, state, options, progress, attempts, video_id, source_name, source_bytes, source_container, audio_id, audio_bytes, created_at, updated_at, finished_at, expires_at, look_at";
        world.run(&format!("INSERT INTO jobs ({columns}) VALUES {}", rows.join(","))).await;
        world.clock.advance(2 * DAY);
        assert_eq!(world.look().await.0, 1200);
        assert_eq!(world.number("SELECT COUNT(*) FROM jobs WHERE state = 'expired'").await, 1200);
        assert_eq!(world.db.due_garbage(5000).await.unwrap().len(), 2400, "audio and video of each");
        assert_eq!(world.look().await.0, 0);
    }
}

#[tokio::test]
async fn a_retry_and_the_removal_of_the_video_exclude_each_other() {
    for world in worlds().await {
        let mut ids = Vec::new();
        for _ in 0..200 {
            let claimed = world.claimed().await;
            world.fail(&claimed).await;
            ids.push(claimed.job.id);
        }
        world.look().await;
        world.clock.advance(DAY);
        // Some for each side for certain; the others are raced for.
        let mut won = vec![ids[199]];
        assert!(world.db.jobs().retry(ids[199]).await.unwrap().is_some());
        assert_eq!(world.db.jobs().look(KEEP, 7).await.unwrap().jobs, 7);
        let (retrying, looking, all) = (world.db.clone(), world.db.clone(), ids[..199].to_vec());
        let retry = tokio::spawn(async move {
            for id in all.into_iter().rev() {
                if retrying.jobs().retry(id).await.unwrap().is_some() {
                    won.push(id);
                }
            }
            won
        });
        let look = tokio::spawn(async move { while looking.jobs().look(KEEP, 7).await.unwrap().jobs > 0 {} });
        let won = retry.await.unwrap();
        look.await.unwrap();
        assert!(won.len() <= 193);
        for id in ids {
            let job = world.job(id).await;
            let garbage = format!("SELECT COUNT(*) FROM garbage WHERE blob_id = '{}'", job.video_id);
            let expected = if won.contains(&id) { State::Queued } else { State::Failed };
            assert_eq!((job.state, job.video_removed_at.is_none()), (expected, won.contains(&id)));
            assert_eq!(world.number(&garbage).await, i64::from(!won.contains(&id)));
        }
    }
}

#[tokio::test]
async fn nothing_is_kept_where_nothing_is_to_be_kept_but_audio_until_it_expires() {
    for world in worlds().await {
        let claimed = world.claimed().await;
        world.finish(&claimed).await;
        let keep = Retention { videos: Duration::ZERO, jobs: Duration::ZERO };
        while world.db.jobs().look(keep, 10).await.unwrap().jobs > 0 {}
        assert!(world.job(claimed.job.id).await.video_removed_at.is_some());
        world.clock.advance(8 * DAY);
        while world.db.jobs().look(keep, 10).await.unwrap().jobs > 0 {}
        assert!(world.db.jobs().get(claimed.job.id).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn garbage_that_cannot_be_removed_is_due_again_later_and_later_and_stays_named() {
    for world in worlds().await {
        let blob = Garbage::Video(VideoId::generate());
        world.db.name_garbage(blob).await.unwrap();
        world.db.name_garbage(blob).await.unwrap();
        let mut pauses = Vec::new();
        for _ in 0..14 {
            assert_eq!(world.db.due_garbage(10).await.unwrap(), [blob]);
            world.db.garbage_stays(blob).await.unwrap();
            assert!(world.db.due_garbage(10).await.unwrap().is_empty());
            let due = world.db.next_due().await.unwrap().unwrap();
            pauses.push(Duration::from_millis(
                u64::try_from(due.millis() - world.clock.now().millis()).unwrap(),
            ));
            world.clock.advance(*pauses.last().unwrap());
        }
        assert!(pauses[0] < MINUTE && pauses[13] == DAY && pauses[5] >= HOUR / 2, "{pauses:?}");
        world.db.garbage_removed(blob).await.unwrap();
        world.db.garbage_stays(blob).await.unwrap();
        assert_eq!(world.db.next_due().await.unwrap(), None);
    }
}
