//! A real Prometheus over a platform, with the rules of `knative/monitoring`.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use manifests::monitoring;
use serde_json::{Value, json};
use servers::Prometheus;

/// How long an alert may take to fire, or to stop.
const PATIENCE: Duration = Duration::from_secs(120);

/// The rules with shorter times, that a test need not wait for an hour.
const SHORTER: [(&str, &str); 7] = [
    ("[1h]", "[30s]"),
    ("[30m]", "[16s]"),
    ("[10m]", "[8s]"),
    ("[5m]", "[6s]"),
    ("> 600", "> 5"),
    (r#""for":"10m""#, r#""for":"1s""#),
    (r#""for":"5m""#, r#""for":"1s""#),
];

/// Somebody who watches.
#[derive(Debug)]
pub struct Watch {
    prometheus: Prometheus,
}

impl Watch {
    /// Scrapes each function at its port, every so many seconds.
    ///
    /// # Panics
    /// If a rule has a time that is not made shorter here.
    #[must_use]
    pub fn over(functions: &[(&str, u16)], seconds: u8) -> Self {
        let mut rules = monitoring::rules().to_string();
        for (long, short) in SHORTER {
            rules = rules.replace(long, short);
        }
        assert!(
            !rules.contains("m]") && !rules.contains("h]") && !rules.contains(r#"m","labels"#),
            "{rules}"
        );
        let targets = functions.iter().map(|(function, port)| {
            json!({ "targets": [format!("127.0.0.1:{port}")], "labels": { "function": function } })
        });
        let config = json!({
            "global": { "scrape_interval": format!("{seconds}s"), "evaluation_interval": "500ms" },
            "rule_files": ["rules.json"],
            "scrape_configs": [{ "job_name": "tapedeck", "static_configs": targets.collect::<Vec<_>>() }],
        });
        let files = [("prometheus.yml", config.to_string()), ("rules.json", rules)];
        Self { prometheus: Prometheus::start(&files) }
    }

    async fn ask(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let url = format!("{}/api/v1/{path}", self.prometheus.url());
        let answer = reqwest::Client::new().get(url).query(query).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// Waits until it has this metric.
    pub async fn has(&self, metric: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = self.ask("query", &[("query", metric)]).await;
            if answer["data"]["result"].as_array().is_some_and(|series| !series.is_empty()) {
                return;
            }
            assert!(Instant::now() < until, "nobody records {metric}: {answer}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The alerts that fire now.
    pub async fn firing(&self) -> BTreeSet<String> {
        let answer = self.ask("alerts", &[]).await;
        let alerts = answer["data"]["alerts"].as_array().unwrap().iter();
        let firing = alerts.filter(|alert| alert["state"] == "firing");
        firing.map(|alert| alert["labels"]["alertname"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until the alert fires, doing `meanwhile` again and again.
    pub async fn fires(&self, alert: &str, meanwhile: impl AsyncFn()) {
        self.until(alert, true, meanwhile).await;
    }

    /// Waits until it does not fire any more.
    pub async fn stops(&self, alert: &str) {
        self.until(alert, false, async || ()).await;
    }

    async fn until(&self, alert: &str, wanted: bool, meanwhile: impl AsyncFn()) {
        let until = Instant::now() + PATIENCE;
        loop {
            let firing = self.firing().await;
            if firing.contains(alert) == wanted {
                return;
            }
            assert!(Instant::now() < until, "{alert}: {firing:?}");
            meanwhile().await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}
