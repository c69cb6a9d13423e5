//! `make bench`: the platform as a process per function beside the pipeline of the tutorials (`tests/peer/tutorial.py`), in
//! turns, on the same real servers.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program to watch")]
#![expect(clippy::disallowed_methods, reason = "it starts what it compares with")]

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use reqwest::{
    Body, Client,
    multipart::{Form, Part},
};
use servers::{Smtp, free_port, port_of};
use tapedeck_tests::{FUNCTIONS, OwnServers, Platform, Setup, User, mp4_of};

const CLIPS: usize = 15;
const TRANSFERS: usize = 5;
const LARGE: u64 = 300 * 1024 * 1024;
/// Minutes of the video whose MP3 is downloaded.
const LONG: u32 = 40;
const SERVICES: [&str; 4] = ["auth", "gateway", "converter", "notification"];

/// One of the two: both speak the tutorials' API, and say by mail that they are done.
struct Side {
    home: String,
    token: String,
    mails: PathBuf,
    client: Client,
}

impl Side {
    /// Seconds until the upload is answered.
    async fn upload(&self, name: String, body: impl Into<Body>) -> f64 {
        let form = Form::new().part("file", Part::stream(body).file_name(name));
        let begun = Instant::now();
        let request =
            self.client.post(format!("{}/upload", self.home)).bearer_auth(&self.token).multipart(form);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        answer.bytes().await.unwrap();
        begun.elapsed().as_secs_f64()
    }

    fn mails(&self) -> usize {
        std::fs::read_dir(&self.mails).map_or(0, Iterator::count)
    }

    /// Waits until there is one mail more than before.
    async fn told(&self, before: usize) {
        while self.mails() == before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Seconds from POST to mail.
    async fn clip(&self, name: String, video: Bytes) -> f64 {
        let (before, begun) = (self.mails(), Instant::now());
        self.upload(name, video).await;
        self.told(before).await;
        begun.elapsed().as_secs_f64()
    }

    /// MiB/s.
    async fn large(&self, name: String) -> f64 {
        let before = self.mails();
        let body = Body::wrap_stream(futures_util::stream::iter(mp4_of(LARGE).map(Ok::<_, std::io::Error>)));
        let seconds = self.upload(name, body).await;
        self.told(before).await;
        mib(LARGE) / seconds
    }

    /// MiB/s.
    async fn download(&self, fid: &str) -> f64 {
        let begun = Instant::now();
        let request = self.client.get(format!("{}/download?fid={fid}", self.home)).bearer_auth(&self.token);
        let answer = request.send().await.unwrap().error_for_status().unwrap();
        let bytes =
            answer.bytes_stream().try_fold(0, async |sum, piece| Ok(sum + piece.len() as u64)).await.unwrap();
        mib(bytes) / begun.elapsed().as_secs_f64()
    }
}

/// The four services of the tutorials; they end with this.
struct Tutorial {
    services: Vec<Child>,
    smtp: Smtp,
    home: String,
}

impl Tutorial {
    fn start(servers: &OwnServers) -> Self {
        let (smtp, auth, gateway) = (Smtp::start(), free_port(), free_port());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peer/tutorial.py");
        let start = |service: &&str| {
            let mut command = Command::new("/usr/bin/python3");
            command.arg(script).arg(service).stdout(Stdio::null()).stderr(Stdio::null());
            command.env("AUTH_PORT", auth.to_string()).env("GATEWAY_PORT", gateway.to_string());
            command.env("MYSQL_URL", servers.mariadb.url()).env("MONGODB_URL", servers.mongod.url());
            command.env("AMQP_URL", servers.rabbitmq.url());
            command.env("SMTP_PORT", port_of(&smtp.url()).to_string());
            command.spawn().unwrap()
        };
        let services = SERVICES.iter().map(start).collect();
        Self { services, smtp, home: format!("http://127.0.0.1:{gateway}") }
    }

    async fn side(&self) -> Side {
        let client = Client::new();
        let log_in =
            || client.post(format!("{}/login", self.home)).basic_auth("ann@example.org", Some("Admin123"));
        let token = loop {
            match log_in().send().await {
                Ok(answer) if answer.status().is_success() => break answer.text().await.unwrap(),
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        };
        Side { home: self.home.clone(), token, mails: self.smtp.mails_folder(), client }
    }

    /// The id that its last mail names.
    fn last_id(&self) -> String {
        let mails = std::fs::read_dir(self.smtp.mails_folder()).unwrap().map(Result::unwrap);
        let last = mails.max_by_key(|mail| mail.metadata().unwrap().modified().unwrap()).unwrap();
        let text = std::fs::read_to_string(last.path()).unwrap();
        text.split_once("file_id: ").unwrap().1.split(' ').next().unwrap().to_owned()
    }
}

impl Drop for Tutorial {
    fn drop(&mut self) {
        for service in &mut self.services {
            let _ = service.kill();
            let _ = service.wait();
        }
    }
}

#[tokio::main]
async fn main() {
    let servers = OwnServers::start();
    let mut platform = Setup::default().start_on(&servers).await;
    let user = platform.new_user().await;
    platform.settle().await;
    let tutorial = Tutorial::start(&servers);
    let ours = Side {
        home: platform.home().to_owned(),
        token: user.token.clone(),
        mails: platform.smtp().mails_folder(),
        client: Client::new(),
    };
    let theirs = tutorial.side().await;
    memory(&platform, &tutorial);
    clips(&ours, &theirs).await;
    transfers((&ours, &user), (&theirs, &tutorial)).await;
    drop(tutorial);
    platform.finish().await;
}

fn memory(platform: &Platform, tutorial: &Tutorial) {
    let ours: u64 = FUNCTIONS.iter().map(|function| proportional_kib(platform.pid_of(function))).sum();
    let theirs: u64 = tutorial.services.iter().map(|service| proportional_kib(service.id())).sum();
    let (ours, theirs) = (ours as f64 / 1024.0, theirs as f64 / 1024.0);
    row("all services at rest, memory (PSS)", "MiB", (ours, theirs), theirs / ours);
}

async fn clips(ours: &Side, theirs: &Side) {
    let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
    for number in 0..CLIPS {
        // Another one each time: nobody's video is converted twice.
        let (name, video) = (format!("clip {number}.mp4"), video(30, number as u32, 24));
        our_times.push(ours.clip(name.clone(), video.clone()).await);
        their_times.push(theirs.clip(name, video).await);
    }
    let times = (median(our_times), median(their_times));
    println!(
        "| a clip of 30 s, POST to mail | {:.3} s | tutorials: {:.3} s | {:.1}x |",
        times.0,
        times.1,
        times.1 / times.0
    );
}

async fn transfers((ours, user): (&Side, &User), (theirs, tutorial): (&Side, &Tutorial)) {
    let (mut our_rates, mut their_rates) = (Vec::new(), Vec::new());
    for number in 0..TRANSFERS {
        our_rates.push(ours.large(format!("large {number}.mp4")).await);
        their_rates.push(theirs.large(format!("large {number}.mp4")).await);
    }
    let rates = (median(our_rates), median(their_rates));
    row(&format!("upload of {} MiB", mib(LARGE)), "MiB/s", rates, rates.0 / rates.1);
    let long = video(LONG * 60, 0, 1);
    ours.clip("long.mp4".into(), long.clone()).await;
    theirs.clip("long.mp4".into(), long).await;
    let page: serde_json::Value = user.get("/jobs?limit=1").await.json().await.unwrap();
    let (our_id, their_id) = (page["jobs"][0]["id"].as_str().unwrap(), tutorial.last_id());
    let (mut our_rates, mut their_rates) = (Vec::new(), Vec::new());
    for _ in 0..TRANSFERS {
        our_rates.push(ours.download(our_id).await);
        their_rates.push(theirs.download(&their_id).await);
    }
    let rates = (median(our_rates), median(their_rates));
    row(&format!("download of the MP3 of {LONG} minutes"), "MiB/s", rates, rates.0 / rates.1);
}

fn row(what: &str, unit: &str, (ours, theirs): (f64, f64), ratio: f64) {
    println!("| {what} | {ours:.0} {unit} | tutorials: {theirs:.0} {unit} | {ratio:.1}x |");
}

/// A video with a tone of its own.
fn video(seconds: u32, number: u32, rate: u32) -> Bytes {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("video.mp4");
    let picture = format!("testsrc=size=320x240:rate={rate}");
    let sound = format!("sine=frequency={}:sample_rate=44100,aecho=0.8:0.9:700:0.5", 220 + number);
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound]);
    ffmpeg.args(["-t", &seconds.to_string(), "-c:v", "mpeg4", "-c:a", "aac", "-b:a", "128k"]).arg(&path);
    assert!(ffmpeg.status().unwrap().success());
    read(&path)
}

fn read(path: &Path) -> Bytes {
    std::fs::read(path).unwrap().into()
}

/// What a process takes of the machine's memory: pages that several share are divided among them.
fn proportional_kib(pid: u32) -> u64 {
    let mut text = String::new();
    std::fs::File::open(format!("/proc/{pid}/smaps_rollup")).unwrap().read_to_string(&mut text).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
