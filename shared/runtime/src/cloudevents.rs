//! CloudEvents 1.0 over HTTP: `POST /` in binary or structured mode, as a Knative Trigger delivers.
//!
//! | answer | means to the broker |
//! |---|---|
//! | 200 with an event | taken; publish the reply |
//! | 202 | taken |
//! | 400 | not a CloudEvent; dead letter |
//! | 408 | did not arrive in time; deliver again |
//! | 413 | larger than 64 KiB; dead letter |
//! | 415 | a batch, or data that is not JSON; dead letter |
//! | 422 | rejected for good; dead letter |
//! | 503 | deliver again |
//!
//! - `cloudevents/event.rs`: what makes an event, for every door. `cloudevents/header.rs`: values in headers.

mod event;
mod header;

use std::collections::BTreeMap;

use ::cloudevents::{Event as CloudEvent, EventBuilder as _, EventBuilderV10, event::EventBuilderError};
use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use contracts::{Envelope, data_schema};
use tower_http::limit::RequestBodyLimitLayer;

pub use self::{
    event::{NoEvent, event, is_attribute_name},
    header::header_value,
};
use crate::{
    Failure, Problem,
    extract::{BODY_TIME, late_body},
};

/// Largest event that is taken. Ours carry ids only. The SDK's extractor has no limit of its own and ignores
/// axum's.
const BODY_LIMIT: usize = 64 * 1024;

/// The event route of a function that is served on its own; `deliver` is what becomes of an event, and the first
/// event that it returns is the reply.
pub fn event_routes<F, Fut>(deliver: F) -> Router
where
    F: Fn(Envelope) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Vec<Envelope>, Failure>> + Send + 'static,
{
    let take = move |request| take(deliver.clone(), request);
    Router::new().route("/", post(take)).layer(RequestBodyLimitLayer::new(BODY_LIMIT))
}

async fn take<F, Fut>(deliver: F, request: Request) -> Response
where
    F: Fn(Envelope) -> Fut,
    Fut: Future<Output = Result<Vec<Envelope>, Failure>>,
{
    match read(request).await {
        Ok(envelope) => answer(deliver(envelope).await),
        Err(problem) => problem.into_response(),
    }
}

pub(crate) async fn read(request: Request) -> Result<Envelope, Problem> {
    let (head, body) = request.into_parts();
    let body = whole(body).await?;
    Ok(event(attributes(&head.headers)?, &body)?)
}

async fn whole(body: axum::body::Body) -> Result<Bytes, Problem> {
    let reading = tokio::time::timeout(BODY_TIME, to_bytes(body, BODY_LIMIT));
    reading.await.map_err(|_| late_body())?.map_err(|_| {
        let detail = format!("An event may have at most {BODY_LIMIT} bytes.");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    })
}

impl From<NoEvent> for Problem {
    fn from(refusal: NoEvent) -> Self {
        match refusal {
            NoEvent::Malformed(text) => Self::bad_request(text),
            NoEvent::Unsupported(text) => {
                Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", text)
            }
        }
    }
}

/// What the head says of the event. The names of headers arrive in lower case.
fn attributes(headers: &HeaderMap) -> Result<BTreeMap<String, String>, NoEvent> {
    let mut attributes = BTreeMap::new();
    for (name, value) in headers {
        let name = match name.as_str() {
            "content-type" => "datacontenttype",
            // The content type is the only word for it.
            "ce-datacontenttype" => continue,
            other => match other.strip_prefix("ce-") {
                Some(name) => name,
                None => continue,
            },
        };
        let unreadable = || NoEvent::Malformed(format!("The value of the header of {name} can't be read."));
        attributes.insert(name.to_owned(), header::attribute_value(value).ok_or_else(unreadable)?);
    }
    Ok(attributes)
}

pub(crate) fn answer(outcome: Result<Vec<Envelope>, Failure>) -> Response {
    match outcome {
        Ok(replies) => match replies.first().map(from_envelope) {
            None => StatusCode::ACCEPTED.into_response(),
            Some(Ok(reply)) => reply.into_response(),
            Some(Err(error)) => Problem::internal(error.to_string()).into_response(),
        },
        Err(Failure::Retry(cause)) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "retry", "Deliver this event again later.")
                .cause(cause)
                .into_response()
        }
        Err(Failure::Reject(cause)) => {
            tracing::warn!(cause, "event rejected");
            Problem::unprocessable("This event can't be handled; delivering it again will not help.")
                .into_response()
        }
    }
}

/// To the wire, in binary mode.
fn from_envelope(envelope: &Envelope) -> Result<CloudEvent, EventBuilderError> {
    let named = envelope.extensions.iter();
    let event = named
        .fold(EventBuilderV10::new(), |event, (name, value)| event.extension(name, &*header_value(value)))
        .id(header_value(&envelope.id))
        .ty(header_value(&envelope.kind))
        .source(header_value(&envelope.source))
        .time(envelope.time.to_string());
    let event = match envelope.subject.as_str() {
        "" => event,
        subject => event.subject(header_value(subject)),
    };
    let data = envelope.data.clone();
    match data_schema(&envelope.kind) {
        Some(schema) => event.data_with_schema("application/json", schema, data),
        None => event.data("application/json", data),
    }
    .build()
}

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod tests;
