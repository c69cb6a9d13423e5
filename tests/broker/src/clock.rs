//! PingSources: each tick goes straight to its sink, as Knative's adapter sends it. Five quick retries, then the tick is
//! missed.

use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderValue, header};
use chrono::{DateTime, Utc};

use crate::{Pace, log::Log, wiring::Tick};

const RETRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Ticks for ever, on the cluster's time.
pub(crate) async fn run(tick: Tick, to: String, client: reqwest::Client, pace: Pace, log: Log) {
    let Ok(schedule) = tick.schedule.parse::<croner::Cron>() else { return };
    let (begun, epoch) = (Instant::now(), Utc::now());
    let mut last = epoch;
    loop {
        let Ok(next) = schedule.find_next_occurrence(&last, false) else { return };
        last = next;
        let due: DateTime<Utc> = next;
        let at = pace.real((due - epoch).to_std().unwrap_or_default());
        tokio::time::sleep_until((begun + at).into()).await;
        // Ticks do not wait for each other.
        tokio::spawn(send(tick.clone(), to.clone(), client.clone(), log.clone()));
    }
}

async fn send(tick: Tick, to: String, client: reqwest::Client, log: Log) {
    let mut pause = FIRST_PAUSE;
    for _ in 0..=RETRIES {
        let request = client.post(&to).headers(headers(&tick)).body(tick.data.clone());
        match request.send().await {
            Ok(answer) if answer.status().is_success() => return,
            Ok(answer) => log.line(&format!("the tick {} is answered {}", tick.name, answer.status())),
            Err(error) => log.line(&format!("the tick {}: {error}", tick.name)),
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

/// The event is the PingSource's own, in binary mode; what its data is, the content type says.
fn headers(tick: &Tick) -> HeaderMap {
    let source = format!("/apis/v1/namespaces/tapedeck/pingsources/{}", tick.name);
    let id = format!("{}-{}", tick.name, Utc::now().timestamp_millis());
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("ce-specversion", "1.0"),
        ("ce-type", "dev.knative.sources.ping"),
        ("ce-source", source.as_str()),
        ("ce-id", id.as_str()),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    if let Ok(kind) = HeaderValue::from_str(&tick.content_type) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers
}
