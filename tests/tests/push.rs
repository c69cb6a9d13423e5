//! What a receiver of pushed metrics sees of a platform: of functions too that are gone before anybody could scrape them.

use std::{
    collections::BTreeSet,
    net::TcpListener,
    time::{Duration, Instant},
};

use tapedeck_tests::{
    Deployment, Platform, Setup,
    pushed::{Pushed, Samples, scraped},
    traces::Collector,
};

const METRICS: &str = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
const INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";

/// Pushed at the end of a process alone: what comes has been flushed.
fn pushed_at_the_end(collector: &Collector) -> Setup {
    Setup::default().set(METRICS, format!("{}/v1/metrics", collector.url())).set(INTERVAL, 3_600_000)
}

async fn one_conversion(platform: &Platform) {
    let ann = platform.new_user().await;
    let id = ann.upload_fixture("moov-front.mp4", &[]).await;
    assert_eq!(ann.ended(&id).await["state"], "done");
    platform.settle().await;
}

/// Counters and histograms of what has been done; gauges and those of the process change meanwhile.
fn counted(samples: &Samples) -> Samples {
    let is = |name: &str| {
        let part = |end| name.split('{').next().is_some_and(|name| name.ends_with(end));
        !name.starts_with("process_") && ["_total", "_bucket", "_sum", "_count"].into_iter().any(part)
    };
    samples.iter().filter(|(name, _)| is(name)).map(|(name, value)| (name.clone(), *value)).collect()
}

#[tokio::test]
async fn what_is_pushed_at_the_end_is_what_a_scrape_has_shown() {
    let (collector, port) = (Collector::start().await, servers::free_port());
    // No tick of the clock counts between the two.
    let setup = pushed_at_the_end(&collector).set("CLOCK_DUE_SECONDS", 3600).set("METRICS_PORT", port);
    let platform = setup.start_embedded();
    one_conversion(&platform).await;
    let page = reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await.unwrap().text().await.unwrap();
    assert!(collector.pushes().is_empty(), "an hour is not over");
    platform.finish().await;

    let pushes = collector.pushes();
    let [push] = pushes.as_slice() else { panic!("{pushes:?}") };
    assert_eq!(push.service, "tapedeck");
    let (shown, pushed) = (scraped(&page), &push.samples);
    assert!(counted(&shown).len() > 100, "{shown:?}");
    assert_eq!(counted(&shown), counted(pushed));
    let names = |samples: &Samples| samples.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&shown), names(pushed), "gauges too");
    assert!(collector.spans().is_empty(), "the endpoint is that of metrics alone");
}

#[tokio::test]
async fn with_an_endpoint_for_everything_metrics_are_pushed_again_and_again_and_never_count_backwards() {
    let collector = Collector::start().await;
    let setup = Setup::default().set("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()).set(INTERVAL, 100);
    let platform = setup.start_embedded();
    one_conversion(&platform).await;
    let done =
        |push: &Pushed| push.sum("tapedeck_conversion_duration_seconds_count", &[r#"outcome="done""#]) >= 1.0;
    let until = Instant::now() + Duration::from_secs(60);
    while !collector.pushes().iter().any(done) {
        assert!(Instant::now() < until, "{:?}", collector.pushes().last());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    platform.finish().await;
    assert!(!collector.spans().is_empty());

    let pushes = collector.pushes();
    for both in pushes.windows(2) {
        let [before, after] = both else { unreachable!() };
        assert_eq!((&before.instance, before.begun), (&after.instance, after.begun));
        for (name, value) in counted(&before.samples) {
            assert!(after.samples[&name] >= value, "{name}");
        }
    }
    let last = pushes.last().unwrap();
    assert!(last.begun > 0 && last.samples.keys().any(|name| name.starts_with("tapedeck_jobs_waiting")));
}

/// The sum over all processes of a service of the last that each has said.
fn told(pushes: &[Pushed], service: &str, name: &str, labels: &[&str]) -> f64 {
    let of_service = pushes.iter().filter(|push| push.service == service);
    let instances: BTreeSet<_> = of_service.map(|push| &push.instance).collect();
    let last = |instance: &String| pushes.iter().rfind(|push| push.instance == *instance);
    instances.into_iter().filter_map(last).map(|push| push.sum(name, labels)).sum()
}

fn each_tells_what_it_did(collector: &Collector, prefix: &str) {
    let pushes = collector.pushes();
    for (service, name, labels) in [
        ("gateway", "http_server_request_duration_seconds_count", &[r#"code="202""#][..]),
        ("upload", "http_server_request_duration_seconds_count", &[r#"route="/upload""#, r#"code="202""#]),
        ("convert", "tapedeck_conversion_duration_seconds_count", &[r#"outcome="done""#]),
        ("notify", "tapedeck_deliveries_total", &[r#"channel="mail""#, r#"outcome="sent""#]),
    ] {
        let value = told(&pushes, &format!("{prefix}{service}"), name, labels);
        assert!(value >= 1.0, "{service}: {name} {labels:?} is {value} in {pushes:#?}");
    }
    let waits = |push: &Pushed| push.samples.keys().any(|name| name.starts_with("tapedeck_jobs_waiting"));
    let asked = |push: &&Pushed| push.service == format!("{prefix}sweep");
    assert!(pushes.iter().filter(asked).any(waits), "the backlog is asked for at the end too");
}

#[tokio::test]
async fn each_of_many_processes_tells_at_its_end_what_it_did() {
    let collector = Collector::start().await;
    let platform = pushed_at_the_end(&collector).start_fleet().await;
    one_conversion(&platform).await;
    platform.finish().await;
    each_tells_what_it_did(&collector, "tapedeck-");
    let pushes = collector.pushes();
    assert_eq!(pushes.len(), tapedeck_tests::FUNCTIONS.len(), "one of each");
    let instances: BTreeSet<_> = pushes.iter().map(|push| &push.instance).collect();
    assert_eq!(instances.len(), pushes.len());
}

#[tokio::test]
async fn functions_that_scale_to_zero_have_told_what_they_did_when_they_are_gone() {
    let collector = Collector::start().await;
    let platform = pushed_at_the_end(&collector).start_cluster(&Deployment::default()).await;
    one_conversion(&platform).await;
    // A pod stays for a while after its last event; its end tells of both mails, the welcome and that of the job.
    let until = Instant::now() + Duration::from_secs(60);
    let mails =
        || told(&collector.pushes(), "tapedeck-notify", "tapedeck_deliveries_total", &[r#"outcome="sent""#]);
    while mails() < 2.0 {
        assert!(Instant::now() < until, "nobody tells of mails: {:?}", collector.pushes());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    platform.finish().await;
    each_tells_what_it_did(&collector, "tapedeck-");
}

/// Requests and the end of a process with a receiver at this address.
async fn goes_on(url: &str) {
    let platform =
        Setup::default().set("OTEL_EXPORTER_OTLP_ENDPOINT", url).set(INTERVAL, 100).start_embedded();
    one_conversion(&platform).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let ann = platform.new_user().await;
    let begun = Instant::now();
    for _ in 0..20 {
        assert_eq!(ann.get("/jobs").await.status(), 200);
    }
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "requests wait for the receiver: {:?}",
        begun.elapsed()
    );
    let log = platform.log();
    let told =
        log.lines().filter(|line| line.contains("the OTLP receiver") && line.contains("metrics")).count();
    assert!(told <= 1, "an outage is told once:\n{log}");
    let begun = Instant::now();
    platform.finish().await;
    // Five seconds for what is left to send, at the most.
    assert!(begun.elapsed() < Duration::from_secs(15), "the end took {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_receiver_that_is_away_delays_no_request_and_no_end() {
    goes_on(&format!("http://127.0.0.1:{}", servers::free_port())).await;
}

#[tokio::test]
async fn a_receiver_that_never_answers_delays_no_request_and_the_end_by_seconds_at_the_most() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    goes_on(&format!("http://{}", silent.local_addr().unwrap())).await;
}

#[tokio::test]
async fn without_an_endpoint_nothing_is_pushed_and_with_one_nothing_need_be() {
    let collector = Collector::start().await;
    let setup = Setup::default().set("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url());
    let platform = setup.set("OTEL_METRICS_EXPORTER", "none").set(INTERVAL, 100).start_embedded();
    one_conversion(&platform).await;
    platform.finish().await;
    assert!(collector.pushes().is_empty() && !collector.spans().is_empty());
}
