//! What reads events from the wire, as plain functions: for fuzzing.

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, StatusCode},
    response::IntoResponse as _,
};
use contracts::Envelope;
use tokio::runtime::{Builder, Runtime};

use crate::cloudevents::{answer, read};

thread_local! {
    /// The SDK reads asynchronously, and under a clock.
    static RUNTIME: Option<Runtime> = Builder::new_current_thread().enable_time().build().ok();
}

/// The event of a request with this head and body, or the status that refuses it.
///
/// # Errors
/// The status.
pub fn event(head: HeaderMap, body: Vec<u8>) -> Result<Envelope, StatusCode> {
    let mut request = Request::new(Body::from(body));
    *request.headers_mut() = head;
    now(read(request))?.map_err(|problem| problem.into_response().status())
}

/// The reply of a handler that returns this event: status, head and body.
///
/// # Errors
/// 500 if it has no end.
pub fn reply(envelope: Envelope) -> Result<(StatusCode, HeaderMap, Vec<u8>), StatusCode> {
    let (parts, body) = answer(Ok(vec![envelope])).into_parts();
    let body = now(to_bytes(body, usize::MAX))?.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok((parts.status, parts.headers, body.into()))
}

fn now<T>(work: impl Future<Output = T>) -> Result<T, StatusCode> {
    RUNTIME.with(|runtime| match runtime {
        Some(runtime) => Ok(runtime.block_on(work)),
        None => Err(StatusCode::INTERNAL_SERVER_ERROR),
    })
}
