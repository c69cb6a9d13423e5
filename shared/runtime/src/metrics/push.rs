//! Metrics, sent by OTLP: for functions that are gone before anybody scrapes them.
//!
//! Counters go on from push to push, so that one that is lost loses nothing: the next says it all. The last one is made at the
//! end of the process, when nothing counts any more.

use std::{
    sync::{OnceLock, mpsc},
    time::{Instant, SystemTime},
};

use axum::http::{HeaderValue, Request, header};
use opentelemetry_http::{Bytes, HttpClient as _};
use prost::Message as _;
use tokio::{
    runtime::Handle,
    time::{MissedTickBehavior, interval},
};

use super::{Page, Push, otlp};
use crate::{Tasks, traces::FLUSH, wire::Wire};

struct Pusher {
    page: Page,
    push: Push,
    wire: Wire,
    begun: SystemTime,
    runtime: Handle,
}

static PUSHER: OnceLock<Pusher> = OnceLock::new();

/// Pushes what `page` has, as one of `tasks`.
pub(super) fn start(push: Push, page: Page, tasks: &mut Tasks) -> reqwest::Result<()> {
    let (wire, runtime) = (Wire::of("metrics")?, Handle::current());
    let every = push.interval;
    tracing::info!(endpoint = %push.endpoint, ?every, "metrics are pushed");
    let pusher = PUSHER.get_or_init(|| Pusher { page, push, wire, begun: SystemTime::now(), runtime });
    let shutdown = tasks.shutdown();
    tasks.spawn("the push of metrics", async move {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first comes at once.
        ticks.tick().await;
        let pushes = async {
            loop {
                ticks.tick().await;
                pusher.push().await;
            }
        };
        tokio::select! { () = shutdown.cancelled() => {}, () = pushes => {} }
    });
    Ok(())
}

impl Pusher {
    /// Who can't be reached is told once, by the wire.
    async fn push(&self) {
        let page = self.page.read().await;
        let body = otlp::request(&page, &self.push.resource, self.begun).encode_to_vec();
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = axum::http::Method::POST;
        request.uri_mut().clone_from(&self.push.endpoint);
        request.headers_mut().clone_from(&self.push.headers);
        let protobuf = HeaderValue::from_static("application/x-protobuf");
        request.headers_mut().insert(header::CONTENT_TYPE, protobuf);
        let _ = self.wire.send_bytes(request).await;
    }
}

/// The last push, which goes on beside whatever else the process ends with.
pub(crate) struct LastPush {
    done: mpsc::Receiver<()>,
    until: Instant,
}

/// Begins it, if metrics are pushed.
pub(crate) fn last_push() -> Option<LastPush> {
    let pusher = PUSHER.get()?;
    let (tell, done) = mpsc::channel();
    pusher.runtime.spawn(async move {
        pusher.push().await;
        // Nobody may wait any more.
        let _ = tell.send(());
    });
    Some(LastPush { done, until: Instant::now() + FLUSH })
}

impl LastPush {
    /// Blocks its thread, until 5 seconds after the begin at the most.
    pub(crate) fn wait(self) {
        if self.done.recv_timeout(self.until.saturating_duration_since(Instant::now())).is_err() {
            tracing::warn!("the OTLP receiver does not answer: the last metrics are lost");
        }
    }
}
