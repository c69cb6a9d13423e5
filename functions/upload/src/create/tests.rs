use std::convert::Infallible;

use blobs::{Blobs, Bucket};
use broker::{Local, LocalConfig};
use bytes::Bytes;
use contracts::{Options, UserId};
use db::Db;
use futures_util::stream;
use identity::{SigningKey, Verifier};

use super::*;
use crate::UploadConfig;

struct World {
    deps: Upload,
    _folder: tempfile::TempDir,
}

async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&format!("sqlite:{}", folder.path().join("db").display()), 4).unwrap();
    db.migrate().await.unwrap();
    let blobs = Blobs::open(&format!("file:{}", folder.path().join("blobs").display())).unwrap();
    let key = SigningKey::load_or_create(&folder.path().join("key.pem")).unwrap();
    let deps = Upload {
        broker: Local::new(db.clone(), LocalConfig::default()).broker(),
        verifier: Verifier::new(key.verifying_keys(), db.clone()),
        config: UploadConfig::default(),
        db,
        blobs,
    };
    World { deps, _folder: folder }
}

impl World {
    async fn stored(&self) -> Stored {
        let video = [b"\0\0\0\x18ftypisom".to_vec(), vec![0; 1000]].concat();
        let stream = stream::iter([Ok::<_, Never>(Bytes::from(video))]);
        Receiver::new(self.deps.clone(), UserId::generate()).store("a.mp4".into(), stream).await.unwrap()
    }

    async fn videos(&self) -> usize {
        let garbage = self.deps.db.due_garbage(1000).await.unwrap();
        let mut kept = self.deps.blobs.page(Bucket::Videos, None, 1000).await.unwrap();
        kept.retain(|stored| match stored.blob {
            blobs::Blob::Video(id) => !garbage.contains(&db::Garbage::Video(id)),
            blobs::Blob::Audio(_) | blobs::Blob::Peaks(_) => true,
        });
        kept.len()
    }
}

struct Never(Infallible);

impl From<Never> for Refusal {
    fn from(never: Never) -> Self {
        match never.0 {}
    }
}

fn lost() -> db::Error {
    db::Error::Corrupt("the answer was lost".into())
}

#[tokio::test]
async fn an_upload_that_was_queued_though_the_answer_was_lost_is_accepted_and_keeps_its_video() {
    let world = world().await;
    let stored = world.stored().await;
    let id = stored.job_id;
    world.deps.db.jobs().queue(id, &Source::default(), &Options::default()).await.unwrap().unwrap();
    let accepted = after_failed_commit(&world.deps, stored, lost()).await.unwrap();
    assert_eq!((accepted.id, world.videos().await), (id, 1));
    assert_eq!(world.deps.db.jobs().get(id).await.unwrap().unwrap().state, JobState::Queued);
}

#[tokio::test]
async fn an_upload_that_could_not_be_queued_is_refused_and_leaves_nothing() {
    let world = world().await;
    let stored = world.stored().await;
    let id = stored.job_id;
    assert!(after_failed_commit(&world.deps, stored, lost()).await.is_err());
    assert!(world.deps.db.jobs().get(id).await.unwrap().is_none());
    assert_eq!(world.videos().await, 0);
}

#[tokio::test]
async fn an_upload_whose_job_can_not_be_looked_at_goes_on_and_leaves_its_video_to_the_sweep() {
    let mut world = world().await;
    let stored = world.stored().await;
    // Nobody listens there.
    world.deps.db = Db::open("mysql://x:y@127.0.0.1:1/z", 1).unwrap();
    let receiver = Receiver::new(world.deps.clone(), UserId::generate());
    assert!(receiver.heartbeat(stored.job_id).await.is_ok());
    assert!(after_failed_commit(&world.deps, stored, lost()).await.is_err());
    assert_eq!(world.deps.blobs.page(Bucket::Videos, None, 10).await.unwrap().len(), 1);
}
