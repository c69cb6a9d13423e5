//! Video in, podcast app out: gPodder, without a screen, with a feed of ours.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::PathBuf, process::Command};

use reqwest::Method;
use serde_json::{Value, json};
use tapedeck_tests::{Platform, User};

/// gPodder with its own folder.
struct App {
    folder: tempfile::TempDir,
}

impl App {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// Debian's own Python, not one that stands before it on the PATH.
    async fn run(&self, arguments: &[&str]) -> String {
        #[expect(clippy::disallowed_methods, reason = "a real client is the point")]
        let mut gpo = Command::new("/usr/bin/python3");
        gpo.arg("/usr/bin/gpo")
            .args(arguments)
            .env("GPODDER_HOME", self.folder.path())
            .env("GPODDER_DOWNLOAD_DIR", self.downloads())
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C.UTF-8");
        let output = tokio::task::spawn_blocking(move || gpo.output().unwrap()).await.unwrap();
        let text =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(output.status.success(), "gpo {arguments:?}: {text}");
        text
    }

    fn downloads(&self) -> PathBuf {
        self.folder.path().join("Downloads")
    }

    /// The files that it has downloaded.
    fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.downloads()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "mp3") {
                    found.push(path);
                }
            }
        }
        found
    }
}

async fn feed(user: &User) -> String {
    let answer =
        user.request(Method::POST, "/me/feeds").json(&json!({"folder": "Talks"})).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    answer.json::<Value>().await.unwrap()["url"].as_str().unwrap().to_owned()
}

async fn audio(user: &User, job: &Value) -> Vec<u8> {
    user.get(job["links"]["audio"].as_str().unwrap()).await.bytes().await.unwrap().to_vec()
}

#[tokio::test]
async fn gpodder_sees_a_new_episode_at_once_downloads_it_and_goes_on_where_it_was_cut() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    let url = feed(&ann).await;
    let app = App::new();
    let subscribed = app.run(&["subscribe", &url]).await;
    assert!(app.run(&["list"]).await.contains(&url), "{subscribed}");
    assert!(!app.run(&["episodes"]).await.contains("A Long Talk"));

    let options = [("folder", "Talks"), ("title", "A Long Talk")];
    let job = ann.ended(&ann.upload_fixture("chapters.mp4", &options).await).await;
    assert_eq!(job["state"], "done", "{job}");
    ann.ended(&ann.upload_fixture("moov-end.mp4", &[("title", "Something Else")]).await).await;
    app.run(&["update"]).await;
    let episodes = app.run(&["episodes"]).await;
    assert!(episodes.contains("A Long Talk") && !episodes.contains("Something Else"), "{episodes}");
    app.run(&["download"]).await;
    let whole = audio(&ann, &job).await;
    let [file] = &app.files()[..] else { panic!("{:?}", app.files()) };
    assert!(fs::read(file).unwrap() == whole, "what was downloaded is the audio");
    assert_eq!(chapters_of(&url, &job).await, ["One", "Zwei"]);

    // Another app that was cut in the middle: what it has is told from what it gets.
    let other = App::new();
    other.run(&["subscribe", &url]).await;
    let place = other.downloads().join(file.strip_prefix(app.downloads()).unwrap());
    // As long as it is not whole, a file is called what its address is.
    let begun = place.with_file_name(format!("{}.mp3.partial", job["id"].as_str().unwrap()));
    let half = whole.len() / 2;
    fs::create_dir_all(begun.parent().unwrap()).unwrap();
    fs::write(begun, vec![0; half]).unwrap();
    other.run(&["download"]).await;
    let resumed = fs::read(&place).unwrap();
    assert_eq!(resumed.len(), whole.len());
    assert!(resumed[..half].iter().all(|byte| *byte == 0), "it began anew");
    assert!(resumed[half..] == whole[half..], "the rest is the rest");

    let gone = ann.request(Method::DELETE, "/me/feeds").send().await.unwrap();
    assert_eq!(gone.status(), 204);
    assert_eq!(reqwest::get(&url).await.unwrap().status(), 404);
    let log = platform.log();
    let secret = url.rsplit('/').next().unwrap().strip_suffix(".xml").unwrap();
    assert!(!log.contains(secret), "the secret is in the log");
    platform.settle().await;
    platform.finish().await;
}

/// What a player of Podcasting 2.0 shows.
async fn chapters_of(url: &str, job: &Value) -> Vec<String> {
    let feed = reqwest::get(url).await.unwrap().text().await.unwrap();
    let chapters = url.replace(".xml", &format!("/{}.chapters.json", job["id"].as_str().unwrap()));
    assert!(feed.contains(&chapters), "{feed}");
    let chapters: Value = reqwest::get(&chapters).await.unwrap().json().await.unwrap();
    let titles = chapters["chapters"].as_array().unwrap().iter();
    titles.map(|chapter| chapter["title"].as_str().unwrap().to_owned()).collect()
}
