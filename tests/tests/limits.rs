//! Memory does not grow with what clients send.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use reqwest::{Body, Method};
use tapedeck_tests::{Platform, mp4_of};

/// Most memory that a process ever had, in MiB (proc(5), `VmHWM`).
fn peak_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

#[tokio::test]
async fn a_large_upload_and_its_conversion_stay_within_150_mib() {
    let platform = Platform::start().await;
    let ann = platform.new_user().await;
    let video = futures_util::stream::iter(mp4_of(700 * 1024 * 1024).map(Ok::<_, std::io::Error>));
    let answer = ann.request(Method::POST, "/upload").body(Body::wrap_stream(video)).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    let id = answer.json::<serde_json::Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
    let job = ann.ended(&id).await;
    assert_eq!(job["state"], "done", "{job}");
    let peak = peak_mib(platform.pid());
    assert!(peak < 150, "{peak} MiB");
    platform.finish().await;
}
