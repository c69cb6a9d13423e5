//! Traces: OpenTelemetry spans, sent by OTLP over HTTP.
//!
//! Off unless `OTEL_EXPORTER_OTLP_ENDPOINT` is set: then a span costs a load of a pointer, and the trace that a request or an
//! event brings along is passed on as it came. When on, whatever is caused by a request or an event is told the span as its
//! parent, by the same [`Trace`] that goes on in headers, events and rows. There is no current span: who begins one names its
//! cause.
//!
//! Names and attributes follow OpenTelemetry's conventions for HTTP, messaging and CloudEvents
//! (<https://opentelemetry.io/docs/specs/semconv/>). Never an address of a person, a token or a file name.

mod config;

use std::{
    collections::HashMap,
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use axum::http::{HeaderMap, HeaderValue};
use contracts::{Envelope, Timestamp, Trace};
use opentelemetry::{
    Context, KeyValue, Value,
    propagation::TextMapPropagator as _,
    trace::{Span as _, SpanBuilder, Status, TraceContextExt as _, Tracer as _, TracerProvider as _},
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    propagation::TraceContextPropagator,
    trace::{SdkTracer, SdkTracerProvider, Span},
};

pub use config::TracesConfig;
pub use opentelemetry::trace::SpanKind;

use crate::{
    ConfigError,
    wire::{LONGEST, Wire},
};

/// How long the end of a process waits for the last spans and metrics to be sent.
pub(crate) const FLUSH: Duration = Duration::from_secs(5);

struct Started {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

static STARTED: OnceLock<Started> = OnceLock::new();

/// Starts to record spans, if the configuration says where they go. `service` is the process's name, if the configuration has
/// none. Call it once, inside the async runtime.
///
/// # Errors
/// An endpoint that is no `http://`.
pub fn start_traces(config: &TracesConfig, service: &str) -> Result<(), ConfigError> {
    let Some(endpoint) = &config.exporter_otlp_endpoint else { return Ok(()) };
    let exporter = exporter(endpoint)?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(config.sampler())
        .with_resource(config.resource(service))
        .build();
    let tracer = provider.tracer("tapedeck");
    // A second start (tests) keeps the first.
    if STARTED.set(Started { provider, tracer }).is_ok() {
        tracing::info!(endpoint, sampler = config.traces_sampler, "traces are sent");
    }
    Ok(())
}

/// An exporter to the receiver at `endpoint`.
fn exporter(endpoint: &str) -> Result<SpanExporter, ConfigError> {
    let wrong = |error: &dyn std::fmt::Display| ConfigError::new("OTEL_EXPORTER_OTLP_ENDPOINT", error);
    SpanExporter::builder()
        .with_http()
        .with_http_client(Wire::of("spans").map_err(|error| wrong(&error))?)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .with_timeout(LONGEST)
        .build()
        .map_err(|error| wrong(&error))
}

/// Sends what has not been sent yet, at the end of a process. It blocks its thread, for 5 seconds at the most.
pub(crate) fn flush_traces() {
    if let Some(Err(error)) = STARTED.get().map(|started| started.provider.shutdown_with_timeout(FLUSH)) {
        tracing::warn!(%error, "the last spans of traces are lost");
    }
}

/// A span in hand; it ends with the value. Without a place for spans it is its cause and nothing else.
#[derive(Debug)]
pub struct Traced {
    span: Option<Box<Span>>,
    trace: Trace,
}

impl Traced {
    /// Begins the span `verb object`, caused by `cause`.
    #[must_use]
    pub fn begin(kind: SpanKind, verb: &str, object: &str, cause: &Trace) -> Self {
        let Some(started) = STARTED.get() else { return Self { span: None, trace: cause.clone() } };
        Self::of(started, SpanBuilder::from_name(name(verb, object)).with_kind(kind), cause)
    }

    /// A span that has passed already: nothing is caused by it.
    pub fn passed(verb: &str, object: &str, cause: &Trace, times: (Timestamp, Timestamp)) {
        let Some(started) = STARTED.get() else { return };
        let (begun, ended) = (system_time(times.0), system_time(times.1));
        let mut passed =
            Self::of(started, SpanBuilder::from_name(name(verb, object)).with_start_time(begun), cause);
        if let Some(span) = &mut passed.span {
            // Two clocks may disagree.
            span.end_with_timestamp(ended.max(begun));
        }
    }

    fn of(started: &Started, builder: SpanBuilder, cause: &Trace) -> Self {
        let propagator = TraceContextPropagator::new();
        let carried: HashMap<String, String> = cause.extensions().into_iter().collect();
        let parent = propagator.extract_with_context(&Context::new(), &carried);
        let span = started.tracer.build_with_context(builder, &parent);
        let own = Context::new().with_remote_span_context(span.span_context().clone());
        let mut carried = HashMap::new();
        propagator.inject_context(&own, &mut carried);
        let text = |name: &str| carried.get(name).map(String::as_str);
        let trace = Trace::new(text("traceparent"), text("tracestate"));
        Self { span: Some(Box::new(span)), trace }
    }

    /// What is caused by it belongs to this.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Says something about it, by a name of OpenTelemetry's conventions or one of ours, `tapedeck.*`.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        if let Some(span) = &mut self.span {
            span.set_attribute(KeyValue::new(name, value));
        }
    }

    /// What it was for did not happen.
    pub fn failed(&mut self, cause: &str) {
        if let Some(span) = &mut self.span {
            span.set_status(Status::error(cause.to_owned()));
        }
    }

    /// Says which event it is about.
    #[must_use]
    pub fn about(mut self, event: &Envelope) -> Self {
        if self.span.is_some() {
            self.set("cloudevents.event_id", event.id.clone());
            self.set("cloudevents.event_source", event.source.clone());
            self.set("cloudevents.event_spec_version", "1.0");
            self.set("cloudevents.event_type", event.kind.clone());
            self.set("cloudevents.event_subject", event.subject.clone());
        }
        self
    }

    /// The span of sending an event to `destination` of a messaging system, by its name in the conventions.
    #[must_use]
    pub fn sending(system: &'static str, destination: &str, event: &Envelope) -> Self {
        let cause = Trace::of(&event.extensions);
        let mut sending = Self::begin(SpanKind::Producer, "send", destination, &cause).about(event);
        if sending.span.is_some() {
            sending.set("messaging.system", system);
            sending.set("messaging.operation.name", "send");
            sending.set("messaging.operation.type", "send");
            sending.set("messaging.destination.name", destination.to_owned());
            sending.set("messaging.message.id", event.id.clone());
        }
        sending
    }

    /// Says in the head of a request what caused it, for who handles it or gets it next.
    pub fn carry(&self, headers: &mut HeaderMap) {
        for (name, value) in self.trace.extensions() {
            let name = if name == "tracestate" { "tracestate" } else { "traceparent" };
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }

    /// Whether anything is recorded.
    pub(crate) fn is_on(&self) -> bool {
        self.span.is_some()
    }
}

fn name(verb: &str, object: &str) -> String {
    format!("{verb} {object}").trim_end().to_owned()
}

fn system_time(time: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(time.millis()).unwrap_or(0))
}

#[cfg(test)]
mod tests;
