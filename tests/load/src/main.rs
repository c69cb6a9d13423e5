//! `make load-test`: uploads to a Tapedeck, follows every job to its end, writes a report. With no address it starts
//! `tapedeck serve` beside itself. Exit code 1: something was lost or doubled; 2: the test could not be run.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program to watch")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    time::Duration,
};

use bytes::Bytes;
use clap::Parser;
use load_test::{Arrivals, Depth, Plan, Replicas, Report, Result, run};
use tempfile::TempDir;

#[derive(Parser)]
#[command(about = "Load test of a Tapedeck by its public API")]
struct Options {
    /// Of the platform; one is started here if none is given.
    #[arg(long)]
    url: Option<String>,
    #[arg(long, default_value_t = 100)]
    videos: usize,
    /// Uploads a second; a burst if none is given.
    #[arg(long)]
    rate: Option<f64>,
    /// Of a burst.
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// How many users.
    #[arg(long, default_value_t = 1)]
    accounts: usize,
    /// ADDRESS:PASSWORD of an account that there is.
    #[arg(long)]
    account: Option<String>,
    /// Files to upload in turn.
    #[arg(long)]
    video: Vec<PathBuf>,
    /// RabbitMQ's management API: http://user:password@host:15672/api/queues/%2F/tapedeck.convert
    #[arg(long)]
    rabbitmq: Option<String>,
    /// The address of the platform's metrics.
    #[arg(long)]
    metrics: Option<String>,
    /// kubectl, processes or none; on this machine processes, elsewhere kubectl if nothing is said.
    #[arg(long)]
    workers: Option<String>,
    #[arg(long, default_value = "tapedeck")]
    namespace: String,
    /// Seconds without any event until the rest counts as lost.
    #[arg(long, default_value_t = 600)]
    patience: u64,
    /// Seconds to wait at the end for the workers to go.
    #[arg(long, default_value_t = 900)]
    until_none: u64,
    #[arg(long, default_value = "target/load-test/report.html")]
    report: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    match test(Options::parse()).await {
        Ok(report) => {
            print!("{report}");
            if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("load-test: {error}");
            ExitCode::from(2)
        }
    }
}

async fn test(options: Options) -> Result<Report> {
    let own = if options.url.is_none() { Some(Platform::start()?) } else { None };
    let home = match (&options.url, &own) {
        (Some(url), _) => url.trim_end_matches('/').to_owned(),
        (None, Some(own)) => own.home.clone(),
        (None, None) => return Err("there is no platform".into()),
    };
    let replicas = match (&own, options.workers.as_deref()) {
        (Some(own), _) => Replicas::Children(own.child.id()),
        (None, Some("kubectl")) => Replicas::Kubectl(options.namespace.clone()),
        (None, Some("processes")) => Replicas::Processes,
        (None, Some("none")) => Replicas::Unknown,
        (None, Some(other)) => {
            return Err(format!("--workers is kubectl, processes or none, not {other}").into());
        }
        (None, None) if is_here(&home) => Replicas::Processes,
        (None, None) => Replicas::Kubectl(options.namespace.clone()),
    };
    let report = run(&plan(&options, &home, own.is_some())?, &replicas).await?;
    report.write(&options.report)?;
    println!("{}", options.report.display());
    Ok(report)
}

fn plan(options: &Options, home: &str, own: bool) -> Result<Plan> {
    let account = options.account.as_deref().map(|text| {
        let pair = text.split_once(':').ok_or("--account is ADDRESS:PASSWORD")?;
        Ok::<_, &str>((pair.0.to_owned(), pair.1.to_owned()))
    });
    let files: Result<Vec<_>> = options.video.iter().map(|path| read(path)).collect();
    let mut plan = Plan {
        videos: options.videos,
        arrivals: options.rate.map_or(Arrivals::Burst(options.clients), Arrivals::Rate),
        accounts: options.accounts,
        account: account.transpose()?,
        patience: Duration::from_secs(options.patience),
        ..Plan::burst(home)
    };
    let files = files?;
    if !files.is_empty() {
        plan.files = files;
    }
    if own {
        plan.world = "One process on this machine".to_owned();
    } else {
        plan.every = Duration::from_secs(1);
        plan.until_none = Duration::from_secs(options.until_none);
    }
    plan.depth = match (&options.rabbitmq, &options.metrics) {
        (Some(url), _) => Depth::Rabbitmq(url.clone()),
        (None, Some(url)) => Depth::Metrics(url.clone()),
        (None, None) => Depth::Jobs,
    };
    Ok(plan)
}

fn read(path: &Path) -> Result<(String, Bytes)> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok((name, bytes.into()))
}

fn is_here(home: &str) -> bool {
    ["http://127.0.0.1", "http://localhost", "http://[::1]"].iter().any(|here| home.starts_with(here))
}

/// `tapedeck serve` in a folder of its own. Dropping it ends it.
struct Platform {
    child: Child,
    home: String,
    _folder: TempDir,
}

impl Platform {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let program = std::env::current_exe()?.with_file_name("tapedeck");
        #[expect(clippy::disallowed_methods, reason = "the platform that is tested")]
        let mut command = Command::new(&program);
        command.args(["serve", "--port", "0", "--data"]).arg(folder.path());
        let log = fs::File::create(folder.path().join("log"))?;
        // The account's own limits would be what is measured.
        command.envs([("UPLOAD_PER_HOUR", "0"), ("GATEWAY_REQUESTS_PER_MINUTE", "0")]);
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn();
        let mut child = started.map_err(|error| format!("{}: {error}", program.display()))?;
        let output = child.stdout.take().ok_or("no output")?;
        let mut lines = BufReader::new(output).lines().map_while(std::result::Result::ok);
        let ready = |line: String| Some(line.strip_prefix("Tapedeck is ready at ")?.to_owned());
        let home = lines.find_map(ready).ok_or("tapedeck serve does not start")?;
        // What it prints later must go somewhere, or the pipe fills up.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, home, _folder: folder })
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
