//! The way out: protobuf over HTTP. The SDK sends from a thread of its own, so that a request is handed to the async runtime.

use std::{
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use tokio::runtime::Handle;

use crate::ConfigError;

/// How long one sending may take.
const LONGEST: Duration = Duration::from_secs(10);

/// An exporter to the receiver at `endpoint`.
pub(super) fn exporter(endpoint: &str) -> Result<SpanExporter, ConfigError> {
    let wrong = |error: &dyn std::fmt::Display| ConfigError::new("OTEL_EXPORTER_OTLP_ENDPOINT", error);
    let client = reqwest::Client::builder().timeout(LONGEST).build().map_err(|error| wrong(&error))?;
    let wire = Wire { client, runtime: Handle::current(), away: AtomicBool::new(false) };
    SpanExporter::builder()
        .with_http()
        .with_http_client(wire)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .with_timeout(LONGEST)
        .build()
        .map_err(|error| wrong(&error))
}

#[derive(Debug)]
struct Wire {
    client: reqwest::Client,
    runtime: Handle,
    /// Whether the last sending failed: an outage is told once.
    away: AtomicBool,
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
                tracing::warn!(?status, "the OTLP receiver refuses spans; they are lost meanwhile");
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
