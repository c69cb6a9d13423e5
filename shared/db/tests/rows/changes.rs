//! What is known of changes, of folders, of chapters and of feeds.

use std::time::Duration;

use contracts::{JobId, Options, Stage, State, Timestamp, UserId};
use db::{Chapter, Source, UserChanges};

use crate::world::{DAY, HOUR, KEEP, LEASE, World, worlds};

impl World {
    async fn changed_at(&self, id: JobId) -> Timestamp {
        self.job(id).await.changed_at
    }

    async fn filed(&self, user: UserId, folder: &str) -> JobId {
        tokio::time::sleep(Duration::from_millis(2)).await;
        let options = Options { folder: Some(folder.into()), ..Options::default() };
        self.queued_with(user, &Source::default(), &options).await
    }

    async fn made(&self, user: UserId, folder: &str) -> JobId {
        let id = self.filed(user, folder).await;
        self.finish(&self.claim().await).await;
        id
    }
}

#[tokio::test]
async fn each_change_of_a_state_is_later_than_the_one_before_even_if_the_clock_stands_still() {
    for world in worlds().await {
        let (user, jobs) = (UserId::generate(), world.db.jobs());
        let (id, mut times) = (world.queued_by(user).await, Vec::new());
        times.push(world.changed_at(id).await);
        let claimed = world.claim().await;
        times.push(world.changed_at(id).await);
        assert!(jobs.extend_lease(&claimed.lease, LEASE, 0.5, Stage::Encoding).await.unwrap());
        assert_eq!(world.changed_at(id).await, times[1], "a heartbeat is no change of the state");
        assert_eq!(jobs.glances(&[id]).await.unwrap()[0].stage, Some(Stage::Encoding));
        jobs.release(&claimed, db::Release::Shutdown).await.unwrap().unwrap();
        times.push(world.changed_at(id).await);
        assert_eq!(world.claim().await.job.stage, Some(Stage::Reading));
        times.push(world.changed_at(id).await);
        assert!(jobs.cancel(id).await.unwrap());
        times.push(world.changed_at(id).await);
        jobs.retry(id).await.unwrap().unwrap();
        times.push(world.changed_at(id).await);
        world.finish(&world.claim().await).await;
        times.push(world.changed_at(id).await);
        assert_eq!(world.job(id).await.stage, None);
        let changes = jobs.changes(&[user, UserId::generate()], Timestamp::from_millis(0)).await.unwrap();
        assert_eq!(changes, jobs.latest_changes(user, 10).await.unwrap());
        assert_eq!((changes.len(), changes[0].at), (1, times[6]));
        world.clock.advance(8 * DAY);
        world.look().await;
        assert_eq!(world.state(id).await, State::Expired);
        times.push(world.changed_at(id).await);
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    }
}

#[tokio::test]
async fn a_deletion_is_known_for_a_day() {
    for world in worlds().await {
        let (user, jobs) = (UserId::generate(), world.db.jobs());
        let (id, abandoned) = (world.queued_by(user).await, world.uploading(user).await);
        let since = world.clock.now();
        assert!(jobs.delete(id).await.unwrap());
        assert!(jobs.abandon_upload(abandoned).await.unwrap());
        let deleted = jobs.changes(&[user], since).await.unwrap();
        assert!(deleted.iter().all(|change| change.deleted), "{deleted:?}");
        assert_eq!(deleted.len(), 2);
        assert_eq!(jobs.last_change(user).await.unwrap(), deleted.iter().map(|change| change.at).max());
        world.clock.advance(DAY + HOUR);
        jobs.look(KEEP, 10).await.unwrap();
        assert_eq!(jobs.changes(&[user], since).await.unwrap(), []);
        assert_eq!(jobs.last_change(user).await.unwrap(), None);
    }
}

#[tokio::test]
async fn folders_are_told_apart_to_the_letter_and_those_that_are_done_are_found() {
    for world in worlds().await {
        let (ann, bob) = (UserId::generate(), UserId::generate());
        let made = world.made(ann, "Talks").await;
        let lower = world.made(ann, "talks").await;
        world.made(bob, "Talks").await;
        let talks = [made, world.filed(ann, "Talks").await];
        let jobs = world.db.jobs();
        let ids = |jobs: Vec<db::Job>| jobs.into_iter().map(|job| job.id).collect::<Vec<_>>();
        assert_eq!(ids(jobs.list_folder(ann, "Talks", 10, None).await.unwrap()), [talks[1], talks[0]]);
        let older = jobs.list_folder(ann, "Talks", 10, Some(talks[1])).await.unwrap();
        assert_eq!(ids(older), [talks[0]]);
        assert_eq!(ids(jobs.done(ann, Some("Talks"), 10).await.unwrap()), [talks[0]]);
        assert_eq!(ids(jobs.done(ann, None, 10).await.unwrap()), [lower, talks[0]]);
        assert_eq!(ids(jobs.done(ann, None, 1).await.unwrap()), [lower]);
        assert_eq!(ids(jobs.done(ann, Some("talks ä"), 10).await.unwrap()), []);
        world.clock.advance(7 * DAY);
        assert_eq!(ids(jobs.done(ann, None, 10).await.unwrap()), [], "the sweep may come late");
    }
}

#[tokio::test]
async fn chapters_are_kept_as_far_as_there_is_room_and_go_with_their_job() {
    for world in worlds().await {
        let (id, plain, jobs) = (world.queued().await, world.queued().await, world.db.jobs());
        let chapter = |second| Chapter::new(Duration::from_secs(second), "\"\\ Ümläut 🎸");
        let few: Vec<Chapter> = (0..3).map(chapter).collect();
        let long = "\u{1F3B8}\"".repeat(500);
        let many: Vec<Chapter> =
            (0..256).map(|second| Chapter::new(Duration::from_secs(second), &long)).collect();
        jobs.note_chapters(id, &many).await.unwrap();
        let kept = jobs.chapters(id).await.unwrap();
        assert!((50..256).contains(&kept.len()) && many.starts_with(&kept), "{}", kept.len());
        jobs.note_chapters(id, &few).await.unwrap();
        assert_eq!(jobs.chapters(id).await.unwrap(), few);
        assert_eq!(jobs.with_chapters(&[plain, id]).await.unwrap(), [id]);
        jobs.note_chapters(plain, &[]).await.unwrap();
        assert_eq!(jobs.chapters(plain).await.unwrap(), []);
        assert!(jobs.delete(id).await.unwrap());
        assert_eq!(world.number("SELECT COUNT(*) FROM job_chapters").await, 0);
    }
}

#[tokio::test]
async fn a_feed_works_until_it_is_removed_or_its_account_locked_or_gone_or_has_another_password() {
    for world in worlds().await {
        let (user, other, db) = (world.user().await, world.user().await, &world.db);
        let [one, two] = [
            db.create_feed(user, None, 2).await.unwrap().unwrap(),
            db.create_feed(user, Some("Ümläut"), 2).await.unwrap().unwrap(),
        ];
        assert!(db.create_feed(user, None, 2).await.unwrap().is_none());
        assert_eq!(db.feeds(user).await.unwrap().len(), 2);
        assert_eq!(db.feed(two.id).await.unwrap().unwrap().folder.as_deref(), Some("Ümläut"));
        assert!(!db.delete_feed(other, one.id).await.unwrap(), "somebody else's");
        assert!(db.delete_feed(user, one.id).await.unwrap());
        assert!(db.feed(one.id).await.unwrap().is_none());
        for locked in [true, false] {
            let changes = UserChanges { disabled: Some(locked), ..UserChanges::default() };
            db.change_user(user, &changes).await.unwrap().unwrap().unwrap();
            assert_eq!(db.feed(two.id).await.unwrap().is_none(), locked);
        }
        assert!(db.change_password(user, "x", "y").await.unwrap());
        assert!(db.feed(two.id).await.unwrap().is_none());
        let last = db.create_feed(user, None, 2).await.unwrap().unwrap();
        db.delete_user(user).await.unwrap().unwrap();
        assert!(db.feed(last.id).await.unwrap().is_none());
        assert_eq!(world.number("SELECT COUNT(*) FROM feeds").await, 0);
    }
}
