//! `make bench`: the first real request of a function that was just started against its second, past the gateway, a process
//! per function on real servers; and the memory of each that has nothing to do. (From exec to ready: `make image-check`.)

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program to watch")]

use std::time::{Duration, Instant};

use tapedeck_tests::{FUNCTIONS, OwnServers, Platform, Setup, User, memory_mib};

const ROUNDS: usize = 11;
/// Those that answer requests.
const ASKED: [&str; 5] = ["auth", "upload", "jobs", "download", "gateway"];
/// Long enough for a pause between two requests to end what the first one began.
const REST: Duration = Duration::from_millis(500);

#[tokio::main]
async fn main() {
    let servers = OwnServers::start();
    let mut platform = Setup::default().start_on(&servers).await;
    let user = platform.new_user().await;
    let job = user.upload_fixture("sample.mp4", &[]).await;
    assert_eq!(user.ended(&job).await["state"], "done");
    platform.settle().await;
    for function in ASKED {
        starts(function, &mut platform, &user, &job).await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    for function in FUNCTIONS {
        let pid = platform.pid_of(function);
        let [own, all] = ["RssAnon:", "VmRSS:"].map(|name| memory_mib(pid, name));
        println!("| {function}, idle memory | {own} MiB of its own, {all} with the program | | |");
    }
    platform.finish().await;
}

async fn starts(function: &'static str, platform: &mut Platform, user: &User, job: &str) {
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        assert_eq!(platform.stop_function(function).await, Some(0));
        platform.start_function(function);
        let mut user = user.at(&platform.address_of(function));
        for times in &mut times {
            tokio::time::sleep(REST).await;
            let begun = Instant::now();
            ask(function, &mut user, job).await;
            times.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
    }
    let [first, second, third] = times.map(median);
    let ratio = first / second;
    println!(
        "| {function}, first request | {first:.1} ms | second: {second:.1}, third: {third:.1} ms | {ratio:.1}x |"
    );
}

/// What people ask it for.
async fn ask(function: &str, user: &mut User, job: &str) {
    match function {
        "auth" => user.log_in().await,
        "upload" => drop(user.upload_fixture("sample.mp4", &[("notify", "none")]).await),
        "download" => {
            let answer = user.get(&format!("/jobs/{job}/audio")).await;
            assert_eq!(answer.status(), 200);
            answer.bytes().await.unwrap();
        }
        _ => drop(user.job(job).await),
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
