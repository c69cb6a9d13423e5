//! What the owner may have converted.

use contracts::{FailureCode, State};
use db::{Class, UserChanges};

use crate::world::{LONG, World, engine};

async fn minutes(world: &World, minutes: u64) {
    let (bytes_per_file, jobs_at_once, keep_days) = (None, None, None);
    let name = "small".to_owned();
    let minutes_a_day = Some(minutes);
    let class = Class { name, bytes_per_file, minutes_a_day, jobs_at_once, keep_days };
    world.db.set_class(&class).await.unwrap();
    let changes = UserChanges { class: Some(class.name), ..UserChanges::default() };
    world.db.change_user(world.anna, &changes).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_video_longer_than_what_is_left_for_today_fails_and_counts_for_nothing() {
    let world = World::new().await;
    minutes(&world, 1).await;
    let id = world.uploaded_noise(LONG).await;
    world.deliver(id, engine()).await.unwrap();
    let job = world.job(id).await;
    assert_eq!(job.state, State::Failed);
    let (code, detail) = job.error.unwrap();
    assert!(code == FailureCode::TooLong && detail.contains(" 1 min "), "{code:?} {detail}");
    let left = world.db.allowance(world.anna).await.unwrap().unwrap().video_left().unwrap();
    assert_eq!(left.as_secs(), 60);
    let short = world.uploaded().await;
    world.deliver(short, engine()).await.unwrap();
    assert_eq!(world.job(short).await.state, State::Done);
    let left = world.db.allowance(world.anna).await.unwrap().unwrap().video_left().unwrap();
    assert!(left.as_secs_f64() < 60.0, "{left:?}");
}
