//! The one address in front of functions that run on their own: every request is passed on as it comes.
//!
//! - `proxy/routes.rs`: which path is whose, in one table.
//! - `proxy/headers.rs`: what a proxy takes away and adds, both ways.
//!
//! Bodies are streams in both directions and never gathered, so an upload of any size and an endless event stream pass
//! in a few hundred KiB. Nothing is retried but what provably was not sent. When the client goes, so does the call.
//! Functions are reached by HTTP/1.1 without TLS: they are inside the cluster, where a mesh may add it.

pub(crate) mod headers;
pub(crate) mod routes;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    body::{Body, HttpBody as _},
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, StatusCode, Uri, Version, header, uri},
    response::{IntoResponse as _, Response},
    routing::any,
};
use futures_util::StreamExt as _;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use runtime::{Function, OpenApiRouter, Problem};

use self::routes::{PREFIXES, Upstream};
use crate::GatewayConfig;

/// How long a function may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an unused connection is kept: shorter than any server in between does.
const IDLE: Duration = Duration::from_secs(20);

/// An address that is none.
#[derive(Debug, thiserror::Error)]
#[error("GATEWAY_*_URL: {0:?} is not of the form http://HOST[:PORT]")]
pub struct InvalidAddress(String);

/// Routes to the functions at the configured addresses.
///
/// # Errors
/// [`InvalidAddress`].
pub(crate) fn routes(config: &GatewayConfig) -> Result<Function, InvalidAddress> {
    let proxy = Proxy::new(config)?;
    let routes = PREFIXES.iter().fold(OpenApiRouter::new(), |routes, (prefix, _)| {
        routes.route(prefix, any(pass)).route(&format!("{prefix}/{{*rest}}"), any(pass))
    });
    Ok(Function::new().routes(routes.with_state(Arc::new(proxy))))
}

struct Proxy {
    client: Client<HttpConnector, Body>,
    addresses: [Option<uri::Authority>; Upstream::ALL.len()],
    trust_forwarded: bool,
    answer: Duration,
}

impl Proxy {
    fn new(config: &GatewayConfig) -> Result<Self, InvalidAddress> {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        let mut addresses = [const { None }; Upstream::ALL.len()];
        for upstream in Upstream::ALL {
            addresses[upstream as usize] = address(upstream.url(config))?;
        }
        let answer = Duration::from_secs(config.answer_seconds);
        Ok(Self { client, addresses, trust_forwarded: config.trust_forwarded, answer })
    }

    fn uri(&self, request: &Request) -> Result<Uri, Problem> {
        let upstream = routes::upstream(request.uri().path());
        let address = upstream.and_then(|upstream| self.addresses[upstream as usize].clone());
        let address = address.ok_or_else(|| {
            let detail = "This part of the service is not running here.";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
                .cause(format!("no address is configured for {upstream:?}"))
        })?;
        let mut parts = uri::Parts::default();
        parts.scheme = Some(uri::Scheme::HTTP);
        parts.authority = Some(address);
        parts.path_and_query = request.uri().path_and_query().cloned();
        Uri::from_parts(parts).map_err(|error| Problem::bad_request(error.to_string()))
    }

    /// The request as the function gets it.
    fn prepare(&self, mut request: Request) -> Result<(Request, Activity), Problem> {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        *request.uri_mut() = self.uri(&request)?;
        *request.version_mut() = Version::HTTP_11;
        request.extensions_mut().clear();
        headers::remove_hop_by_hop(request.headers_mut());
        headers::add_forwarded(request.headers_mut(), peer, self.trust_forwarded);
        let activity = Activity::default();
        Ok((request.map(|body| activity.watch(body)), activity))
    }
}

async fn pass(State(proxy): State<Arc<Proxy>>, request: Request) -> Result<Response, Problem> {
    let patience = routes::patience(request.uri().path(), proxy.answer);
    let (request, activity) = proxy.prepare(request)?;
    let answer = tokio::select! {
        answer = proxy.client.request(request) => answer,
        () = activity.idle_for(patience) => return Err(too_late()),
    };
    let mut response = answer.map_err(|error| unreachable(&error))?.into_response();
    headers::remove_hop_by_hop(response.headers_mut());
    Ok(response)
}

/// Counts what passes of a request's body, so that a long upload is not taken for a silent function.
#[derive(Clone, Default)]
struct Activity(Arc<AtomicU64>);

impl Activity {
    fn watch(&self, body: Body) -> Body {
        if body.is_end_stream() {
            return body;
        }
        let count = self.0.clone();
        Body::from_stream(body.into_data_stream().inspect(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        }))
    }

    /// Ends when nothing has passed for `time`, or a little later.
    async fn idle_for(&self, time: Duration) {
        let mut seen = None;
        while seen != Some(self.0.load(Ordering::Relaxed)) {
            seen = Some(self.0.load(Ordering::Relaxed));
            tokio::time::sleep(time).await;
        }
    }
}

fn address(url: &str) -> Result<Option<uri::Authority>, InvalidAddress> {
    if url.is_empty() {
        return Ok(None);
    }
    let invalid = || InvalidAddress(url.to_owned());
    let address: uri::Parts = url.parse::<Uri>().map_err(|_| invalid())?.into();
    let plain = address.scheme == Some(uri::Scheme::HTTP)
        && address.path_and_query.is_none_or(|path| path == "/")
        && address.authority.as_ref().is_some_and(|authority| !authority.as_str().contains('@'));
    if plain { Ok(address.authority) } else { Err(invalid()) }
}

fn unreachable(error: &hyper_util::client::legacy::Error) -> Problem {
    let detail = "A part of the service can't be reached right now. Try again in a few seconds.";
    let mut causes = vec![error.to_string()];
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    Problem::new(StatusCode::BAD_GATEWAY, "bad-gateway", detail)
        .header(header::RETRY_AFTER, HeaderValue::from_static("5"))
        .cause(causes.join(": "))
}

fn too_late() -> Problem {
    let detail = "A part of the service did not answer in time. Try again in a few seconds.";
    Problem::new(StatusCode::GATEWAY_TIMEOUT, "gateway-timeout", detail)
        .header(header::RETRY_AFTER, HeaderValue::from_static("5"))
        .cause("no head of an answer in time")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port_and_nothing_else() {
        for good in ["http://auth", "http://auth.tapedeck.svc.cluster.local/", "http://127.0.0.1:8081"] {
            assert!(address(good).unwrap().is_some(), "{good}");
        }
        assert!(address("").unwrap().is_none());
        for bad in ["auth", "https://auth", "http://auth/v1", "http://u:p@auth", "http://"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
