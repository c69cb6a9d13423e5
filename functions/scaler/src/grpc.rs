//! The methods, over gRPC.

use std::time::Duration;

use axum::{Router, body::Body, extract::Request, response::Response, routing::post};
use prost::Message;
use runtime::CancellationToken;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Status, server::Grpc, transport::Server};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::{methods, work::Work};

/// Most requests at once on one connection. KEDA has one, and a stream and two calls on it for each thing that it scales.
const AT_ONCE: u32 = 32;
/// A KEDA that is gone without a word is noticed after this time.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Answers KEDA until `shutdown`.
///
/// # Errors
/// If the listener fails.
pub async fn serve(
    listener: TcpListener,
    work: Work,
    shutdown: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let service = router(work, shutdown.clone());
    Server::builder()
        .max_concurrent_streams(AT_ONCE)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .serve_with_incoming_shutdown(service, TcpListenerStream::new(listener), shutdown.cancelled_owned())
        .await
}

/// A method is a path.
fn path(method: &str) -> String {
    format!("/externalscaler.ExternalScaler/{method}")
}

fn router(work: Work, shutdown: CancellationToken) -> Router {
    let (active, spec, metrics, stream) = (work.clone(), work.clone(), work.clone(), work);
    Router::new()
        .route(&path("IsActive"), post(move |request| unary(request, active, methods::is_active)))
        .route(&path("GetMetricSpec"), post(move |request| unary(request, spec, methods::get_metric_spec)))
        .route(&path("GetMetrics"), post(move |request| unary(request, metrics, methods::get_metrics)))
        .route(&path("StreamIsActive"), post(move |request| stream_is_active(request, stream, shutdown)))
        // KEDA asks for StreamMetricSpec too, and does without it.
        .fallback(async || Status::unimplemented("there is no such method").into_http::<Body>())
}

async fn unary<Q, A, F>(request: Request, work: Work, method: impl Fn(Work, Q) -> F + Copy) -> Response
where
    Q: Message + Default + Send + 'static,
    A: Message + Send + Sync + 'static,
    F: Future<Output = Result<A, Status>>,
{
    let service = service_fn(|asked: tonic::Request<Q>| {
        let answer = method(work.clone(), asked.into_inner());
        async move { answer.await.map(tonic::Response::new) }
    });
    let answer = Grpc::new(ProstCodec::<A, Q>::default()).unary(service, request).await;
    answer.map(Body::new)
}

async fn stream_is_active(request: Request, work: Work, shutdown: CancellationToken) -> Response {
    let service = service_fn(|_: tonic::Request<crate::messages::ScaledObjectRef>| {
        let states = methods::stream_is_active(work.clone(), shutdown.clone());
        async move { states.await.map(tonic::Response::new) }
    });
    let codec = ProstCodec::<crate::messages::IsActiveResponse, _>::default();
    Grpc::new(codec).server_streaming(service, request).await.map(Body::new)
}
