//! `make bench`: the platform's own figures, each measured now, on this machine, as rows of its table.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program to watch")]

use std::time::{Duration, Instant};

use reqwest::{Body, Method};
use tapedeck_tests::{Setup, User, memory_mib, mp4_of};

const STARTS: usize = 21;
const CLIPS: usize = 21;
const LARGE: u64 = 2 * 1024 * 1024 * 1024;

#[tokio::main]
async fn main() {
    start().await;
    small_clip().await;
    large_upload().await;
}

async fn start() {
    let (mut times, mut idle) = (Vec::new(), 0);
    for _ in 0..STARTS {
        let begun = Instant::now();
        let platform = Setup::default().start_embedded();
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
        tokio::time::sleep(Duration::from_millis(200)).await;
        idle = memory_mib(platform.pid(), "VmRSS:");
        platform.finish().await;
    }
    println!("| `tapedeck serve`, exec to ready in an empty folder | {:.0} ms | | |", median(times));
    println!("| `tapedeck serve`, memory after its start | {idle} MiB | | |");
}

async fn small_clip() {
    let platform = Setup::default().start_embedded();
    let mut times = Vec::new();
    for _ in 0..CLIPS {
        // Somebody else each time: nobody's video is converted twice.
        let user = platform.new_user().await;
        platform.settle().await;
        let (mails, begun) = (platform.mails().len(), Instant::now());
        user.upload_fixture("sample.mp4", &[]).await;
        while platform.mails().len() == mails {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        times.push(begun.elapsed().as_secs_f64());
    }
    println!("| one process: a clip of 10 s, POST to mail | {:.3} s | | |", median(times));
    platform.finish().await;
}

async fn large_upload() {
    let platform = Setup::default().start_embedded();
    let user = platform.new_user().await;
    let begun = Instant::now();
    let id = upload(&user).await;
    let took = begun.elapsed().as_secs_f64();
    user.ended(&id).await;
    let mib = LARGE as f64 / 1024.0 / 1024.0;
    println!("| one process: upload of 2 GiB | {:.0} MiB/s | | |", mib / took);
    println!("| its memory at the most, conversion too | {} MiB | | |", memory_mib(platform.pid(), "VmHWM:"));
    platform.finish().await;
}

async fn upload(user: &User) -> String {
    let body = Body::wrap_stream(futures_util::stream::iter(mp4_of(LARGE).map(Ok::<_, std::io::Error>)));
    let answer = user.request(Method::POST, "/upload").body(body).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    answer.json::<serde_json::Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
