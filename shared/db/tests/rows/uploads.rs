//! Uploads in several parts: who writes, how far it is, and when it goes.

use std::time::Duration;

use contracts::{EventId, JobId, Options, State, UserId, VideoId};
use db::{ANSWER, Garbage, NewJob, NewUpload, PartialUpload, Source};

use crate::world::{DAY, HOUR, KEEP, MINUTE, World, worlds};

const LOOKED: u32 = 10;

async fn begun(world: &World, user_id: UserId) -> (JobId, VideoId) {
    let (id, video_id) = (JobId::generate(), VideoId::generate());
    let job = NewJob { id, user_id, video_id };
    let new = NewUpload { job, name: "talk.mp4".into(), length: Some(100), metadata: "filename dA==".into() };
    world.db.uploads().create(&new, DAY).await.unwrap();
    (id, video_id)
}

async fn upload(world: &World, id: JobId) -> PartialUpload {
    world.db.uploads().get(id).await.unwrap().unwrap()
}

/// Whether `part` may write and has noted `received`.
async fn noted(world: &World, id: JobId, part: EventId, received: u64, last: bool) -> bool {
    let note = world.db.uploads().note((id, part), (received, "state"), last, DAY).await.unwrap();
    assert!(note.is_none_or(|until| until == world.clock.now().after(DAY)));
    note.is_some()
}

#[tokio::test]
async fn an_upload_is_a_job_that_its_owner_sees() {
    for world in worlds().await {
        let user = world.user().await;
        let (id, video_id) = begun(&world, user).await;
        let (job, upload) = (world.job(id).await, upload(&world, id).await);
        assert_eq!(
            (job.state, job.source.name.as_str(), job.source.bytes),
            (State::Uploading, "talk.mp4", 100)
        );
        assert_eq!((upload.user_id, upload.video_id, upload.state), (user, video_id, State::Uploading));
        assert_eq!((upload.length, upload.received, upload.part), (Some(100), 0, None));
        assert_eq!((upload.digest.as_str(), upload.metadata.as_str()), ("", "filename dA=="));
        assert_eq!(upload.expires_at, world.clock.now().after(DAY));
        assert!(world.db.uploads().get(JobId::generate()).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn one_request_writes_at_a_time_and_a_late_one_notes_nothing() {
    for world in worlds().await {
        let (uploads, (id, _)) = (world.db.uploads(), begun(&world, world.user().await).await);
        let (one, two) = (EventId::generate(), EventId::generate());
        assert!(uploads.take(id, one).await.unwrap());
        assert!(!uploads.take(id, two).await.unwrap());
        assert!(noted(&world, id, one, 10, false).await);
        assert!(!noted(&world, id, two, 20, false).await);
        assert!(noted(&world, id, one, 30, true).await, "the last of this part");
        assert!(uploads.take(id, two).await.unwrap());
        assert!(!noted(&world, id, one, 40, false).await);
        let upload = upload(&world, id).await;
        assert_eq!((upload.received, upload.digest.as_str(), upload.part), (30, "state", Some(two)));
    }
}

#[tokio::test]
async fn a_request_that_does_not_answer_is_taken_over() {
    for world in worlds().await {
        let (uploads, (id, _)) = (world.db.uploads(), begun(&world, world.user().await).await);
        let (one, two) = (EventId::generate(), EventId::generate());
        uploads.ask(id).await.unwrap();
        assert_eq!(upload(&world, id).await.asked_at, None, "nobody to ask");
        assert!(uploads.take(id, one).await.unwrap());
        uploads.ask(id).await.unwrap();
        let asked_at = world.clock.now();
        world.clock.advance(ANSWER / 2);
        uploads.ask(id).await.unwrap();
        assert_eq!(upload(&world, id).await.asked_at, Some(asked_at), "the first question counts");
        uploads.answer(id, two).await.unwrap();
        assert!(upload(&world, id).await.asked_at.is_some(), "not for another one to answer");
        uploads.answer(id, one).await.unwrap();
        world.clock.advance(ANSWER);
        assert!(!uploads.take(id, two).await.unwrap(), "it has answered");
        uploads.ask(id).await.unwrap();
        assert!(!uploads.take(id, two).await.unwrap(), "it has its time");
        world.clock.advance(ANSWER);
        assert!(uploads.take(id, two).await.unwrap());
        assert!(!noted(&world, id, one, 50, true).await);
        assert_eq!(upload(&world, id).await.asked_at, None);
    }
}

#[tokio::test]
async fn an_upload_that_nobody_goes_on_with_is_removed_in_its_time() {
    for world in worlds().await {
        let (id, video_id) = begun(&world, world.user().await).await;
        let part = EventId::generate();
        assert!(world.db.uploads().take(id, part).await.unwrap());
        world.clock.advance(DAY - MINUTE);
        assert!(noted(&world, id, part, 10, true).await);
        world.clock.advance(DAY - MINUTE);
        world.db.jobs().look(KEEP, LOOKED).await.unwrap();
        assert_eq!(world.db.uploads().delete_expired_uploads(LOOKED).await.unwrap(), 0);
        assert_eq!(upload(&world, id).await.received, 10, "longer than an upload without parts is kept");
        world.clock.advance(MINUTE);
        assert_eq!(world.number("SELECT look_at FROM jobs").await, world.clock.now().millis());
        world.db.jobs().look(KEEP, LOOKED).await.unwrap();
        assert!(world.db.uploads().get(id).await.unwrap().is_none());
        assert_eq!(world.db.due_garbage(LOOKED).await.unwrap(), [Garbage::Video(video_id)]);
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(world.db.uploads().delete_expired_uploads(LOOKED).await.unwrap(), 1);
        assert_eq!(world.number("SELECT COUNT(*) FROM uploads").await, 0);
    }
}

#[tokio::test]
async fn an_upload_that_has_ended_tells_of_its_job_for_a_while() {
    for world in worlds().await {
        let (id, _) = begun(&world, world.user().await).await;
        let part = EventId::generate();
        assert!(world.db.uploads().take(id, part).await.unwrap());
        assert!(noted(&world, id, part, 100, true).await);
        world.db.jobs().queue(id, &Source::default(), &Options::default()).await.unwrap().unwrap();
        assert_eq!(upload(&world, id).await.state, State::Queued);
        assert!(world.db.uploads().take(id, part).await.unwrap());
        assert!(!noted(&world, id, part, 0, true).await, "nobody writes what is a job");
        world.clock.advance(DAY + HOUR);
        assert_eq!(world.db.uploads().delete_expired_uploads(LOOKED).await.unwrap(), 1);
        assert_eq!(world.state(id).await, State::Queued);
    }
}

#[tokio::test]
async fn an_upload_goes_with_its_account() {
    for world in worlds().await {
        let (ada, bob) = (world.user().await, world.user().await);
        let ((id, video_id), (other, _)) = (begun(&world, ada).await, begun(&world, bob).await);
        world.db.delete_user(ada).await.unwrap().unwrap();
        assert!(world.db.uploads().get(id).await.unwrap().is_none());
        assert_eq!(world.number("SELECT COUNT(*) FROM uploads").await, 1);
        assert_eq!(upload(&world, other).await.user_id, bob);
        world.clock.advance(DAY);
        let garbage = world.db.due_garbage(LOOKED).await.unwrap();
        assert_eq!(garbage, [Garbage::Video(video_id)]);
        // What is being written then notes nothing.
        assert!(
            world.db.uploads().note((id, EventId::generate()), (1, ""), false, DAY).await.unwrap().is_none()
        );
    }
}
