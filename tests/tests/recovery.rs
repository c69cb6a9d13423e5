//! `kill -9` at any moment loses nothing and doubles nothing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::HashMap, time::Duration};

use serde_json::Value;
use tapedeck_tests::{Random, Setup, User, fixture};
use tokio::task::JoinSet;

const KILLS: u64 = 24;

/// Uploads until the connection breaks; the ids that got a 202. A title of its own makes each round convert anew what the
/// rounds before have converted; within a round every video comes again.
async fn upload_until_killed(user: User, title: String) -> Vec<String> {
    let mut accepted = Vec::new();
    for name in ["video.mkv", "moov-end.mp4", "silent-movie.mp4", "video.webm"].into_iter().cycle().take(8) {
        let upload = user.upload(name, fixture(name), &[("title", &title)]);
        let Ok(answer) = upload.send().await else { break };
        if answer.status() != 202 {
            break;
        }
        let Ok(body) = answer.json::<Value>().await else { break };
        accepted.push(body["id"].as_str().unwrap().to_owned());
    }
    accepted
}

#[tokio::test]
async fn every_accepted_job_ends_once_with_one_mail_however_often_the_process_is_killed() {
    let seed = 20_261_121;
    let mut random = Random::new(seed);
    let mut platform = Setup::default().start_embedded();
    let ann = platform.new_user().await;
    let mut accepted = Vec::new();
    for round in 0..KILLS {
        let mut uploads = JoinSet::new();
        for _ in 0..2 {
            uploads.spawn(upload_until_killed(ann.at(platform.home()), round.to_string()));
        }
        tokio::time::sleep(Duration::from_millis(random.below(400))).await;
        platform.kill();
        accepted.extend(uploads.join_all().await.into_iter().flatten());
        platform.restart();
    }
    platform.settle().await;
    let ann = ann.at(platform.home());
    let mut mails: HashMap<String, usize> = HashMap::new();
    for mail in platform.mails() {
        *mails.entry(mail.job().to_owned()).or_default() += 1;
    }
    assert!(accepted.len() as u64 > KILLS, "only {} uploads were accepted", accepted.len());
    let mut ends: HashMap<String, usize> = HashMap::new();
    for id in &accepted {
        let job = ann.job(id).await;
        let state = job["state"].as_str().unwrap_or_default().to_owned();
        assert!(state == "done" || state == "failed", "{id}: {job} (seed {seed})");
        if state == "done" {
            assert_eq!(ann.get(&format!("/download?fid={id}")).await.status(), 200, "{id}");
        }
        assert_eq!(mails.get(id), Some(&1), "mails of {id} (seed {seed})");
        *ends.entry(state).or_default() += 1;
    }
    println!(
        "{KILLS} kills, {} accepted uploads: {ends:?}, {} mails",
        accepted.len(),
        platform.mails().len()
    );
    let done = std::fs::read_dir(platform.data().join("blobs/audios")).unwrap().count();
    assert!(done >= ends["done"], "one MP3 for each done job");
    platform.finish().await;
}

#[tokio::test]
async fn a_second_process_on_the_same_data_folder_is_refused() {
    let platform = Setup::default().start_embedded();
    #[expect(clippy::disallowed_methods, reason = "a second program is the point")]
    let second = std::process::Command::new(tapedeck_tests::tapedeck())
        .args(["serve", "--port", "0", "--data"])
        .arg(platform.data())
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("another tapedeck uses the data folder"), "{said}");
    platform.finish().await;
}

#[tokio::test]
async fn a_job_in_hand_at_sigterm_is_finished_by_this_process_or_the_next() {
    let mut platform = Setup::default().start_embedded();
    let ann = platform.new_user().await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(ann.upload_fixture("moov-end.mp4", &[]).await);
    }
    assert_eq!(platform.stop().await, Some(0));
    platform.restart();
    let ann = ann.at(platform.home());
    for id in ids {
        let job = ann.ended(&id).await;
        assert_eq!((&job["state"], &job["attempts"]), (&"done".into(), &1.into()), "{job}");
    }
    platform.finish().await;
}
