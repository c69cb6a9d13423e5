//! How jobs are found, also those that a newer version has written.

use contracts::{AudioId, JobId, Options, Stage, State, UserId, VideoId};
use db::{Garbage, JobOutcomes, Source};

use crate::world::{DAY, ENGINE, HOUR, KEEP, LEASE, World, finished, worlds};

#[tokio::test]
async fn jobs_are_listed_newest_first_and_by_owner() {
    for world in worlds().await {
        let (ann, bob) = (UserId::generate(), UserId::generate());
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(world.uploading(ann).await);
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        world.uploading(bob).await;
        ids.reverse();
        let listed = |jobs: Vec<db::Job>| jobs.into_iter().map(|job| job.id).collect::<Vec<_>>();
        assert_eq!(listed(world.db.jobs().list(ann, 10, None).await.unwrap()), ids);
        assert_eq!(listed(world.db.jobs().list(ann, 1, Some(ids[0])).await.unwrap()), ids[1..2]);
        let glances = world.db.jobs().glances(&[ids[0], JobId::generate()]).await.unwrap();
        let [glance] = glances[..] else { panic!("{glances:?}") };
        assert_eq!(
            (glance.id, glance.state, glance.stage),
            (ids[0], State::Uploading, Some(Stage::Uploading))
        );
        assert!(world.db.jobs().glances(&[]).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_course_of_a_day_counts_its_jobs_by_state() {
    for world in worlds().await {
        let since = world.clock.now().before(HOUR);
        assert_eq!(world.db.course(since).await.unwrap(), JobOutcomes::default());
        let source = Source { bytes: 3_000_000_000_000, ..Source::default() };
        world.queued_with(UserId::generate(), &source, &Options::default()).await;
        let claimed = world.claim().await;
        world.finish(&claimed).await;
        world.queued_with(UserId::generate(), &source, &Options::default()).await;
        world.uploading(UserId::generate()).await;
        let mut course = world.db.course(since).await.unwrap();
        course.states.sort_by_key(|(state, _)| state.as_str());
        let states = vec![(State::Done, 1), (State::Queued, 1), (State::Uploading, 1)];
        let expected = JobOutcomes { states, video_bytes: 6_000_000_000_000, audio_bytes: 4_000_000_000_000 };
        assert_eq!(course, expected);
        let later = world.clock.now().after(HOUR);
        assert_eq!(world.db.course(later).await.unwrap(), JobOutcomes::default());
    }
}

#[tokio::test]
async fn options_of_a_newer_version_hide_no_job_and_are_not_taken_for_understood() {
    for world in worlds().await {
        let user = UserId::generate();
        let (old, new) = (world.queued_by(user).await, world.queued_by(user).await);
        world
            .run(&format!(
                r#"UPDATE jobs SET options = '{{"smell":"roses","title":"t"}}' WHERE id = '{new}'"#
            ))
            .await;
        assert_eq!(world.db.jobs().list(user, 10, None).await.unwrap().len(), 2);
        let (old, new) = (world.job(old).await, world.job(new).await);
        assert!(old.understood && !new.understood);
        assert_eq!(new.options.title.as_deref(), Some("t"), "what is known is read");
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_left_out_of_lists_and_does_not_stop_the_look() {
    for world in worlds().await {
        let user = UserId::generate();
        let (odd, plain) = (world.uploading(user).await, world.uploading(user).await);
        world.run(&format!("UPDATE jobs SET state = 'dreaming' WHERE id = '{odd}'")).await;
        let listed = world.db.jobs().list(user, 10, None).await.unwrap();
        assert_eq!(listed.iter().map(|job| job.id).collect::<Vec<_>>(), [plain]);
        assert!(world.db.jobs().get(odd).await.is_err());
        world.clock.advance(HOUR);
        assert_eq!(world.look().await.0, 2);
        assert!(world.db.jobs().get(plain).await.unwrap().is_none(), "the other one was looked at");
        assert_eq!(world.number("SELECT COUNT(*) FROM jobs").await, 1, "and it stays for who can read it");
        world.clock.advance(HOUR);
        assert_eq!(world.db.jobs().look(KEEP, 10).await.unwrap().jobs, 1, "asked again in an hour");
    }
}

async fn queued_with(world: &World, user: UserId, digest: Option<&str>) -> JobId {
    let source = Source { digest: digest.map(str::to_owned), ..Source::default() };
    world.queued_with(user, &source, &Options::default()).await
}

async fn done_with(world: &World, user: UserId, digest: Option<&str>, engine: &str) -> JobId {
    let id = queued_with(world, user, digest).await;
    let claimed = world.claim().await;
    assert_eq!(claimed.job.id, id);
    world.db.jobs().finish(&claimed, &finished(&claimed), engine).await.unwrap().unwrap();
    id
}

#[tokio::test]
async fn the_same_video_is_found_with_its_owner_and_engine_while_the_audio_is_kept() {
    for world in worlds().await {
        let (ann, bob) = (UserId::generate(), UserId::generate());
        let (same, other) = ("a".repeat(64), "b".repeat(64));
        let (same, other) = (Some(same.as_str()), Some(other.as_str()));
        done_with(&world, ann, same, ENGINE).await;
        world.clock.advance(8 * DAY);
        let wanted = done_with(&world, ann, same, ENGINE).await;
        done_with(&world, bob, same, ENGINE).await;
        done_with(&world, ann, other, ENGINE).await;
        done_with(&world, ann, None, ENGINE).await;
        done_with(&world, ann, same, "2").await;
        let asking = queued_with(&world, ann, same).await;
        let nothing = queued_with(&world, ann, None).await;
        let found = async |job: JobId| {
            let job = world.job(job).await;
            let found = world.db.jobs().done_with_same_video(&job, ENGINE).await.unwrap();
            found.iter().map(|job| job.id).collect::<Vec<_>>()
        };
        assert_eq!(found(asking).await, [wanted]);
        assert!(found(nothing).await.is_empty(), "from before there were digests");
        world.db.jobs().delete(wanted).await.unwrap();
        assert!(found(asking).await.is_empty());
    }
}

#[tokio::test]
async fn a_blob_is_known_while_a_job_or_a_garbage_row_names_it() {
    for world in worlds().await {
        let claimed = world.claimed().await;
        let (video, audio) = (claimed.job.video_id, claimed.lease.audio_id);
        let (videos, audios) = ([video, VideoId::generate()], [audio, AudioId::generate()]);
        let known = async || {
            let jobs = world.db.jobs();
            (jobs.known_videos(&videos).await.unwrap(), jobs.known_audios(&audios).await.unwrap())
        };
        assert_eq!(known().await, (vec![video], vec![audio]));
        world.db.jobs().delete(claimed.job.id).await.unwrap();
        assert_eq!(known().await, (vec![video], vec![audio]), "they wait as garbage");
        world.db.garbage_removed(Garbage::Video(video)).await.unwrap();
        world.db.garbage_removed(Garbage::Audio(audio)).await.unwrap();
        assert_eq!(known().await, (vec![], vec![]));
        assert!(world.db.jobs().known_videos(&[]).await.unwrap().is_empty());
        assert!(world.db.jobs().claim_next(LEASE).await.unwrap().is_none());
    }
}
