//! What Prometheus sees of a platform.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use tapedeck_tests::Setup;

/// The value of the sample with this name and these labels, in any order.
fn sample(text: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let line = text.lines().find(|line| {
        let begin = line.split(['{', ' ']).next() == Some(name);
        begin && labels.iter().all(|label| line.contains(label))
    })?;
    line.rsplit(' ').next()?.parse().ok()
}

/// By Prometheus' own linter.
fn lint(text: &str) {
    #[expect(clippy::disallowed_methods, reason = "a tool of the tests")]
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is missing: tests/servers/install.sh installs it");
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let ended = promtool.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[tokio::test]
async fn a_conversion_its_mail_and_its_requests_can_be_scraped() {
    let port = servers::free_port();
    let platform = Setup::default().set("METRICS_PORT", port).start_embedded();
    let ann = platform.new_user().await;
    let id = ann.upload_fixture("moov-front.mp4", &[]).await;
    let job = ann.ended(&id).await;
    let of = |value: &serde_json::Value| value.as_f64().unwrap();
    let (cost, audio) = (&job["cost"], of(&job["audio"]["duration"]) - 0.001);
    let (cpu, read, written) =
        (of(&cost["cpu_seconds"]), of(&cost["bytes_read"]), of(&cost["bytes_written"]));
    assert!(cpu > 0.0 && read > 0.0 && written >= of(&job["audio"]["bytes"]), "{job}");
    platform.settle().await;
    let scrape = format!("http://127.0.0.1:{port}/metrics");
    let text = reqwest::get(&scrape).await.unwrap().text().await.unwrap();
    lint(&text);
    for (name, labels, at_least) in [
        (
            "http_server_request_duration_seconds_count",
            &[r#"http_route="/upload""#, r#"code="202""#][..],
            1.0,
        ),
        ("http_server_request_duration_seconds_count", &[r#"http_route="/jobs/{id}""#, r#"code="200""#], 1.0),
        (
            "tapedeck_event_duration_seconds_count",
            &["dev.tapedeck.video.uploaded.v1", r#"outcome="ok""#],
            1.0,
        ),
        ("tapedeck_conversion_duration_seconds_count", &[r#"outcome="done""#], 1.0),
        ("tapedeck_conversion_wait_seconds_count", &[], 1.0),
        ("tapedeck_conversion_cpu_seconds_sum", &[], cpu),
        ("tapedeck_audio_seconds_sum", &[], audio),
        ("tapedeck_conversion_read_bytes_total", &[], read),
        ("tapedeck_conversion_written_bytes_total", &[], written),
        ("tapedeck_deliveries_total", &[r#"channel="mail""#, r#"outcome="sent""#], 1.0),
        ("tapedeck_jobs_waiting", &[], 0.0),
        ("tapedeck_next_job_wait_seconds", &[], 0.0),
        ("tapedeck_deliveries_dead", &[], 0.0),
        ("tapedeck_overdue_seconds", &[r#"rows="outbox""#], 0.0),
        ("process_resident_memory_bytes", &[], 1e6),
    ] {
        let value = sample(&text, name, labels).unwrap_or(-1.0);
        assert!(value >= at_least, "{name} {labels:?} is {value} in\n{text}");
    }
    assert!(!text.contains(&id), "an id is no label");
    let public = ann.get("/metrics").await;
    assert_eq!(public.status(), 404, "clients do not see it");
    platform.finish().await;
}
