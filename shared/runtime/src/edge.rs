//! The edge: what happens to every request and answer, in one place. Request id, one span, one log line for
//! each answer of 500 and above, the instance of a problem.

use std::time::Instant;

use axum::{
    body::Body,
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use tracing::Instrument as _;

use crate::{Problem, SpanKind, Traced, extract, metrics};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(crate) async fn edge(mut request: Request, next: Next) -> Response {
    let id = request_id(&request);
    // For whoever passes the request on.
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let (method, path) = (request.method().clone(), masked(request.uri().path()));
    let observed = Observed::begin(&mut request, &path);
    let trace = observed.traced.as_ref().and_then(|traced| traced.trace().id());
    let span = tracing::info_span!("request", id = %id.to_str().unwrap_or_default(), %method, path, trace);
    let mut response = next.run(request).instrument(span.clone()).await;
    span.in_scope(|| note(&response));
    observed.end(&method, response.status());
    response = with_instance(response, &path);
    response.headers_mut().insert(REQUEST_ID, id);
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// What traces and metrics are told of a request until the head of its answer.
pub(crate) struct Observed {
    traced: Option<Traced>,
    route: Option<MatchedPath>,
    begun: Instant,
}

/// Probes ask every few seconds, and cause nothing.
const PROBES: &str = "/health";

impl Observed {
    pub(crate) fn begin(request: &mut Request, path: &str) -> Self {
        let route = request.extensions().get::<MatchedPath>().cloned();
        let traced = traced(request, path, route.as_ref());
        Self { traced, route, begun: Instant::now() }
    }

    pub(crate) fn end(self, method: &Method, status: StatusCode) {
        metrics::answered(self.route.as_ref().map(MatchedPath::as_str), method, status, self.begun.elapsed());
        if let Some(mut traced) = self.traced {
            traced.set("http.response.status_code", i64::from(status.as_u16()));
            if status.is_server_error() {
                traced.failed("");
            }
        }
    }
}

/// The span of a request. Whoever handles it or passes it on finds it as the cause.
fn traced(request: &mut Request, path: &str, route: Option<&MatchedPath>) -> Option<Traced> {
    if path.starts_with(PROBES) {
        return None;
    }
    let cause = extract::cause(request.headers());
    let route = route.map_or("", MatchedPath::as_str);
    let mut traced = Traced::begin(SpanKind::Server, request.method().as_str(), route, &cause);
    if traced.is_on() {
        traced.set("http.request.method", request.method().as_str().to_owned());
        traced.set("http.route", route.to_owned());
        traced.set("url.path", path.to_owned());
        traced.carry(request.headers_mut());
    }
    Some(traced)
}

/// What follows this in a path is a credential.
const SECRET_FOLLOWS: &str = "/feeds/";

/// The path as it may be told: without the secret of a feed.
fn masked(path: &str) -> String {
    match path.find(SECRET_FOLLOWS) {
        Some(at) => format!("{}***", &path[..at + SECRET_FOLLOWS.len()]),
        None => path.to_owned(),
    }
}

/// The caller's id if it is a sensible one, else a new one.
fn request_id(request: &Request) -> HeaderValue {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let given = request.headers().get(REQUEST_ID);
    given
        .filter(|id| (1..=64).contains(&id.len()) && id.as_bytes().iter().all(plain))
        .cloned()
        .unwrap_or_else(new_id)
}

fn new_id() -> HeaderValue {
    let id = ulid::Ulid::generate().to_string().to_ascii_lowercase();
    HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("none"))
}

fn note(response: &Response) {
    let status = response.status();
    if status.is_server_error() {
        let cause = response.extensions().get::<Problem>().and_then(Problem::internal_cause);
        tracing::error!(status = status.as_u16(), cause, "request failed");
    } else {
        tracing::debug!(status = status.as_u16(), "answered");
    }
}

fn with_instance(mut response: Response, path: &str) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        *response.body_mut() = Body::from(problem.body(Some(path)));
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    response
}

/// The answer for a handler that panicked.
pub(crate) fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    Problem::internal(format!("panic: {}", text.unwrap_or("?"))).into_response()
}

/// The answer for a path that nobody serves.
pub(crate) async fn no_route() -> Problem {
    Problem::not_found("There is nothing under this address. See /docs for what there is.")
}

/// The answer for a method that the path does not have.
pub(crate) async fn no_method() -> Problem {
    let detail = "This address does not take this method. See /docs for what it takes.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_of_a_feed_is_not_told() {
        for path in ["/feeds/s3cret.xml", "/feeds/s3cret/01k.mp3", "/base/feeds/s3cret", "//feeds/s3cret"] {
            let told = masked(path);
            assert!(told.ends_with("/feeds/***"), "{told}");
        }
        for path in ["/", "/me/feeds", "/jobs/01k", "/feedsx/01k"] {
            assert_eq!(masked(path), path);
        }
    }
}
