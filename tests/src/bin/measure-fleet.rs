//! `make bench`: 1 GiB in and out through the gateway and past it, a process per function on real servers.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program to watch")]

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _};
use reqwest::{Body, Method};
use serde_json::Value;
use tapedeck_tests::{OwnServers, Platform, Setup, User, long_wav, memory_mib, mp4_of};

const GIB: u64 = 1024 * 1024 * 1024;
const ROUNDS: usize = 5;

#[tokio::main]
async fn main() {
    let servers = OwnServers::start();
    let platform = Setup::default().start_on(&servers).await;
    let user = platform.new_user().await;
    compare("upload", &platform, "upload", async |user| upload(&user).await, &user).await;
    let path = large_audio(&user).await;
    compare("download", &platform, "download", async |user| download(&user, &path).await, &user).await;
    for function in ["gateway", "upload", "download"] {
        println!(
            "| {function}, memory at the most | {} MiB | | |",
            memory_mib(platform.pid_of(function), "VmHWM:")
        );
    }
    platform.finish().await;
}

/// Direct and through the gateway in turn; the medians and their ratio.
async fn compare(
    what: &str,
    platform: &Platform,
    function: &str,
    work: impl AsyncFn(User) -> f64,
    user: &User,
) {
    let (mut direct, mut proxied) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        direct.push(work(user.at(&platform.address_of(function))).await);
        platform.settle().await;
        proxied.push(work(user.at(platform.home())).await);
        platform.settle().await;
    }
    let (direct, proxied) = (median(direct), median(proxied));
    println!(
        "| {what} of 1 GiB through the gateway | {proxied:.0} MiB/s | past it: {direct:.0} MiB/s | {:.2}x |",
        proxied / direct
    );
}

async fn upload(user: &User) -> f64 {
    let body = Body::wrap_stream(futures_util::stream::iter(mp4_of(GIB).map(Ok::<_, std::io::Error>)));
    let begun = Instant::now();
    let answer = user.request(Method::POST, "/upload").body(body).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    1024.0 / begun.elapsed().as_secs_f64()
}

/// A WAV of 1 GiB that stays a WAV: something large to download.
async fn large_audio(user: &User) -> String {
    let wav = long_wav(Duration::from_secs(GIB / 16_000));
    let request = user.request(Method::POST, "/upload?format=wav").body(Body::wrap_stream(wav));
    let accepted: Value = request.send().await.unwrap().json().await.unwrap();
    let job = user.ended(accepted["id"].as_str().unwrap()).await;
    assert_eq!(job["state"], "done", "{job}");
    format!("/download?fid={}", job["audio"]["id"].as_str().unwrap())
}

async fn download(user: &User, path: &str) -> f64 {
    let begun = Instant::now();
    let answer = user.get(path).await;
    assert_eq!(answer.status(), 200);
    let bytes = answer.bytes_stream().map(|piece| piece.map(|piece| piece.len()));
    let total: usize = bytes.try_fold(0, async |sum, len| Ok(sum + len)).await.unwrap();
    total as f64 / 1024.0 / 1024.0 / begun.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
