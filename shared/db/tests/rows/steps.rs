//! A job's way from its upload to its audio.

use contracts::{
    AudioReady, ConversionFailed, DeliveryDue, Event as _, FailureCode, NotifyBy, Options, State, UserId,
    VideoUploaded,
};
use db::Source;

use crate::world::{ENGINE, HOUR, LEASE, finished, worlds};

#[tokio::test]
async fn a_job_goes_from_uploading_to_done_and_each_step_is_recorded() {
    for world in worlds().await {
        let (jobs, user) = (world.db.jobs(), UserId::generate());
        let id = world.uploading(user).await;
        assert_eq!(world.state(id).await, State::Uploading);
        assert!(jobs.claim_next(LEASE).await.unwrap().is_none(), "nobody converts what has not arrived");
        let options = Options { title: Some("Ümläut".into()), ..Options::default() };
        let source = Source { name: "ü.mp4".into(), ..Source::default() };
        let uploaded = jobs.queue(id, &source, &options).await.unwrap().unwrap();
        assert_eq!(world.events(VideoUploaded::TYPE).await, [uploaded.envelope]);
        let claimed = world.claim().await;
        assert_eq!((claimed.job.attempts, claimed.job.options.title.as_deref()), (1, Some("Ümläut")));
        assert!(jobs.extend_lease(&claimed.lease, LEASE, 0.5, contracts::Stage::Encoding).await.unwrap());
        assert!((world.job(id).await.progress - 0.5).abs() < 1e-9);
        let ready = jobs.finish(&claimed, &finished(&claimed), ENGINE).await.unwrap().unwrap();
        assert_eq!(world.events(AudioReady::TYPE).await, [ready.fact.envelope]);
        let due: Vec<_> = ready.deliveries.into_iter().map(|due| due.envelope).collect();
        assert_eq!((due.len(), world.events(DeliveryDue::TYPE).await), (1, due));
        let job = world.job(id).await;
        let audio = job.audio.unwrap();
        assert_eq!((job.state, job.user_id, audio.bytes), (State::Done, user, 4_000_000_000_000));
        assert_eq!((audio.duration.as_millis(), job.source.name.as_str()), (1234, "ü.mp4"));
        assert_eq!((job.warning.as_deref(), job.end_no), (Some("It ends early."), 1));
        assert_eq!(jobs.by_audio(audio.id).await.unwrap().unwrap().id, id);
        assert_eq!(jobs.count_unfinished().await.unwrap(), 0);
        assert!(jobs.get(contracts::JobId::generate()).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_failure_keeps_its_code_and_detail() {
    for world in worlds().await {
        let claimed = world.claimed().await;
        let detail = "ö".repeat(600);
        let failed = world.db.jobs().fail(&claimed, FailureCode::NoAudio, &detail).await.unwrap().unwrap();
        assert_eq!(world.events(ConversionFailed::TYPE).await, [failed.fact.envelope]);
        let job = world.job(claimed.job.id).await;
        assert_eq!((job.state, job.error), (State::Failed, Some((FailureCode::NoAudio, "ö".repeat(500)))));
    }
}

#[tokio::test]
async fn an_upload_that_was_given_up_leaves_its_video_as_garbage_and_an_accepted_one_stays() {
    for world in worlds().await {
        let (jobs, user) = (world.db.jobs(), UserId::generate());
        let (half, whole) = (world.uploading(user).await, world.queued_by(user).await);
        let video = world.job(half).await.video_id;
        assert!(jobs.touch_upload(half).await.unwrap());
        assert!(jobs.abandon_upload(half).await.unwrap());
        assert!(!jobs.abandon_upload(half).await.unwrap() && !jobs.abandon_upload(whole).await.unwrap());
        assert!(!jobs.touch_upload(half).await.unwrap() && !jobs.touch_upload(whole).await.unwrap());
        assert_eq!(world.db.due_garbage(10).await.unwrap(), [db::Garbage::Video(video)]);
        assert!(jobs.queue(half, &Source::default(), &Options::default()).await.unwrap().is_none());
        assert_eq!(world.state(whole).await, State::Queued);
    }
}

#[tokio::test]
async fn an_upload_without_a_heartbeat_is_forgotten_after_an_hour_and_a_living_one_is_not() {
    for world in worlds().await {
        let (dead, living) =
            (world.uploading(UserId::generate()).await, world.uploading(UserId::generate()).await);
        let video = world.job(dead).await.video_id;
        world.clock.advance(HOUR / 2);
        assert!(world.db.jobs().touch_upload(living).await.unwrap());
        assert_eq!(world.look().await.0, 0);
        world.clock.advance(HOUR / 2);
        assert_eq!(world.look().await.0, 1);
        assert!(world.db.jobs().get(dead).await.unwrap().is_none());
        assert_eq!(world.state(living).await, State::Uploading);
        assert_eq!(world.db.due_garbage(10).await.unwrap(), [db::Garbage::Video(video)]);
    }
}

/// Every option at its longest.
#[tokio::test]
async fn the_longest_options_that_are_accepted_fit_into_their_column() {
    for world in worlds().await {
        let quotes = "\"".repeat(500);
        let url = format!("https://example.org/{}", "x".repeat(700));
        let fields = [("title", quotes.as_str()), ("artist", &quotes), ("album", &quotes)];
        let options = Options::from_fields(fields).unwrap();
        let id = world.queued_with(UserId::generate(), &Source::default(), &options).await;
        assert_eq!(world.job(id).await.options, Options { notify: Some(NotifyBy::Mail), ..options });
        let control = "\u{1}".repeat(500);
        assert!(Options::from_fields([("title", control.as_str())]).is_err(), "takes six characters each");
        assert!(Options::from_fields(fields.into_iter().chain([("webhook", url.as_str())])).is_ok());
    }
}
