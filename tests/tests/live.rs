//! What somebody sees who looks on: events as they happen, through the gateway too, and an end that is one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    time::{Duration, Instant},
};

use futures_util::StreamExt as _;
use reqwest::{Method, Response};
use serde_json::Value;
use tapedeck_tests::{Platform, Setup, User, long_wav};

/// An open stream of events.
struct Listening {
    answer: Response,
    text: String,
    last: String,
}

impl Listening {
    async fn to(user: &User, path: &str, last: &str) -> Self {
        let mut request = user.request(Method::GET, path);
        if !last.is_empty() {
            request = request.header("last-event-id", last);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { answer, text: String::new(), last: last.to_owned() }
    }

    /// The next event, as `(event, data)`; `None` at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    block
                        .lines()
                        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                        .map(str::to_owned)
                };
                let Some(event) = field("event") else { continue };
                self.last = field("id").unwrap();
                return Some((event, serde_json::from_str(&field("data").unwrap()).unwrap()));
            }
            self.text.push_str(std::str::from_utf8(&self.answer.chunk().await.unwrap()?).unwrap());
        }
    }

    /// Skips progress, up to the next state of this job.
    async fn state(&mut self, id: &str) -> String {
        loop {
            let (event, data) = self.next().await.unwrap();
            if event == "state" && data["id"] == id {
                return data["state"].as_str().unwrap().to_owned();
            }
        }
    }
}

/// The processes that this one has started: the engine's.
fn children(pid: u32) -> usize {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    threads
        .filter_map(|thread| fs::read_to_string(thread.unwrap().path().join("children")).ok())
        .map(|children| children.split_whitespace().count())
        .sum()
}

async fn upload_long(user: &User) -> String {
    let long = long_wav(Duration::from_secs(2 * 3600)).boxed();
    // Six times the samples, and the best quality: work for many seconds.
    let options = [("sample_rate", "48000"), ("quality", "0"), ("notify", "none")];
    let answer = user.upload("long.wav", reqwest::Body::wrap_stream(long), &options).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
}

#[expect(clippy::print_stdout, reason = "a test says what it has measured")]
async fn a_conversion_is_seen_and_its_cancellation_ends_it(platform: Platform, worker: u32) {
    let ann = platform.new_user().await;
    let mut all = Listening::to(&ann, "/jobs/events", "").await;
    let id = upload_long(&ann).await;
    let mut one = Listening::to(&ann, &format!("/jobs/{id}/events"), "").await;
    while all.state(&id).await != "converting" {}
    let (event, data) = loop {
        let (event, data) = one.next().await.unwrap();
        if event == "progress" && data["progress"].as_f64().unwrap() > 0.0 {
            break (event, data);
        }
    };
    assert_eq!((event.as_str(), data["stage"].as_str()), ("progress", Some("encoding")));
    let last = all.last.clone();
    drop(all);
    assert!(children(worker) > 0);
    let asked = Instant::now();
    let canceled = ann.request(Method::POST, &format!("/jobs/{id}/cancel")).send().await.unwrap();
    assert_eq!(canceled.status(), 200);
    while children(worker) > 0 {
        assert!(asked.elapsed() < Duration::from_secs(60), "the engine goes on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("the engine was gone {} ms after the call", asked.elapsed().as_millis());
    assert_eq!(one.state(&id).await, "canceled");
    assert_eq!(one.next().await, None, "the stream ends with the job");
    let mut all = Listening::to(&ann, "/jobs/events", &last).await;
    assert_eq!(all.state(&id).await, "canceled", "what happened meanwhile, and nothing else");
    drop(all);
    let audio: Vec<_> = platform.blobs().page(blobs::Bucket::Audios, None, 10).await.unwrap();
    assert!(audio.is_empty(), "what was made of it is gone");
    platform.finish().await;
}

#[tokio::test]
async fn a_canceled_conversion_stops_in_one_process() {
    let platform = Setup::default().start_embedded();
    let worker = platform.pid();
    a_conversion_is_seen_and_its_cancellation_ends_it(platform, worker).await;
}

#[tokio::test]
async fn a_canceled_conversion_stops_in_a_process_of_its_own_and_is_seen_through_the_gateway() {
    let platform = Setup::default().start_fleet().await;
    let worker = platform.pid_of("convert");
    a_conversion_is_seen_and_its_cancellation_ends_it(platform, worker).await;
}
