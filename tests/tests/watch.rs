//! A real Prometheus, with the rules of `knative/monitoring`: it finds every metric that they and the panels name, and
//! in the outage of each store the alert fires that is meant for it, until the store is back.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use manifests::monitoring::{OF_OTHERS, expressions, metrics_in};
use reqwest::Method;
use serde_json::json;
use servers::{Mariadb, free_port};
use tapedeck_tests::{OwnServers, Platform, Setup, User, Watch, fixture};

/// An account, a conversion, one that fails, their mails and a webhook.
async fn journey(platform: &Platform) {
    let ann = platform.new_user().await;
    // Nobody may be called there; it is tried all the same.
    let nowhere = [("webhook", "https://127.0.0.1:1/hook")];
    let called = ann.upload_fixture("moov-front.mp4", &nowhere).await;
    assert_eq!(ann.ended(&called).await["state"], "done");
    let silent = ann.upload_fixture("silent-movie.mp4", &[]).await;
    assert_eq!(ann.ended(&silent).await["state"], "failed");
    while platform.mails().len() < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(ann.request(Method::DELETE, &format!("/jobs/{called}")).send().await.unwrap().status(), 204);
}

async fn nothing_is_wrong(watch: &Watch) {
    // Until the first scrape nobody knew.
    watch.stops("TapedeckBacklogUnknown").await;
    assert_eq!(watch.firing().await, BTreeSet::new());
}

#[tokio::test]
async fn prometheus_finds_every_metric_of_rules_and_panels_and_tells_when_the_database_is_away() {
    let (mut mariadb, port) = (Mariadb::start(), free_port());
    let setup = Setup::default().set("METRICS_PORT", port).set("DATABASE_URL", mariadb.url());
    let platform = setup.start_embedded();
    // While the database is away a scrape takes three seconds, and the last numbers are told for a minute.
    let watch = Watch::over(&[("convert-worker", port)], 4);
    journey(&platform).await;
    let named: BTreeSet<String> = expressions().iter().flat_map(|one| metrics_in(one)).collect();
    assert!(named.len() > 15, "{named:?}");
    for metric in named.iter().filter(|metric| !OF_OTHERS.contains(&metric.as_str())) {
        watch.has(metric).await;
    }
    watch.has(r#"tapedeck_deliveries_total{channel="webhook"}"#).await;
    watch.has(r#"tapedeck_conversion_duration_seconds_count{outcome="failed",code="no_audio"}"#).await;
    nothing_is_wrong(&watch).await;

    mariadb.stop();
    watch.fires("TapedeckBacklogUnknown", async || ()).await;
    mariadb.restart();
    watch.stops("TapedeckBacklogUnknown").await;
    platform.finish().await;
}

/// Somebody sends a clip; it may be refused.
async fn send(ann: &User, title: &str) {
    let clip = ann.upload("a.mp4", fixture("he-aac-v1.mp4"), &[("title", title)]);
    drop(clip.send().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_mail_server_blob_store_or_broker_makes_its_alert_fire_until_it_is_over() {
    let mut servers = OwnServers::start();
    let setup = Setup::default().set("METRICS_PORT", "each").set("SWEEP_TICKET_SECONDS", 5);
    let mut platform = setup.set("CLOCK_DUE_SECONDS", 2).start_on(&servers).await;
    let watch = Watch::over(&platform.scraped(), 1);
    let ann = platform.new_user().await;
    watch.has("tapedeck_jobs_waiting").await;
    nothing_is_wrong(&watch).await;

    platform.smtp().stop();
    watch.fires("TapedeckMailFailing", async || send(&ann, "mail").await).await;
    platform.smtp().restart();
    watch.stops("TapedeckMailFailing").await;

    // Without the store nobody can send a video: some wait already.
    platform.stop_function("convert").await;
    for number in 0..12 {
        send(&ann, &json!(number).to_string()).await;
    }
    servers.mongod.stop();
    platform.start_function("convert");
    watch.fires("TapedeckStoreAway", async || ()).await;
    servers.mongod.restart();
    watch.stops("TapedeckStoreAway").await;

    servers.rabbitmq.stop();
    watch.fires("TapedeckRowsOverdue", async || send(&ann, "broker").await).await;
    watch.fires("TapedeckNoConverters", async || ()).await;
    servers.rabbitmq.restart();
    watch.stops("TapedeckNoConverters").await;
    watch.stops("TapedeckRowsOverdue").await;
    platform.finish().await;
}
