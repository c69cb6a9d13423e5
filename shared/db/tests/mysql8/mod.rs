//! As much of MySQL 8 as a login is: its default way (`caching_sha2_password`) with an empty cache, which asks for the
//! password itself. Debian has no MySQL 8.
//! <https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html>

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use servers::Certificate;
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

/// Whether the server offers TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Clear,
    Tls,
}

#[derive(Debug, Default)]
struct Seen {
    in_clear: Vec<u8>,
    password: Option<String>,
}

/// A server that says OK to every statement.
pub(crate) struct Mysql8 {
    port: u16,
    seen: Arc<Mutex<Seen>>,
    _folder: TempDir,
}

/// CONNECT_WITH_DB, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH, DEPRECATE_EOF.
const CAPABILITIES: u32 = 0x8 | 0x200 | 0x2000 | 0x8000 | 0x8_0000 | 0x100_0000;
const SSL: u32 = 0x800;
const OK: [u8; 7] = [0, 0, 0, 2, 0, 0, 0];
/// Statement 1, without columns and parameters.
const PREPARED: [u8; 12] = [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

impl Mysql8 {
    pub(crate) async fn start(line: Line) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tls = (line == Line::Tls).then(|| acceptor(&Certificate::make(folder.path())));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, seen) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Seen>>::default());
        let all = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that leaves ends its connection with an error.
                tokio::spawn(connection(stream, tls.clone(), Arc::clone(&all)));
            }
        });
        Self { port, seen, _folder: folder }
    }

    pub(crate) fn url(&self) -> String {
        format!("mysql://tapedeck:secret@127.0.0.1:{}/tapedeck", self.port)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// What the client sent when it was asked for its password.
    pub(crate) fn password(&self) -> Option<String> {
        self.seen().password.clone()
    }

    /// Whether this went over the line outside of TLS.
    pub(crate) fn saw_in_clear(&self, text: &str) -> bool {
        self.seen().in_clear.windows(text.len()).any(|part| part == text.as_bytes())
    }
}

fn acceptor(certificate: &Certificate) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(&certificate.file).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(&certificate.key).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()))
}

async fn connection(
    mut stream: TcpStream,
    tls: Option<TlsAcceptor>,
    seen: Arc<Mutex<Seen>>,
) -> io::Result<()> {
    send(&mut stream, 0, &greeting(tls.is_some())).await?;
    let (sequence, first) = receive(&mut stream).await?;
    seen.lock().unwrap().in_clear.extend(&first);
    let Some(tls) = tls.filter(|_| first[1] & 0x8 != 0) else {
        // Full authentication; the client may ask for the RSA key (2), but does not send the password as it is.
        send(&mut stream, sequence + 1, &[1, 4]).await?;
        let (sequence, answer) = receive(&mut stream).await?;
        seen.lock().unwrap().in_clear.extend(&answer);
        send(&mut stream, sequence + 1, b"\x01-----BEGIN PUBLIC KEY-----").await?;
        return receive(&mut stream).await.map(|(_, rest)| seen.lock().unwrap().in_clear.extend(rest));
    };
    let mut stream = tls.accept(stream).await?;
    let (sequence, _) = receive(&mut stream).await?;
    send(&mut stream, sequence + 1, &[1, 4]).await?;
    let (sequence, password) = receive(&mut stream).await?;
    let password = String::from_utf8_lossy(password.strip_suffix(b"\0").unwrap()).into_owned();
    seen.lock().unwrap().password = Some(password);
    send(&mut stream, sequence + 1, &OK).await?;
    loop {
        let (sequence, command) = receive(&mut stream).await?;
        let prepares = command[0] == 0x16;
        send(&mut stream, sequence + 1, if prepares { &PREPARED } else { &OK }).await?;
    }
}

/// Protocol::HandshakeV10.
fn greeting(tls: bool) -> Vec<u8> {
    let [a, b, c, d] = (CAPABILITIES | if tls { SSL } else { 0 }).to_le_bytes();
    let mut greeting = b"\x0a8.4.3\0\x01\0\0\0nonce-of\0".to_vec();
    greeting.extend([a, b, 0xff, 2, 0, c, d, 21]);
    greeting.extend([0; 10]);
    greeting.extend(b"-20-letters!\0caching_sha2_password\0");
    greeting
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), sequence: u8, payload: &[u8]) -> io::Result<()> {
    let [a, b, c, _] = u32::try_from(payload.len()).unwrap().to_le_bytes();
    stream.write_all(&[&[a, b, c, sequence], payload].concat()).await?;
    stream.flush().await
}

async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, Vec<u8>)> {
    let head = stream.read_u32_le().await?;
    let mut payload = vec![0; (head & 0xff_ffff) as usize];
    stream.read_exact(&mut payload).await?;
    Ok((head.to_le_bytes()[3], payload))
}
