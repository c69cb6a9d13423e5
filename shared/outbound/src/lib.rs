//! HTTP to hosts that somebody else names: webhooks, links to videos, and the server of the command-line client.
//! Start with [`Outbound`].
//!
//! - `rules.rs`: which URLs are called. `address.rs`: which addresses are everybody's.
//! - `trust.rs`: whose certificates are good.
//! - `answer.rs`: what comes back, as a stream.
//!
//! An error tells of names that only a private network has ([`Error::Unknown`] or [`Error::Private`]): whoever passes it on
//! to a stranger says the same for both.
//!
//! One request is one connection: the name is resolved once, each address is checked, and the connection goes to one of
//! those addresses and to no other. A second answer of the same name could be a private one (DNS rebinding). Redirects are
//! never followed here: whoever follows one sends a new request, which is checked anew. No proxy of the environment is
//! used, no cookie is kept, and nothing is decompressed.

mod address;
mod answer;
mod rules;
mod trust;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use hyper::{
    Request, Response,
    body::{Body, Incoming},
    client::conn::http1,
    header::{HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};
use url::{Position, Url};

use crate::rules::Target;
pub use crate::{
    answer::{Answer, Content},
    rules::Rules,
    trust::{Trust, Untrusted},
};

/// How a program of ours calls itself.
pub const USER_AGENT: &str = concat!("Tapedeck/", env!("CARGO_PKG_VERSION"));

/// Longest head of an answer, in bytes.
const HEAD: usize = 128 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// We don't call such a URL: why.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The host has private addresses only.
    #[error("the host has no public address")]
    Private,
    /// The name has no address now.
    #[error("the host can't be resolved: {0}")]
    Unknown(io::Error),
    /// The host can't be reached, its certificate is none, or it does not speak HTTP.
    #[error("{0}")]
    Failed(io::Error),
}

/// Calls what its rules allow; cheap to clone.
#[derive(Clone)]
pub struct Outbound {
    rules: Arc<Rules>,
    tls: TlsConnector,
    names: Names,
    is_public: fn(IpAddr) -> bool,
}

/// Who knows the addresses of names.
#[derive(Clone)]
enum Names {
    System,
    Told(Arc<Book>),
}

/// The addresses of a name.
type Book = dyn Fn(&str) -> Vec<IpAddr> + Send + Sync;

impl Outbound {
    /// With these rules, believing these certificates.
    ///
    /// # Errors
    /// [`Untrusted`], if there is no TLS to be had.
    pub fn new(rules: Rules, trust: Trust) -> Result<Self, Untrusted> {
        let (rules, tls) = (rules.into(), trust.connector()?);
        Ok(Self { rules, tls, names: Names::System, is_public: address::is_public })
    }

    /// In another internet, for tests: what names mean there, and which addresses are public.
    #[doc(hidden)]
    #[must_use]
    pub fn in_a_world(
        self,
        names: impl Fn(&str) -> Vec<IpAddr> + Send + Sync + 'static,
        is_public: fn(IpAddr) -> bool,
    ) -> Self {
        Self { names: Names::Told(Arc::new(names)), is_public, ..self }
    }

    /// Sends a request to `url`, over a connection of its own. Its method, headers and body count; target and `Host` are
    /// the URL's.
    ///
    /// # Errors
    /// [`Error`]. There is no limit of time: the caller sets one.
    pub async fn send<B>(&self, url: &Url, mut request: Request<B>) -> Result<Answer, Error>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let target = self.rules.target(url)?;
        let addresses = self.addresses(&target).await?;
        let failed = |error: &dyn std::fmt::Display| Error::Failed(io::Error::other(error.to_string()));
        let path = &url[Position::BeforePath..Position::AfterQuery];
        *request.uri_mut() = path.parse().map_err(|error| failed(&error))?;
        let host = &url[Position::BeforeHost..Position::AfterPort];
        request.headers_mut().insert(HOST, HeaderValue::from_str(host).map_err(|error| failed(&error))?);
        let stream = TcpStream::connect(&*addresses).await.map_err(Error::Failed)?;
        // A small request must not wait for the acknowledgement of its head.
        stream.set_nodelay(true).map_err(Error::Failed)?;
        if !target.tls {
            return exchange(stream, request).await;
        }
        let name = ServerName::try_from(target.host).map_err(|error| failed(&error))?;
        exchange(self.tls.connect(name, stream).await.map_err(Error::Failed)?, request).await
    }

    /// Resolved now, and once: these are connected to.
    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, Error> {
        let (host, port) = (target.host.as_str(), target.port);
        let found: Vec<SocketAddr> = match (&self.names, host.parse::<IpAddr>()) {
            (_, Ok(address)) => vec![(address, port).into()],
            (Names::System, _) => match tokio::net::lookup_host((host, port)).await {
                Ok(found) => found.collect(),
                Err(error) => return Err(Error::Unknown(error)),
            },
            (Names::Told(names), _) => {
                names(host).into_iter().map(|address| (address, port).into()).collect()
            }
        };
        let allowed = found.into_iter().filter(|to| target.anywhere || (self.is_public)(to.ip()));
        let allowed: Vec<SocketAddr> = allowed.collect();
        if allowed.is_empty() { Err(Error::Private) } else { Ok(allowed) }
    }
}

/// The head of the answer; its body follows as it is read.
async fn exchange<S, B>(stream: S, request: Request<B>) -> Result<Answer, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let failed = |error: hyper::Error| Error::Failed(io::Error::other(error));
    let mut http = http1::Builder::new();
    let (mut sender, connection) =
        http.max_buf_size(HEAD).handshake(TokioIo::new(stream)).await.map_err(failed)?;
    // Ends with the answer, whatever way that ends.
    let mut driver = JoinSet::new();
    driver.spawn(async move {
        let _ = connection.await;
    });
    let response: Response<Incoming> = sender.send_request(request).await.map_err(failed)?;
    Ok(Answer::new(response, driver))
}

#[cfg(test)]
mod tests;
