//! What traces and metrics cost a request: `telemetry-bench [ROUNDS]`. A request goes through a router with everything that is
//! around a function's routes, in memory, with nothing switched on, with traces (each is recorded and sent), with metrics that are
//! pushed: each in a process of its own, in turns. What is left when nothing is on is measured by its calls alone. Prints
//! rows of `make bench`.

use std::{
    error::Error,
    io::Write as _,
    process::{Command, Stdio},
    time::Instant,
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::StatusCode,
    routing::{get, post},
};
use runtime::{
    CancellationToken, Config as _, MetricsConfig, Push, PushConfig, Tasks, TracesConfig, bench, http_router,
    start_metrics, start_traces,
};
use tokio::net::TcpListener;
use tower::ServiceExt as _;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// So many are measured, in a process.
const REQUESTS: u32 = 20_000;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["of", "its-calls"] => say(&calls().await?.to_string()),
        ["of", "request"] => say(&request().await?.to_string()),
        _ => compare(arguments.first().map_or(Ok(15), |rounds| rounds.parse())?).await,
    }
}

const TRACES: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const METRICS: &str = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";

/// What is measured, and the variable that switches something on, with the path of the receiver.
const PARTS: [(&str, Option<(&str, &str)>); 4] = [
    ("its-calls", None),
    ("request", None),
    ("request", Some((TRACES, ""))),
    ("request", Some((METRICS, "/v1/metrics"))),
];

async fn compare(rounds: usize) -> Result<()> {
    let receiver = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", receiver.local_addr()?);
    let take = post(async |_: axum::body::Bytes| StatusCode::OK);
    let router = Router::new().route("/v1/traces", take.clone()).route("/v1/metrics", take);
    tokio::spawn(async move { axum::serve(receiver, router).await });
    let mut taken: [Vec<f64>; 4] = Default::default();
    for _ in 0..rounds {
        for (part, taken) in PARTS.iter().zip(&mut taken) {
            let (part, url) = (*part, url.clone());
            let measured = move || measured(part, &url).map_err(|error| error.to_string());
            taken.push(tokio::task::spawn_blocking(measured).await??);
        }
    }
    let [calls, off, traces, metrics] = &taken;
    let micros = |nanos: &[f64]| format!("{:.1} \u{b5}s", median(nanos.to_vec()) / 1000.0);
    // Each beside the one of its round: other work on the machine makes both slower.
    let ratio = |one: &[f64]| median(one.iter().zip(off).map(|(one, off)| one / off).collect());
    say(&format!(
        "| a request through a function's router; of it, traces and metrics that are off | {} | {:.2} \u{b5}s | {:.1} % |",
        micros(off),
        median(calls.clone()) / 1000.0,
        100.0 * ratio(calls)
    ))?;
    for (what, on) in [("traces, each recorded and sent", traces), ("metrics, pushed", metrics)] {
        let (on_time, off_time) = (micros(on), micros(off));
        say(&format!(
            "| the same request with {what} | {on_time} | {off_time} with all off | {:.2}x |",
            ratio(on)
        ))?;
    }
    Ok(())
}

/// Nanoseconds of one, by this program again.
#[expect(clippy::disallowed_methods, reason = "a measurement, not a part of the service")]
fn measured((what, on): (&str, Option<(&str, &str)>), url: &str) -> Result<f64> {
    let mut child = Command::new(std::env::current_exe()?);
    child.args(["of", what]).env_remove(TRACES).env_remove(METRICS).stderr(Stdio::inherit());
    if let Some((variable, path)) = on {
        // All spans are kept until they are sent: what is dropped would cost nothing.
        child.env(variable, format!("{url}{path}")).env("OTEL_BSP_MAX_QUEUE_SIZE", "65536");
        child.envs((variable == TRACES).then_some(("OTEL_METRICS_EXPORTER", "none")));
    }
    let output = child.output()?;
    let printed = String::from_utf8(output.stdout)?;
    printed.trim().parse().map_err(|_| format!("{what} ended with {}: {printed}", output.status).into())
}

/// What the environment switches on, and a router behind it.
async fn router() -> Result<Router> {
    let traces = TracesConfig::from_env()?;
    start_traces(&traces, "bench")?;
    let mut tasks = Tasks::until(CancellationToken::new());
    start_metrics(
        &MetricsConfig::default(),
        Push::new(&PushConfig::from_env()?, &traces, "bench")?,
        None,
        &mut tasks,
    )
    .await?;
    tokio::spawn(tasks.ended());
    let routes = Router::new().route("/jobs/{id}", get(StatusCode::OK)).route("/calls/{id}", get(observed));
    Ok(http_router(routes, CancellationToken::new()))
}

fn of(path: &str) -> Result<Request> {
    Ok(Request::get(path).header("user-agent", "bench").body(Body::empty())?)
}

async fn request() -> Result<f64> {
    let router = router().await?;
    let mut begun = Instant::now();
    // The first half warms up.
    for number in 0..2 * REQUESTS {
        if number == REQUESTS {
            begun = Instant::now();
        }
        router.clone().oneshot(of("/jobs/1")?).await?;
    }
    Ok(begun.elapsed().as_nanos() as f64 / f64::from(REQUESTS))
}

/// The calls alone, for a request as a handler has it.
async fn calls() -> Result<f64> {
    let answer = router().await?.oneshot(of("/calls/1")?).await?;
    let body = axum::body::to_bytes(answer.into_body(), 100).await?;
    Ok(std::str::from_utf8(&body)?.parse()?)
}

async fn observed(mut request: Request) -> String {
    let mut begun = Instant::now();
    for number in 0..2 * REQUESTS {
        if number == REQUESTS {
            begun = Instant::now();
        }
        bench::observe(&mut request);
    }
    (begun.elapsed().as_nanos() as f64 / f64::from(REQUESTS)).to_string()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn say(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
