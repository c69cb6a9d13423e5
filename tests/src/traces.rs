//! A receiver of traces and metrics: OTLP, protobuf over HTTP.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, http::StatusCode, routing::post};
use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    trace::v1::ResourceSpans,
};
use prost::Message as _;

use crate::pushed::{Pushed, attribute};

/// A span as it came.
#[derive(Clone, Debug)]
pub struct Span {
    /// `service.name` of who sent it.
    pub service: String,
    /// Its name.
    pub name: String,
    /// Its trace, as in `traceparent`.
    pub trace: String,
    id: Vec<u8>,
    parent: Vec<u8>,
}

/// The receiver. It ends with the async runtime.
#[derive(Clone, Debug)]
pub struct Collector {
    url: String,
    spans: Arc<Mutex<Vec<Span>>>,
    pushes: Arc<Mutex<Vec<Pushed>>>,
}

impl Collector {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// If there is no port.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let collector = Self { url, spans: Arc::default(), pushes: Arc::default() };
        let spans = collector.spans.clone();
        let take = async move |body: Bytes| {
            let request = ExportTraceServiceRequest::decode(body).unwrap();
            spans.lock().unwrap().extend(request.resource_spans.into_iter().flat_map(read));
            StatusCode::OK
        };
        let pushes = collector.pushes.clone();
        let take_metrics = async move |body: Bytes| {
            let request = ExportMetricsServiceRequest::decode(body).unwrap();
            pushes.lock().unwrap().extend(request.resource_metrics.into_iter().map(Pushed::read));
            StatusCode::OK
        };
        let router = Router::new().route("/v1/traces", post(take)).route("/v1/metrics", post(take_metrics));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        collector
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is to be.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// All that have come.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap().clone()
    }

    /// Everything that was pushed, in order.
    #[must_use]
    pub fn pushes(&self) -> Vec<Pushed> {
        self.pushes.lock().unwrap().clone()
    }

    /// Those of one trace.
    #[must_use]
    pub fn of(&self, trace: &str) -> Vec<Span> {
        self.spans().into_iter().filter(|span| span.trace == trace).collect()
    }
}

/// The spans that no other one of these has caused.
#[must_use]
pub fn roots(spans: &[Span]) -> Vec<&Span> {
    let ids: HashSet<&[u8]> = spans.iter().map(|span| span.id.as_slice()).collect();
    spans.iter().filter(|span| !ids.contains(span.parent.as_slice())).collect()
}

fn read(resource: ResourceSpans) -> Vec<Span> {
    let service = attribute(&resource.resource.unwrap_or_default().attributes, "service.name");
    let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
    let span = |span: opentelemetry_proto::tonic::trace::v1::Span| Span {
        service: service.clone(),
        name: span.name,
        trace: span.trace_id.iter().map(|byte| format!("{byte:02x}")).collect(),
        id: span.span_id,
        parent: span.parent_span_id,
    };
    spans.map(span).collect()
}
