//! The state machine of a job and the outbox, held against each database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod databases;

use std::time::Duration;

use contracts::{
    AudioReady, ConversionFailed, Envelope, Event as _, FailureCode, JobId, Options, State, Timestamp,
    UserId, VideoId, VideoUploaded,
};
use databases::databases;
use db::{Audio, Claim, Claimed, Db, Finished, MAX_ATTEMPTS, NewJob, Source};

/// The events of this type that are due.
async fn due(db: &Db, kind: &str) -> Vec<Envelope> {
    db.due_events(kind, 100, &[]).await.unwrap().into_iter().map(|pending| pending.envelope).collect()
}

const LEASE: Duration = Duration::from_secs(30);
const ENGINE: &str = "1";

async fn uploading(db: &Db, user_id: UserId) -> JobId {
    let id = JobId::generate();
    db.create_job(&NewJob { id, user_id, video_id: VideoId::generate() }).await.unwrap();
    id
}

async fn queued(db: &Db) -> JobId {
    let id = uploading(db, UserId::generate()).await;
    let source = Source { name: "clip.mp4".into(), bytes: 7, container: "mp4".into(), ..Source::default() };
    db.queue_job(id, &source, &Options::default()).await.unwrap().unwrap();
    id
}

async fn claimed(db: &Db) -> Claimed {
    db.claim_job(queued(db).await, LEASE).await.unwrap().unwrap()
}

fn finished(claimed: &Claimed) -> Finished {
    Finished {
        audio: Audio {
            id: claimed.lease.audio_id,
            bytes: 4_000_000_000_000,
            duration: Duration::from_millis(1234),
            codec: "mp3".into(),
            bitrate: 190_000,
        },
        source_codec: Some("aac".into()),
        source_duration: Some(Duration::from_millis(1240)),
        warning: Some("It ends early.".into()),
        keep: Duration::from_secs(60),
    }
}

/// A queued job of a video with this digest.
async fn queued_with(db: &Db, user_id: UserId, digest: Option<&str>) -> JobId {
    let id = uploading(db, user_id).await;
    let source = Source { digest: digest.map(str::to_owned), ..Source::default() };
    db.queue_job(id, &source, &Options::default()).await.unwrap().unwrap();
    id
}

/// The same, done.
async fn done_with(db: &Db, user_id: UserId, digest: Option<&str>, engine: &str, keep: Duration) -> JobId {
    let id = queued_with(db, user_id, digest).await;
    let claimed = db.claim_job(id, LEASE).await.unwrap().unwrap();
    let finished = Finished { keep, ..finished(&claimed) };
    db.finish_job(&claimed.lease, &finished, engine).await.unwrap().unwrap();
    id
}

async fn state(db: &Db, id: JobId) -> State {
    db.job(id).await.unwrap().unwrap().state
}

#[tokio::test]
async fn a_job_goes_from_uploading_to_done_and_each_step_is_recorded() {
    for (db, _folder) in databases().await {
        let user = UserId::generate();
        let id = uploading(&db, user).await;
        assert_eq!(state(&db, id).await, State::Uploading);
        assert!(db.claim_job(id, LEASE).await.unwrap().is_none(), "nobody converts what has not arrived");
        let options = Options { title: Some("Ümläut".into()), ..Options::default() };
        let uploaded = db
            .queue_job(id, &Source { name: "ü.mp4".into(), ..Source::default() }, &options)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(due(&db, VideoUploaded::TYPE).await, [uploaded.envelope]);
        let claimed = db.claim_job(id, LEASE).await.unwrap().unwrap();
        assert_eq!((claimed.job.attempts, claimed.job.options.title.as_deref()), (1, Some("Ümläut")));
        assert!(db.extend_lease(&claimed.lease, LEASE, 0.5).await.unwrap());
        assert!((db.job(id).await.unwrap().unwrap().progress - 0.5).abs() < 1e-9);
        let ready = db.finish_job(&claimed.lease, &finished(&claimed), ENGINE).await.unwrap().unwrap();
        assert_eq!(due(&db, AudioReady::TYPE).await, [ready.envelope]);
        let job = db.job(id).await.unwrap().unwrap();
        let audio = job.audio.unwrap();
        assert_eq!((job.state, job.user_id, audio.bytes), (State::Done, user, 4_000_000_000_000));
        assert_eq!((audio.duration.as_millis(), job.source.name.as_str()), (1234, "ü.mp4"));
        assert_eq!(job.warning.as_deref(), Some("It ends early."));
        assert_eq!(db.job_by_audio(audio.id).await.unwrap().unwrap().id, id);
        assert_eq!(db.unfinished_jobs().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn of_many_converters_one_gets_the_job() {
    for (db, _folder) in databases().await {
        let id = queued(&db).await;
        let tries = (0..32).map(|_| {
            let db = db.clone();
            tokio::spawn(async move { db.claim_job(id, LEASE).await.unwrap().is_some() })
        });
        let mut won = 0;
        for attempt in tries.collect::<Vec<_>>() {
            won += usize::from(attempt.await.unwrap());
        }
        assert_eq!(won, 1);
    }
}

#[tokio::test]
async fn whoever_lost_the_lease_changes_nothing_any_more() {
    for (db, _folder) in databases().await {
        let old = claimed(&db).await;
        let id = old.job.id;
        assert_eq!(db.take_back_leases(Timestamp::now().after(LEASE * 2)).await.unwrap(), 1);
        let new = db.claim_job(id, LEASE).await.unwrap().unwrap();
        assert_ne!(old.lease.audio_id, new.lease.audio_id, "each attempt has an audio of its own");
        assert!(!db.extend_lease(&old.lease, LEASE, 0.9).await.unwrap());
        assert!(db.finish_job(&old.lease, &finished(&old), ENGINE).await.unwrap().is_none());
        assert!(db.fail_job(&old.lease, FailureCode::NoAudio, "").await.unwrap().is_none());
        assert!(!db.release_job(&old.lease, true).await.unwrap());
        assert_eq!(state(&db, id).await, State::Converting);
        assert!(
            due(&db, AudioReady::TYPE).await.is_empty() && due(&db, ConversionFailed::TYPE).await.is_empty()
        );
        assert!(db.finish_job(&new.lease, &finished(&new), ENGINE).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_lease_in_time_is_not_taken_back() {
    for (db, _folder) in databases().await {
        let claimed = claimed(&db).await;
        assert_eq!(db.take_back_leases(Timestamp::now()).await.unwrap(), 0);
        assert_eq!(state(&db, claimed.job.id).await, State::Converting);
    }
}

#[tokio::test]
async fn a_job_whose_converters_die_fails_after_the_last_attempt() {
    for (db, _folder) in databases().await {
        let id = queued(&db).await;
        for attempt in 1..=MAX_ATTEMPTS {
            assert_eq!(db.claim_job(id, LEASE).await.unwrap().unwrap().job.attempts, attempt);
            db.take_back_leases(Timestamp::now().after(LEASE * 2)).await.unwrap();
        }
        let job = db.job(id).await.unwrap().unwrap();
        assert_eq!((job.state, job.error.unwrap().0), (State::Failed, FailureCode::Internal));
        assert_eq!(due(&db, ConversionFailed::TYPE).await.len(), 1);
    }
}

#[tokio::test]
async fn an_attempt_that_was_not_the_jobs_fault_is_not_counted() {
    for (db, _folder) in databases().await {
        let claimed = claimed(&db).await;
        assert!(db.release_job(&claimed.lease, false).await.unwrap());
        let again = db.claim_job(claimed.job.id, LEASE).await.unwrap().unwrap();
        assert_eq!(again.job.attempts, 1);
        assert!(db.release_job(&again.lease, true).await.unwrap());
        assert_eq!(db.claim_job(claimed.job.id, LEASE).await.unwrap().unwrap().job.attempts, 2);
    }
}

#[tokio::test]
async fn a_failed_job_can_be_tried_again_and_a_done_one_can_not() {
    for (db, _folder) in databases().await {
        let failed = claimed(&db).await;
        db.fail_job(&failed.lease, FailureCode::NoAudio, "detail").await.unwrap().unwrap();
        let job = db.job(failed.job.id).await.unwrap().unwrap();
        assert_eq!(job.error, Some((FailureCode::NoAudio, "detail".to_owned())));
        assert!(!db.cancel_job(failed.job.id).await.unwrap());
        db.retry_job(failed.job.id).await.unwrap().unwrap();
        let job = db.job(failed.job.id).await.unwrap().unwrap();
        assert_eq!((job.state, job.attempts, job.error), (State::Queued, 0, None));
        let done = claimed(&db).await;
        db.finish_job(&done.lease, &finished(&done), ENGINE).await.unwrap().unwrap();
        assert!(db.retry_job(done.job.id).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_canceled_job_takes_the_lease_from_its_converter() {
    for (db, _folder) in databases().await {
        let claimed = claimed(&db).await;
        assert!(db.cancel_job(claimed.job.id).await.unwrap());
        assert!(!db.extend_lease(&claimed.lease, LEASE, 0.5).await.unwrap());
        assert!(db.finish_job(&claimed.lease, &finished(&claimed), ENGINE).await.unwrap().is_none());
        assert!(db.retry_job(claimed.job.id).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_queued_job_whose_event_is_gone_is_announced_again_once() {
    for (db, _folder) in databases().await {
        let id = queued(&db).await;
        let later = Timestamp::now().after(Duration::from_secs(1));
        assert_eq!(db.requeue_stuck_jobs(later).await.unwrap(), 0, "its event waits");
        let event = due(&db, VideoUploaded::TYPE).await.remove(0);
        db.event_sent(&event.id).await.unwrap();
        assert_eq!(db.requeue_stuck_jobs(later).await.unwrap(), 1);
        assert_eq!(db.requeue_stuck_jobs(later).await.unwrap(), 0);
        assert_eq!(due(&db, VideoUploaded::TYPE).await[0].subject, id.to_string());
    }
}

#[tokio::test]
async fn an_ended_job_whose_event_was_lost_is_announced_again_until_somebody_begins_to_tell() {
    for (db, _folder) in databases().await {
        let job = claimed(&db).await;
        let later = Timestamp::now().after(Duration::from_secs(1));
        let event = db.finish_job(&job.lease, &finished(&job), ENGINE).await.unwrap().unwrap().envelope;
        assert_eq!(db.announce_untold_jobs(later).await.unwrap(), 0, "its event waits");
        for lost in [event, due(&db, VideoUploaded::TYPE).await.remove(0)] {
            db.event_sent(&lost.id).await.unwrap();
        }
        assert_eq!(db.announce_untold_jobs(later).await.unwrap(), 1);
        let again = due(&db, AudioReady::TYPE).await.remove(0);
        db.event_sent(&again.id).await.unwrap();
        assert_eq!(db.untold_jobs().await.unwrap(), 1);
        db.claim_notification(&job.job.id.to_string(), "ready", LEASE).await.unwrap();
        assert_eq!(db.announce_untold_jobs(later).await.unwrap(), 0);
        db.mark_notification_sent(&job.job.id.to_string(), "ready").await.unwrap();
        assert_eq!(db.untold_jobs().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn uploads_that_died_are_forgotten_and_living_ones_are_not() {
    for (db, _folder) in databases().await {
        let id = uploading(&db, UserId::generate()).await;
        assert_eq!(db.forget_abandoned_uploads(Timestamp::now().before(LEASE)).await.unwrap(), 0);
        assert_eq!(db.forget_abandoned_uploads(Timestamp::now().after(LEASE)).await.unwrap(), 1);
        assert!(db.job(id).await.unwrap().is_none());
        let late = db.queue_job(id, &Source::default(), &Options::default()).await.unwrap();
        assert!(late.is_none(), "what was forgotten is not accepted");
    }
}

#[tokio::test]
async fn audio_past_its_retention_expires_and_its_video_goes() {
    for (db, _folder) in databases().await {
        let claimed = claimed(&db).await;
        db.finish_job(&claimed.lease, &finished(&claimed), ENGINE).await.unwrap();
        assert!(db.names_audio(claimed.lease.audio_id).await.unwrap());
        assert!(db.expire_jobs(Timestamp::now()).await.unwrap().is_empty());
        let later = Timestamp::now().after(Duration::from_secs(120));
        assert_eq!(db.expire_jobs(later).await.unwrap(), [claimed.lease.audio_id]);
        assert_eq!(state(&db, claimed.job.id).await, State::Expired);
        assert!(!db.names_audio(claimed.lease.audio_id).await.unwrap());
        assert!(db.names_video(claimed.job.video_id).await.unwrap());
        assert_eq!(db.videos_to_remove(later).await.unwrap(), [claimed.job.video_id]);
        assert!(!db.names_video(claimed.job.video_id).await.unwrap());
        assert!(db.videos_to_remove(later).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn jobs_are_listed_newest_first_and_by_owner() {
    for (db, _folder) in databases().await {
        let (ann, bob) = (UserId::generate(), UserId::generate());
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(uploading(&db, ann).await);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        uploading(&db, bob).await;
        ids.reverse();
        let listed = |jobs: Vec<db::Job>| jobs.into_iter().map(|job| job.id).collect::<Vec<_>>();
        assert_eq!(listed(db.jobs(ann, 10, None).await.unwrap()), ids);
        assert_eq!(listed(db.jobs(ann, 1, Some(ids[0])).await.unwrap()), ids[1..2]);
    }
}

#[tokio::test]
async fn a_deleted_job_tells_its_blobs() {
    for (db, _folder) in databases().await {
        let claimed = claimed(&db).await;
        let named = db.delete_job(claimed.job.id).await.unwrap().unwrap();
        assert_eq!(named, (claimed.job.video_id, Some(claimed.lease.audio_id)));
        assert!(db.delete_job(claimed.job.id).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn the_same_video_is_found_with_its_owner_and_engine_while_the_audio_is_kept() {
    for (db, _folder) in databases().await {
        let (ann, bob) = (UserId::generate(), UserId::generate());
        let (same, other) = ("a".repeat(64), "b".repeat(64));
        let (same, other) = (Some(same.as_str()), Some(other.as_str()));
        done_with(&db, ann, same, ENGINE, LEASE).await;
        assert_eq!(db.expire_jobs(Timestamp::now().after(LEASE * 2)).await.unwrap().len(), 1);
        let wanted = done_with(&db, ann, same, ENGINE, LEASE).await;
        done_with(&db, bob, same, ENGINE, LEASE).await;
        done_with(&db, ann, other, ENGINE, LEASE).await;
        done_with(&db, ann, None, ENGINE, LEASE).await;
        done_with(&db, ann, same, "2", LEASE).await;
        done_with(&db, ann, same, ENGINE, Duration::ZERO).await;
        queued_with(&db, ann, same).await;
        let found = async |job: JobId| {
            let job = db.job(job).await.unwrap().unwrap();
            let found = db.done_with_same_video(&job, ENGINE).await.unwrap();
            found.iter().map(|job| job.id).collect::<Vec<_>>()
        };
        let asking = queued_with(&db, ann, same).await;
        assert_eq!(found(asking).await, [wanted]);
        assert!(found(queued_with(&db, ann, None).await).await.is_empty(), "from before there were digests");
        db.delete_job(wanted).await.unwrap();
        assert!(found(asking).await.is_empty());
    }
}

#[tokio::test]
async fn a_notification_is_sent_by_one_and_once() {
    for (db, _folder) in databases().await {
        let subject = JobId::generate().to_string();
        assert_eq!(db.claim_notification(&subject, "ready", LEASE).await.unwrap(), Claim::Yours);
        assert_eq!(db.claim_notification(&subject, "ready", LEASE).await.unwrap(), Claim::Busy);
        db.release_notification(&subject, "ready").await.unwrap();
        assert_eq!(db.claim_notification(&subject, "ready", LEASE).await.unwrap(), Claim::Yours);
        db.mark_notification_sent(&subject, "ready").await.unwrap();
        assert_eq!(db.claim_notification(&subject, "ready", LEASE).await.unwrap(), Claim::Sent);
        assert_eq!(db.claim_notification(&subject, "failed", LEASE).await.unwrap(), Claim::Yours);
    }
}

#[tokio::test]
async fn a_failed_delivery_is_due_later_and_a_dead_one_never() {
    for (db, _folder) in databases().await {
        queued(&db).await;
        let event = due(&db, VideoUploaded::TYPE).await.remove(0);
        db.event_failed(&event.id, Timestamp::now().after(LEASE), "no room").await.unwrap();
        assert!(due(&db, VideoUploaded::TYPE).await.is_empty());
        assert!(db.next_due().await.unwrap().unwrap() > Timestamp::now());
        assert_eq!(db.pending_events().await.unwrap(), 1);
        db.event_dead(&event.id, "never").await.unwrap();
        assert_eq!(db.pending_events().await.unwrap(), 0);
        let dead = db.dead_letters().await.unwrap();
        assert_eq!((dead.len(), dead[0].last_error.as_str(), &dead[0].envelope), (1, "never", &event));
    }
}

#[tokio::test]
async fn a_process_that_is_alone_takes_over_what_dead_ones_had_in_hand() {
    for (db, _folder) in databases().await {
        let converting = claimed(&db).await.job.id;
        let half = uploading(&db, UserId::generate()).await;
        db.claim_notification("s", "ready", LEASE).await.unwrap();
        db.recover_alone().await.unwrap();
        assert_eq!(state(&db, converting).await, State::Queued);
        assert!(db.job(half).await.unwrap().is_none());
        assert_eq!(db.claim_notification("s", "ready", LEASE).await.unwrap(), Claim::Yours);
        assert_eq!(
            due(&db, VideoUploaded::TYPE).await.len(),
            1,
            "its old event still stands, and no second one"
        );
    }
}

#[tokio::test]
async fn the_migrations_may_run_twice_and_at_once() {
    for (db, _folder) in databases().await {
        let (one, two) = tokio::join!(db.migrate(), db.migrate());
        one.unwrap();
        two.unwrap();
    }
}
