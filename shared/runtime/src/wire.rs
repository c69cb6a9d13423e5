//! The way out of spans and metrics: OTLP, protobuf over HTTP. OpenTelemetry's SDK sends spans from a thread of its own, so that
//! a request is handed to the async runtime.

use std::{
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::runtime::Handle;

/// How long one sending may take.
pub(crate) const LONGEST: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Wire {
    /// What it carries, for the log.
    what: &'static str,
    client: reqwest::Client,
    runtime: Handle,
    /// Whether the last sending failed: an outage is told once.
    away: AtomicBool,
}

impl Wire {
    /// Inside the async runtime.
    pub(crate) fn of(what: &'static str) -> reqwest::Result<Self> {
        let client = reqwest::Client::builder().timeout(LONGEST).build()?;
        Ok(Self { what, client, runtime: Handle::current(), away: AtomicBool::new(false) })
    }
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Wire {
    fn send_bytes<'a, 'b>(&'a self, request: Request<Bytes>) -> Answer<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        let sending = self.runtime.spawn(send(self.client.clone(), request));
        Box::pin(async move {
            let answer = sending.await?;
            let status = answer.as_ref().map(|answer| answer.status().as_u16());
            let failed = !matches!(status, Ok(200..300));
            if failed && !self.away.swap(failed, Ordering::Relaxed) {
                tracing::warn!(
                    ?status,
                    what = self.what,
                    "the OTLP receiver is away or refuses what it is sent"
                );
            } else if !failed {
                self.away.store(false, Ordering::Relaxed);
            }
            answer
        })
    }
}

async fn send(client: reqwest::Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let answer = client.execute(request.try_into()?).await?;
    let status = answer.status();
    let mut response = Response::new(answer.bytes().await?);
    *response.status_mut() = status;
    Ok(response)
}
