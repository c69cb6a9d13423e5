//! Metrics in Prometheus' text format, on a port of their own: what is on the public port is for clients. Or pushed by OTLP, for
//! functions that are gone before anybody scrapes them. Both show the same page.
//!
//! Nothing is recorded unless `METRICS_PORT` or an OTLP endpoint is set: without, each record costs a load of a pointer. Names follow Prometheus'
//! conventions (base units, `_total` for counters) and, for HTTP, OpenTelemetry's
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-metrics/>). Labels have few values, all of them ours: a route
//! is the pattern, never the path; what matches no route is `unmatched`.

mod config;
mod otlp;
mod push;

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{Method, StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;
use metrics_util::MetricKindMask;
use serde::{Deserialize, Serialize};

pub use config::{Push, PushConfig};
pub(crate) use push::last_push;

use crate::{Config, ServeConfig, Tasks, listen, serve};

/// Upper ends of the buckets of every duration, in seconds: from a cached answer to a conversion of ten hours of video.
const BUCKETS: [f64; 14] =
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 300.0, 1800.0];
/// A gauge that nobody sets for so long is absent: an old number would be taken for a new one.
const STALE: Duration = Duration::from_secs(60);
/// How long a scrape or a push waits for what is asked of the stores; without an answer it lacks only that.
const ASKING: Duration = Duration::from_secs(3);

/// Every metric of Tapedeck; those of the process itself are metrics-process'. knative/monitoring/README.md says more.
const HISTOGRAMS: [(&str, &str); 6] = [
    ("http_server_request_duration_seconds", "Time until the head of an answer."),
    ("tapedeck_event_duration_seconds", "Time that a handler had an event."),
    ("tapedeck_conversion_duration_seconds", "Time of an attempt at a conversion."),
    ("tapedeck_conversion_wait_seconds", "Time that its job waited in the queue before an attempt."),
    ("tapedeck_conversion_cpu_seconds", "CPU time that the engine took for an attempt."),
    ("tapedeck_audio_seconds", "Length of the audio that a conversion made."),
];
const COUNTERS: [(&str, &str); 3] = [
    ("tapedeck_conversion_read_bytes_total", "Bytes that conversions read from the blob store."),
    ("tapedeck_conversion_written_bytes_total", "Bytes that conversions wrote to the blob store."),
    ("tapedeck_deliveries_total", "Attempts to deliver a mail or a webhook."),
];
const GAUGES: [(&str, &str); 4] = [
    ("tapedeck_jobs_waiting", "Jobs that wait for a converter."),
    ("tapedeck_next_job_wait_seconds", "How long the job that is next has waited."),
    ("tapedeck_overdue_seconds", "How long ago the earliest row of this kind was due."),
    ("tapedeck_deliveries_dead", "Deliveries that were given up, and that nobody has repeated or dropped."),
];

/// Where metrics are served.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MetricsConfig {
    /// 0 takes a free one. `None`: they are not served.
    pub port: Option<u16>,
}

impl Config for MetricsConfig {
    const PREFIX: &'static str = "METRICS_";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[(
        "port",
        "port of `/metrics` (Prometheus), on all addresses: keep it from the public; unset, and nothing is pushed by OTLP: no metrics are recorded",
    )];
}

/// Asks a store for what only it knows, as the length of a queue, and sets gauges. Called at each scrape and each push.
pub type Ask = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

#[derive(Clone)]
struct Page {
    recorded: PrometheusHandle,
    process: Arc<Collector>,
    ask: Option<Ask>,
}

/// Whether anybody counts: what only describes a request is not made for nobody.
static COUNTS: AtomicBool = AtomicBool::new(false);

impl Page {
    /// Begins to count.
    fn record(ask: Option<Ask>) -> Result<Self, BuildError> {
        let page = Self { recorded: recorder()?.install_recorder()?, process: Arc::default(), ask };
        describe(&page.process);
        COUNTS.store(true, Ordering::Relaxed);
        Ok(page)
    }

    /// What there is now.
    async fn read(&self) -> String {
        if let Some(ask) = &self.ask
            && tokio::time::timeout(ASKING, ask()).await.is_err()
        {
            tracing::warn!("a store does not answer: its gauges are missing");
        }
        self.process.collect();
        self.recorded.run_upkeep();
        self.recorded.render()
    }
}

/// Why there are no metrics.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The port can't be had.
    #[error("METRICS_PORT: {0}")]
    Listen(#[from] io::Error),
    /// Another recorder is there already.
    #[error("metrics can't be recorded: {0}")]
    Record(#[from] BuildError),
    /// Nothing can be sent from here.
    #[error("metrics can't be pushed: {0}")]
    Push(#[from] reqwest::Error),
}

/// Starts to record, and to serve `/metrics` and to push as two of `tasks`, as far as each is configured.
///
/// # Errors
/// As [`MetricsError`] says.
pub async fn start_metrics(
    config: &MetricsConfig,
    push: Option<Push>,
    ask: Option<Ask>,
    tasks: &mut Tasks,
) -> Result<(), MetricsError> {
    if config.port.is_none() && push.is_none() {
        return Ok(());
    }
    let page = Page::record(ask)?;
    if let Some(port) = config.port {
        serve_page(port, page.clone(), tasks).await?;
    }
    if let Some(push) = push {
        push::start(push, page, tasks)?;
    }
    Ok(())
}

async fn serve_page(port: u16, page: Page, tasks: &mut Tasks) -> io::Result<()> {
    let listener = listen(port).await?;
    tracing::info!(address = %listener.local_addr()?, "metrics are served");
    let router = Router::new().route("/metrics", get(scrape)).with_state(page);
    let shutdown = tasks.shutdown();
    tasks.spawn("metrics", async move {
        let config = ServeConfig { drain_seconds: 1, connections: 16, ..ServeConfig::default() };
        if let Err(error) = serve(listener, router, &config, shutdown).await {
            tracing::error!(%error, "metrics are not served any more");
        }
    });
    Ok(())
}

fn recorder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .idle_timeout(MetricKindMask::GAUGE, Some(STALE))
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &BUCKETS)
}

fn describe(process: &Collector) {
    process.describe();
    HISTOGRAMS.iter().for_each(|(name, text)| metrics::describe_histogram!(*name, *text));
    COUNTERS.iter().for_each(|(name, text)| metrics::describe_counter!(*name, *text));
    GAUGES.iter().for_each(|(name, text)| metrics::describe_gauge!(*name, *text));
}

async fn scrape(State(page): State<Page>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page.read().await)
}

/// How long it took until the head of an answer; its body may stream for longer.
pub(crate) fn answered(route: Option<&str>, method: &Method, status: StatusCode, took: Duration) {
    if !COUNTS.load(Ordering::Relaxed) {
        return;
    }
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let method = known.iter().find(|known| *known == method).map_or("OTHER", Method::as_str).to_owned();
    let route = route.unwrap_or("unmatched").to_owned();
    let status = status.as_str().to_owned();
    metrics::histogram!(
        "http_server_request_duration_seconds",
        "http_route" => route, "http_request_method" => method, "http_response_status_code" => status
    )
    .record(took);
}

/// How long a handler had an event. The outcome is `ok`, `retry` or `reject`.
pub(crate) fn handled(kind: &'static str, outcome: &'static str, took: Duration) {
    metrics::histogram!("tapedeck_event_duration_seconds", "type" => kind, "outcome" => outcome).record(took);
}

#[cfg(test)]
mod tests {
    use axum::routing::post;
    use contracts::{AudioReady, Envelope, Event as _, JobId, Timestamp};
    use tokio_util::sync::CancellationToken;
    use tower::ServiceExt as _;

    use super::*;
    use crate::{Call, Context, Failure, Function, http_router};

    async fn fails(_: Context<()>, _: AudioReady) -> Result<(), Failure> {
        Err(Failure::Retry("not now".into()))
    }

    async fn request(router: &Router, method: &str, path: &str) {
        let request = axum::http::Request::builder().method(method).uri(path).body(axum::body::Body::empty());
        router.clone().oneshot(request.unwrap()).await.unwrap();
    }

    /// In one test, since a process has one recorder.
    #[tokio::test]
    async fn routes_and_handlers_are_measured_under_names_of_ours_alone() {
        let mut tasks = Tasks::until(CancellationToken::new());
        start_metrics(&MetricsConfig::default(), None, None, &mut tasks).await.unwrap();
        let asked = Arc::new(AtomicBool::new(false));
        let seen = asked.clone();
        let ask: Ask = Arc::new(move || {
            seen.store(true, Ordering::SeqCst);
            Box::pin(std::future::ready(()))
        });
        assert!(!COUNTS.load(Ordering::Relaxed), "nothing is configured");
        // There is no recorder yet, or this would fail.
        let page = Page::record(Some(ask)).unwrap();
        let routes = Router::new().route("/jobs/{id}", post(StatusCode::ACCEPTED));
        let router = http_router(routes, CancellationToken::new());
        for count in 0..100 {
            request(&router, "POST", &format!("/jobs/{count}")).await;
            request(&router, "GET", &format!("/attack/{count}")).await;
            request(&router, &format!("METHOD{count}"), "/attack").await;
        }
        let event = AudioReady { job_id: JobId::generate(), audio_id: contracts::AudioId::generate() };
        let envelope = Envelope::of(&event, Timestamp::now()).unwrap();
        Function::new().on((), fails).deliver(envelope, Call::default()).await.unwrap_err();

        let scraped = scrape(State(page)).await.into_response();
        let text = axum::body::to_bytes(scraped.into_body(), 1 << 20).await.unwrap();
        let text = std::str::from_utf8(&text).unwrap();
        let of = |name: &str| text.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>();
        let mut counts = of("http_server_request_duration_seconds_count");
        counts.sort_unstable();
        assert_eq!(
            counts,
            [
                r#"http_server_request_duration_seconds_count{http_route="/jobs/{id}",http_request_method="POST",http_response_status_code="202"} 100"#,
                r#"http_server_request_duration_seconds_count{http_route="unmatched",http_request_method="GET",http_response_status_code="404"} 100"#,
                r#"http_server_request_duration_seconds_count{http_route="unmatched",http_request_method="OTHER",http_response_status_code="404"} 100"#,
            ]
        );
        let handled = format!(
            r#"tapedeck_event_duration_seconds_count{{type="{}",outcome="retry"}} 1"#,
            AudioReady::TYPE
        );
        assert_eq!(of("tapedeck_event_duration_seconds_count"), [handled]);
        assert_eq!(of("process_cpu_seconds_total").len(), 1);
        assert!(asked.load(Ordering::SeqCst));
    }
}
