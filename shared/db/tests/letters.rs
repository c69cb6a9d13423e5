//! Names of files hold any letter, whatever the server's default is (the tests' MariaDB says Latin 1).

mod databases;

use contracts::{JobId, Options, UserId, VideoId};
use databases::databases;
use db::{NewJob, Source};

const NAME: &str = "🎬 Ünïcödé — видео 映画 👩‍👩‍👧.mp4";

#[tokio::test]
async fn a_name_of_any_letters_is_read_as_it_was_written() {
    for (db, _folder) in databases().await {
        let id = JobId::generate();
        let job = NewJob { id, user_id: UserId::generate(), video_id: VideoId::generate() };
        db.create_job(&job).await.unwrap();
        let source = Source { name: NAME.into(), ..Source::default() };
        db.queue_job(id, &source, &Options::default()).await.unwrap().unwrap();
        assert_eq!(db.job(id).await.unwrap().unwrap().source.name, NAME);
    }
}
