//! The error world of HTTP: problem details (RFC 9457). (The one of events is `failure.rs`.)

use std::error::Error as StdError;

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use contracts::Outage;
use serde_json::{Map, Value, json};

use crate::failure::chain;

/// An answer that says what went wrong and what to do. The cause is for our log and never leaves the house.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    detail: String,
    cause: Option<String>,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// `kind` is the stable word for programs, with which `type` ends (`/docs/errors#KIND`, the page that the gateway has of
    /// all of them; a test holds it complete), `detail` the sentence for people.
    #[must_use]
    pub fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        let (detail, members, headers) = (detail.into(), Map::new(), Vec::new());
        Self { status, kind, detail, cause: None, members, headers }
    }

    /// 400: the request can't be understood.
    #[must_use]
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    /// 401: no credentials, or wrong ones.
    #[must_use]
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// 404: there is no such thing, or it is somebody else's.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// 409: not in this state.
    #[must_use]
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", detail)
    }

    /// 422: understood, but a value is not allowed.
    #[must_use]
    pub fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", detail)
    }

    /// 503: a part that we need is away; the client may try again.
    #[must_use]
    pub fn unavailable(cause: &dyn StdError) -> Self {
        let detail = "The service can't do this right now. Try again in a few seconds.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
            .header(header::RETRY_AFTER, HeaderValue::from_static("5"))
            .cause(chain(cause))
    }

    /// What an error of a store is to a client: 503 if it will pass, else 500.
    #[must_use]
    pub fn of<E: Outage>(error: E) -> Self {
        if error.is_outage() { Self::unavailable(&error) } else { Self::internal(chain(&error)) }
    }

    /// 500: a fault of ours.
    #[must_use]
    pub fn internal(cause: impl Into<String>) -> Self {
        let detail = "Something went wrong on our side. If it happens again, tell us the request id.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).cause(cause)
    }

    /// Notes the internal cause.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds a member to the body (RFC 9457, extension members).
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.into(), value.into());
        self
    }

    /// The word for programs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    pub(crate) fn internal_cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The body, with `instance` if the occurrence is known.
    pub(crate) fn body(&self, instance: Option<&str>) -> String {
        let mut body = self.members.clone();
        body.insert("type".into(), json!(format!("/docs/errors#{}", self.kind)));
        body.insert("title".into(), json!(self.status.canonical_reason().unwrap_or("Error")));
        body.insert("status".into(), json!(self.status.as_u16()));
        body.insert("detail".into(), json!(self.detail));
        if let Some(instance) = instance {
            body.insert("instance".into(), json!(instance));
        }
        Value::Object(body).to_string()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body(None)));
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers.iter().cloned());
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        // `edge.rs` logs the cause and adds the instance.
        response.extensions_mut().insert(self);
        response
    }
}
