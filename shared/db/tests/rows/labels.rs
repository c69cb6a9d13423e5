//! Names and tags of jobs.

use contracts::{JobId, Options, UserId};
use db::{Labels, Source};

use crate::world::{HOUR, KEEP, World, worlds};

fn tagged(tags: &[&str]) -> Labels {
    Labels { name: None, tags: Some(tags.iter().map(|tag| (*tag).to_owned()).collect()) }
}

async fn found(world: &World, user: UserId, tag: &str, folder: Option<&str>) -> Vec<JobId> {
    let jobs = world.db.jobs().list_tagged(user, (tag, folder), 10, None).await.unwrap();
    jobs.into_iter().map(|job| job.id).collect()
}

#[tokio::test]
async fn a_name_is_given_and_taken_away_and_whoever_follows_the_job_sees_it() {
    for world in worlds().await {
        let source = Source { name: "a talk.mp4".into(), ..Source::default() };
        let id = world.queued_with(world.user().await, &source, &Options::default()).await;
        let before = world.job(id).await;
        assert_eq!((before.name.clone(), before.title().as_deref()), (None, Some("a talk")));
        let named = Labels { name: Some(Some("Überblick".into())), tags: None };
        assert!(world.db.jobs().label(id, &named).await.unwrap());
        let job = world.job(id).await;
        assert_eq!((job.name.as_deref(), job.title().as_deref()), (Some("Überblick"), Some("Überblick")));
        assert!(job.changed_at > before.changed_at);
        assert!(world.db.jobs().label(id, &tagged(&["x"])).await.unwrap());
        assert_eq!(world.job(id).await.name.as_deref(), Some("Überblick"), "what is left out stays");
        let unnamed = Labels { name: Some(None), tags: None };
        assert!(world.db.jobs().label(id, &unnamed).await.unwrap());
        let job = world.job(id).await;
        assert_eq!(
            (job.name.clone(), job.title().as_deref(), job.tags),
            (None, Some("a talk"), vec!["x".into()])
        );
        assert!(!world.db.jobs().label(JobId::generate(), &named).await.unwrap());
    }
}

#[tokio::test]
async fn jobs_are_found_by_tag_by_their_owner() {
    for world in worlds().await {
        let (ada, bob) = (world.user().await, world.user().await);
        let in_folder = Options { folder: Some("Talks".into()), ..Options::default() };
        let first = world.queued_with(ada, &Source::default(), &in_folder).await;
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        let second = world.queued_by(ada).await;
        let bobs = world.queued_by(bob).await;
        for id in [first, second, bobs] {
            world.db.jobs().label(id, &tagged(&["jazz", "näher"])).await.unwrap();
        }
        world.db.jobs().label(second, &tagged(&["Jazz", "näher"])).await.unwrap();
        assert_eq!(found(&world, ada, "näher", None).await, [second, first]);
        assert_eq!(found(&world, ada, "naher", None).await, []);
        assert_eq!(found(&world, ada, "jazz", None).await, [first]);
        assert_eq!(found(&world, ada, "Jazz", None).await, [second]);
        assert_eq!(found(&world, ada, "näher", Some("Talks")).await, [first]);
        assert_eq!(found(&world, ada, "näher", Some("talks")).await, []);
        let page = world.db.jobs().list_tagged(ada, ("näher", None), 10, Some(second)).await.unwrap();
        assert_eq!(page.iter().map(|job| job.id).collect::<Vec<_>>(), [first]);
        world.db.jobs().label(second, &tagged(&[])).await.unwrap();
        assert_eq!(found(&world, ada, "näher", None).await, [first]);
    }
}

#[tokio::test]
async fn tags_go_with_their_job_and_their_account() {
    for world in worlds().await {
        let (ada, bob) = (world.user().await, world.user().await);
        let (deleted, unsent, forgotten) =
            (world.queued_by(ada).await, world.uploading(ada).await, world.uploading(ada).await);
        let left = world.queued_by(bob).await;
        for id in [deleted, unsent, forgotten, left] {
            world.db.jobs().label(id, &tagged(&["a", "b"])).await.unwrap();
        }
        assert!(world.db.jobs().delete(deleted).await.unwrap());
        assert!(world.db.jobs().abandon_upload(unsent).await.unwrap());
        assert_eq!(world.number("SELECT COUNT(*) FROM job_tags").await, 4);
        world.clock.advance(2 * HOUR);
        world.db.jobs().look(KEEP, 10).await.unwrap();
        assert_eq!(world.number("SELECT COUNT(*) FROM job_tags").await, 2);
        let another = world.queued_by(ada).await;
        world.db.jobs().label(another, &tagged(&["a"])).await.unwrap();
        world.db.delete_user(ada).await.unwrap().unwrap();
        assert_eq!(found(&world, bob, "b", None).await, [left]);
        assert_eq!(world.number("SELECT COUNT(*) FROM job_tags").await, 2);
    }
}
