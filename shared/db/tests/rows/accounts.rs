//! What becomes of a user's rows when the account goes.

use contracts::{JobId, Options, Outcome, UserId, VideoId};
use db::{Device, NewJob, NewRefreshToken, Source};

use crate::world::{HOUR, LEASE, MINUTE, mysql_world, worlds};

#[tokio::test]
async fn with_a_user_go_250_jobs_their_deliveries_and_blobs_and_nobody_elses() {
    for world in worlds().await {
        let (ada, bob) = (world.user().await, world.user().await);
        for _ in 0..250 {
            world.queued_by(ada).await;
        }
        let bobs = world.queued_by(bob).await;
        for _ in 0..3 {
            let claimed = world.claim().await;
            world.finish(&claimed).await;
        }
        let half = world.claim().await;
        world.db.delete_user(ada).await.unwrap().unwrap();
        assert!(world.db.user(ada).await.unwrap().is_none());
        assert_eq!(world.number("SELECT COUNT(*) FROM jobs").await, 1);
        world.job(bobs).await;
        let others = format!("SELECT COUNT(*) FROM deliveries WHERE user_id = '{ada}'");
        assert_eq!(world.number(&others).await, 0);
        assert!(world.db.deliveries().ended(Outcome::Dropped, 10, None).await.unwrap().len() <= 1);
        world.clock.advance(HOUR);
        assert_eq!(world.number("SELECT COUNT(*) FROM garbage WHERE bucket = 'videos'").await, 250);
        assert!(world.number("SELECT COUNT(*) FROM garbage WHERE bucket = 'audios'").await >= 3);
        assert!(
            !world.db.jobs().extend_lease(&half.lease, LEASE, 0.5, contracts::Stage::Encoding).await.unwrap()
                || half.job.user_id == bob
        );
    }
}

/// While it goes on, others upload, convert and are told: nobody waits for a lock on their rows.
#[tokio::test]
async fn others_work_on_while_an_account_with_many_jobs_goes() {
    let world = mysql_world().await;
    let (ada, bob) = (world.user().await, world.user().await);
    for _ in 0..250 {
        world.queued_by(ada).await;
    }
    let db = world.db.clone();
    let deletion = tokio::spawn(async move { db.delete_user(ada).await.unwrap().unwrap() });
    let mut done = 0;
    while !deletion.is_finished() {
        let id = JobId::generate();
        world.db.jobs().create(&NewJob { id, user_id: bob, video_id: VideoId::generate() }).await.unwrap();
        world.db.jobs().queue(id, &Source::default(), &Options::default()).await.unwrap().unwrap();
        // It may be Ada's, and gone before it is done.
        if let Some(claimed) = world.db.jobs().claim_next(LEASE).await.unwrap() {
            let finished = crate::world::finished(&claimed);
            world.db.jobs().finish(&claimed, &finished, "1").await.unwrap();
        }
        done += 1;
    }
    deletion.await.unwrap();
    assert!(done > 0);
    assert_eq!(world.number("SELECT COUNT(*) FROM jobs").await, done);
    assert_eq!(world.number(&format!("SELECT COUNT(*) FROM jobs WHERE user_id = '{ada}'")).await, 0);
}

#[tokio::test]
async fn refresh_tokens_past_their_time_go_in_pages() {
    for world in worlds().await {
        let user = UserId::generate();
        for number in 0..5 {
            let expires_at = world.clock.now().after(MINUTE * number);
            let token =
                NewRefreshToken { secret_hash: number.to_string(), expires_at, device: Device::default() };
            world.db.start_token_family(user, &token).await.unwrap();
        }
        world.clock.advance(MINUTE * 3);
        assert_eq!(world.db.delete_expired_tokens(2).await.unwrap(), 2);
        assert_eq!(world.db.delete_expired_tokens(2).await.unwrap(), 1);
        assert_eq!(world.db.delete_expired_tokens(2).await.unwrap(), 0);
        assert_eq!(world.number("SELECT COUNT(*) FROM refresh_tokens").await, 2);
    }
}
