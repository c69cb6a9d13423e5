//! Receivers of webhooks.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

/// An answer whose body does not end.
const ENDLESS: &str = "200 OK\r\nX-Endless: yes";

/// What a receiver of webhooks has heard.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Heard {
    pub(crate) fn header(&self, name: &str) -> String {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        found.next().expect(name).to_owned()
    }
}

/// A receiver of webhooks that answers each call with a status line and headers.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    answer: Arc<Mutex<&'static str>>,
}

impl Receiver {
    pub(crate) async fn answering(answer: &'static str) -> Self {
        Self::start(answer, None).await
    }

    /// With the certificate in `folder`.
    pub(crate) async fn over_tls(folder: &Path) -> Self {
        Self::start("204 No Content", Some(acceptor(folder))).await
    }

    /// Answers 200, and then bytes without an end.
    pub(crate) async fn endless() -> Self {
        Self::start(ENDLESS, None).await
    }

    /// Listens, and never answers.
    pub(crate) async fn silent() -> Self {
        Self::start("", None).await
    }

    async fn start(answer: &'static str, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}/hook?key=1", listener.local_addr().unwrap());
        let receiver = Self { url, heard: Arc::default(), answer: Arc::new(Mutex::new(answer)) };
        let hearing = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, receiver) = (tls.clone(), hearing.clone());
                tokio::spawn(async move {
                    match tls {
                        None => hear(stream, &receiver).await,
                        Some(tls) => hear(tls.accept(stream).await?, &receiver).await,
                    }
                });
            }
        });
        receiver
    }

    /// What it answers from now on.
    pub(crate) fn answers(&self, answer: &'static str) {
        *self.answer.lock().unwrap() = answer;
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

fn acceptor(folder: &Path) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(folder.join("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    Arc::new(config.with_single_cert(vec![certificate], key).unwrap()).into()
}

async fn hear<S: AsyncRead + AsyncWrite + Unpin>(stream: S, receiver: &Receiver) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let mut call = Heard { head, body: String::new() };
    let mut body = vec![0; call.header("content-length").parse().unwrap()];
    stream.read_exact(&mut body).await?;
    call.body = String::from_utf8(body).unwrap();
    receiver.heard.lock().unwrap().push(call);
    let answer = *receiver.answer.lock().unwrap();
    if answer.is_empty() {
        return std::future::pending().await;
    }
    if answer == ENDLESS {
        stream.write_all(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes()).await?;
        loop {
            stream.write_all(&[b'x'; 65_536]).await?;
        }
    }
    stream.write_all(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n").as_bytes()).await?;
    stream.flush().await
}
