//! Calls a webhook: one POST over a connection of its own, no redirects, no proxies, whatever the answer's body.

use std::{
    io::{self, ErrorKind},
    sync::Arc,
    time::Duration,
};

use contracts::Timestamp;
use http_body_util::Full;
use hyper::{Request, StatusCode, Uri, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use identity::WebhookSecret;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

use crate::{Error, WebhookConfig, target::Target};

/// From the look-up of the name to the answer's status.
pub(crate) const LIMIT: Duration = Duration::from_secs(15);
const USER_AGENT: &str = concat!("Tapedeck/", env!("CARGO_PKG_VERSION"));

/// Calls webhooks; cheap to clone.
#[derive(Clone)]
pub(crate) struct Webhooks {
    tls: TlsConnector,
    anywhere: bool,
}

/// A message to a webhook, the same for each attempt but for its time.
pub(crate) struct Message {
    /// Where to.
    pub(crate) url: String,
    /// By which the receiver knows a message that comes twice.
    pub(crate) id: String,
    /// A CloudEvent in JSON.
    pub(crate) body: String,
    /// The receiver's.
    pub(crate) secret: WebhookSecret,
    /// When it is sent: each attempt is signed anew.
    pub(crate) time: Timestamp,
}

/// What became of a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Called {
    /// The receiver has it.
    Taken,
    /// The receiver wants no more (410).
    Unwanted,
    /// We don't call such a URL.
    Forbidden,
    /// Perhaps later: why. The receiver is there.
    Declined(String),
    /// Perhaps later: why. The receiver is away or has too much to do.
    Failed(String),
}

impl Webhooks {
    /// Trusts the public certificate authorities and those that the configuration names.
    ///
    /// # Errors
    /// [`Error::CaFile`].
    pub(crate) fn new(config: &WebhookConfig) -> Result<Self, Error> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
        if !config.ca_file.is_empty() {
            add_roots(&mut roots, &config.ca_file)?;
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Unavailable(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: Arc::new(tls).into(), anywhere: config.unsafe_targets_for_tests })
    }

    pub(crate) async fn call(&self, message: &Message) -> Called {
        match tokio::time::timeout(LIMIT, self.post(message)).await {
            Ok(Ok(status)) if status.is_success() => Called::Taken,
            Ok(Ok(StatusCode::GONE)) => Called::Unwanted,
            Ok(Ok(status)) => {
                let cause = format!("the receiver answered {}", status.as_u16());
                let busy = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
                if busy { Called::Failed(cause) } else { Called::Declined(cause) }
            }
            Ok(Err(error)) if error.kind() == ErrorKind::PermissionDenied => Called::Forbidden,
            Ok(Err(error)) => Called::Failed(error.to_string()),
            Err(_) => Called::Failed(format!("no answer within {} s", LIMIT.as_secs())),
        }
    }

    /// `PermissionDenied` is ours: a URL that is not called.
    async fn post(&self, message: &Message) -> io::Result<StatusCode> {
        let forbidden = || io::Error::from(ErrorKind::PermissionDenied);
        let uri: Uri = message.url.parse().map_err(|_| forbidden())?;
        let target = Target::of(&uri, self.anywhere).ok_or_else(forbidden)?;
        let addresses = target.addresses(self.anywhere).await?;
        if addresses.is_empty() {
            return Err(forbidden());
        }
        let request = request(&uri, message)?;
        let stream = TcpStream::connect(&*addresses).await.map_err(other)?;
        if !target.tls {
            return exchange(stream, request).await;
        }
        let name = ServerName::try_from(target.host).map_err(|_| forbidden())?;
        exchange(self.tls.connect(name, stream).await.map_err(other)?, request).await
    }
}

fn request(uri: &Uri, message: &Message) -> io::Result<Request<Full<Bytes>>> {
    let now = message.time;
    Request::post(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(header::HOST, uri.authority().map_or("", |authority| authority.as_str()))
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::CONTENT_TYPE, "application/cloudevents+json")
        .header("webhook-id", &message.id)
        .header("webhook-timestamp", now.millis() / 1000)
        .header("webhook-signature", message.secret.sign(&message.id, now, message.body.as_bytes()))
        .body(Full::from(message.body.clone()))
        .map_err(io::Error::other)
}

/// The answer's status; its body is not read.
async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> io::Result<StatusCode>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // Ends with this function, whatever way that ends.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let answer = sender.send_request(request).await.map_err(io::Error::other)?;
    Ok(answer.status())
}

/// So that a firewall's "permission denied" is not taken for ours.
fn other(error: io::Error) -> io::Error {
    io::Error::other(error)
}

fn add_roots(roots: &mut RootCertStore, path: &str) -> Result<(), Error> {
    let wrong = |problem: String| Error::CaFile { path: path.into(), problem };
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    Ok(())
}
