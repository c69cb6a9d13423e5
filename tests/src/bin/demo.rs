//! `make demo`: one real video through the platform, from registration to the mail.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a program to watch"
)]

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use reqwest::{Body, Method};
use serde_json::Value;
use tapedeck_tests::{Setup, User, fixture_path};
use tokio::io::AsyncReadExt as _;

#[tokio::main]
async fn main() {
    let video = std::env::args_os().nth(1).map_or_else(|| fixture_path("sample.mp4"), PathBuf::from);
    let mp3 = PathBuf::from(video.file_stem().expect("a file name")).with_added_extension("mp3");
    let start = Instant::now();
    let platform = Setup::default().start_embedded();
    println!(
        "started      {} after {} ms, with a throw-away data folder",
        platform.home(),
        start.elapsed().as_millis()
    );
    let user = platform.new_user().await;
    println!("registered   {}", user.email);
    let begun = Instant::now();
    let id = upload(&user, &video).await;
    println!("uploaded     {} as job {id}", video.file_name().unwrap_or_default().display());
    let job = follow(&user, &id).await;
    if job["state"] != "done" {
        println!("ended        {}: {}", job["state"], job["error"]["detail"]);
    } else {
        let bytes = user.get(job["links"]["audio"].as_str().unwrap()).await.bytes().await.unwrap();
        std::fs::write(&mp3, &bytes).expect("the MP3 is written to the current folder");
        println!(
            "converted    {} ({:.2} s of {:.2} s video, {} kbit/s, {} bytes) in {:.2} s from upload to file",
            mp3.display(),
            job["audio"]["duration"].as_f64().unwrap(),
            job["source"]["duration"].as_f64().unwrap_or_default(),
            job["audio"]["bitrate"].as_u64().unwrap() / 1000,
            bytes.len(),
            begun.elapsed().as_secs_f64(),
        );
        if let Some(warning) = job["warning"].as_str() {
            println!("warning      {warning}");
        }
    }
    platform.settle().await;
    for mail in platform.mails() {
        println!("\nthe mail:\n");
        println!(
            "To: {}\nSubject: {}",
            mail.header("To").unwrap_or("?"),
            mail.header("Subject").unwrap_or("?")
        );
        println!("{}", text_part(&mail.text()));
    }
    platform.finish().await;
    assert_eq!(job["state"], "done", "the video became no MP3");
}

async fn upload(user: &User, video: &Path) -> String {
    let file =
        tokio::fs::File::open(video).await.unwrap_or_else(|error| panic!("{}: {error}", video.display()));
    let pieces = futures_util::stream::try_unfold(file, |mut file| async {
        let mut piece = vec![0; 256 * 1024];
        let len = file.read(&mut piece).await?;
        piece.truncate(len);
        Ok::<_, io::Error>((len > 0).then_some((piece, file)))
    });
    let name = video.file_name().unwrap_or_default().to_string_lossy();
    let request = user.request(Method::POST, "/upload").query(&[("filename", name.as_ref())]);
    let answer = request.body(Body::wrap_stream(pieces)).send().await.expect("the upload");
    assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap());
    answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
}

async fn follow(user: &User, id: &str) -> Value {
    loop {
        let job = user.job(id).await;
        let state = job["state"].as_str().unwrap().to_owned();
        print!("\r{state:<12} {:>3.0} %", job["progress"].as_f64().unwrap() * 100.0);
        io::stdout().flush().unwrap();
        if !matches!(state.as_str(), "uploading" | "queued" | "converting") {
            println!();
            return job;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The plain-text half of a mail.
fn text_part(mail: &str) -> &str {
    let text = mail.split("text/plain").nth(1).unwrap_or(mail);
    let text = text.split_once("\n\n").map_or(text, |(_, body)| body);
    text.split("\n--").next().unwrap_or(text)
}
