//! `kill -9` at each step: of an upload, a claim, a conversion and its end, a delivery, a sweep, a migration; with a
//! process per function on real servers, and with all in one process.
//!
//! `make test` kills after each step that changes something for others: those are all the states in which a process can
//! leave them; and for claims of killed processes time passes by an injected clock. `CRASHES=all` kills at
//! every step, before it and after it, and waits.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod flows;
mod migrations;
mod one;
mod sweep;

use std::time::Duration;

use serde_json::Value;
use tapedeck_tests::{
    Setup, User,
    crash::{Past, Sent},
    fixture,
};

/// Whether only what a bounded run kills at.
fn bounded() -> bool {
    #[expect(clippy::disallowed_methods, reason = "the one place where these tests read it")]
    let crashes = std::env::var("CRASHES");
    crashes.as_deref() != Ok("all")
}

/// Leases as short as they may be; tokens that outlast the test.
fn setup() -> Setup {
    Setup::default().set("CONVERT_LEASE_SECONDS", 3).set("AUTH_ACCESS_MINUTES", 1440)
}

/// What makes the sweep do all that it can with a [`Past`].
fn sweep_setup() -> Setup {
    setup()
        .set("SWEEP_TICKET_SECONDS", 2)
        .set("SWEEP_ORPHAN_SECONDS", 0)
        .set("SWEEP_KEEP_VIDEOS_SECONDS", 3600)
        .set("SWEEP_KEEP_JOBS_DAYS", 0)
        .set("SWEEP_KEEP_DELIVERIES_DAYS", 1)
        .set("CLOCK_BLOBS_SECONDS", 1)
}

/// The jobs of a past that end, as if they had been sent.
fn sent_long_ago(past: &Past) -> impl Iterator<Item = Sent> {
    let jobs = past.to_convert.iter().chain([&past.to_tell]);
    jobs.map(|id| Sent { id: Some(id.to_string()), what: "due long ago".into(), mails: 1 })
}

/// What a client sends.
#[derive(Clone, Copy)]
enum Video {
    /// One that was never converted so.
    New,
    /// One that was.
    Known,
    Silent,
    /// With an option that is none, which comes after the file.
    Refused,
}

/// Sends it; the job's id if the answer came that it is accepted.
async fn send(user: &User, video: Video, title: &str) -> Option<String> {
    let (name, options) = match video {
        Video::New => ("he-aac-v1.mp4", [("title", title), ("peaks", "true")]),
        Video::Known => ("he-aac-v1.mp4", [("title", "known"), ("peaks", "true")]),
        Video::Silent => ("silent-movie.mp4", [("title", title), ("peaks", "true")]),
        Video::Refused => ("he-aac-v1.mp4", [("format", "none such"), ("peaks", "true")]),
    };
    let upload = match video {
        Video::Refused => refused(user, name, options[0]),
        _ => user.upload(name, fixture(name), &options),
    };
    let answer = upload.timeout(Duration::from_secs(60)).send().await.ok()?;
    if answer.status() != 202 {
        return None;
    }
    let body: Value = answer.json().await.ok()?;
    Some(body["id"].as_str().unwrap().to_owned())
}

fn refused(user: &User, name: &str, (option, value): (&str, &str)) -> reqwest::RequestBuilder {
    let file = reqwest::multipart::Part::stream(fixture(name)).file_name(name.to_owned());
    let form = reqwest::multipart::Form::new().part("file", file).text(option.to_owned(), value.to_owned());
    user.request(reqwest::Method::POST, "/upload").multipart(form)
}
