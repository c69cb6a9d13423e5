//! What a receiver of OpenTelemetry sees of a platform, in each of its worlds.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use tapedeck_tests::{
    Deployment, Platform, Setup,
    traces::{Collector, Span, roots},
};

/// Spans are sent at the end of a process alone: what comes has been flushed.
fn traced(collector: &Collector) -> Setup {
    Setup::default()
        .set("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())
        .set("OTEL_BSP_SCHEDULE_DELAY", 600_000)
        .set("LOG_FORMAT", "json")
}

/// The spans of one upload, from its request to its mail.
async fn one_upload(platform: Platform, collector: &Collector) -> Vec<Span> {
    let ann = platform.new_user().await;
    let id = ann.upload_fixture("moov-front.mp4", &[]).await;
    ann.ended(&id).await;
    platform.settle().await;
    let log = platform.log();
    platform.finish().await;

    let all = collector.spans();
    let request = all.iter().find(|span| span.name == "POST /upload").unwrap_or_else(|| panic!("{all:?}"));
    let told = log.lines().any(|line| line.contains(&request.trace) && line.contains(&id));
    assert!(told, "no line has the trace {} and the job {id}:\n{log}", request.trace);
    let spans = collector.of(&request.trace);
    let roots: Vec<&str> = roots(&spans).into_iter().map(|span| span.name.as_str()).collect();
    assert_eq!(roots, ["POST /upload"], "one connected trace: {spans:#?}");
    spans
}

/// In all worlds alike.
const EVERYWHERE: [&str; 9] = [
    "POST /upload",
    "wait dev.tapedeck.video.uploaded.v1",
    "CloudEvents Process dev.tapedeck.video.uploaded.v1",
    "convert",
    "convert reading",
    "convert encoding",
    "convert storing",
    "CloudEvents Process dev.tapedeck.delivery.due.v1",
    "deliver mail",
];

fn has(spans: &[Span], service: &str, name: &str) {
    let found = spans.iter().any(|span| span.service == service && span.name == name);
    assert!(found, "{service}: {name} is not in {spans:#?}");
}

#[tokio::test]
async fn an_upload_to_one_process_is_one_trace_until_its_mail() {
    let collector = Collector::start().await;
    let spans = one_upload(traced(&collector).start_embedded(), &collector).await;
    EVERYWHERE.iter().for_each(|name| has(&spans, "tapedeck", name));
}

#[tokio::test]
async fn an_upload_to_many_processes_is_one_trace_through_the_broker() {
    let collector = Collector::start().await;
    let spans = one_upload(traced(&collector).start_fleet().await, &collector).await;
    for (service, name) in [
        ("tapedeck-gateway", "POST /upload"),
        ("tapedeck-upload", "POST /upload"),
        ("tapedeck-upload", "outbox dev.tapedeck.video.uploaded.v1"),
        ("tapedeck-upload", "send tapedeck.events"),
        ("tapedeck-convert", "outbox dev.tapedeck.delivery.due.v1"),
    ] {
        has(&spans, service, name);
    }
    EVERYWHERE[1..7].iter().for_each(|name| has(&spans, "tapedeck-convert", name));
    EVERYWHERE[7..].iter().for_each(|name| has(&spans, "tapedeck-notify", name));
}

#[tokio::test]
async fn an_upload_on_knative_is_one_trace_through_broker_and_intake() {
    let collector = Collector::start().await;
    let platform = traced(&collector).start_cluster(&Deployment::default()).await;
    let spans = one_upload(platform, &collector).await;
    for (service, name) in [
        ("tapedeck-gateway", "POST /upload"),
        ("tapedeck-upload", "POST /upload"),
        ("tapedeck-upload", "send broker"),
        ("tapedeck-convert-intake", "POST /"),
        ("tapedeck-convert-intake", "send tapedeck.convert"),
        ("tapedeck-notify", "POST /"),
    ] {
        has(&spans, service, name);
    }
    EVERYWHERE[1..7].iter().for_each(|name| has(&spans, "tapedeck-convert", name));
    EVERYWHERE[7..].iter().for_each(|name| has(&spans, "tapedeck-notify", name));
}
