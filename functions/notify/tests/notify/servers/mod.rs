//! Servers that the tests of one file or another need: a real mail server, mail servers that misbehave, receivers of
//! webhooks.

mod post;
mod receiver;

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

pub(crate) use self::{
    post::{Mood, Post},
    receiver::Receiver,
};

/// aiosmtpd on a free port. Ends with this value.
pub(crate) struct Smtp {
    child: Child,
    pub(crate) port: u16,
    pub(crate) folder: tempfile::TempDir,
}

impl Smtp {
    /// `mode` is `starttls`, `tls` or `plain`.
    pub(crate) fn start(mode: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        certificate(folder.path());
        let port = servers::free_port();
        // Debian's own Python, not one that stands before it on the PATH: the one that aiosmtpd is installed for.
        let mut server = command("/usr/bin/python3");
        server.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/notify/servers/smtp.py"));
        server.arg(port.to_string()).arg(folder.path()).arg(mode);
        let mut child = server.stderr(Stdio::inherit()).spawn().unwrap();
        wait_for(port, &mut child);
        Self { child, port, folder }
    }

    pub(crate) fn mails(&self) -> Vec<String> {
        let Ok(folder) = fs::read_dir(self.folder.path().join("mails/new")) else { return Vec::new() };
        folder.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
    }

    /// The certificate that signs itself.
    pub(crate) fn ca_file(&self) -> String {
        self.folder.path().join("cert.pem").display().to_string()
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "tests start the servers that they need")]
pub(crate) fn command(program: &str) -> Command {
    Command::new(program)
}

/// `cert.pem` and `key.pem` for 127.0.0.1, made on the spot.
pub(crate) fn certificate(folder: &Path) {
    let mut openssl = command("openssl");
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]);
    openssl.args(["-subj", "/CN=tests", "-addext", "subjectAltName=IP:127.0.0.1"]);
    // An end entity: rustls takes no authority for a server.
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    openssl.arg("-keyout").arg(folder.join("key.pem")).arg("-out").arg(folder.join("cert.pem"));
    let made = openssl.stderr(Stdio::null()).status().expect("openssl: run tests/servers/install.sh");
    assert!(made.success());
}

fn wait_for(port: u16, child: &mut Child) {
    let start = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(child.try_wait().unwrap().is_none(), "it has ended: run tests/servers/install.sh");
        assert!(start.elapsed() < Duration::from_secs(60), "the server does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A mail server that answers each command with what `answer` says; `None` hangs up. Its port.
pub(crate) async fn odd_server(answer: fn(&str) -> Option<&'static str>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, answer));
        }
    });
    port
}

/// The first command is `CONNECT`, which no client says. An empty answer is silence.
async fn converse(stream: TcpStream, answer: fn(&str) -> Option<&'static str>) {
    let mut stream = BufReader::new(stream);
    let mut command = String::from("CONNECT");
    loop {
        let Some(line) = answer(command.trim_end()) else { return };
        if !line.is_empty() && stream.write_all(format!("{line}\r\n").as_bytes()).await.is_err() {
            return;
        }
        command.clear();
        if stream.read_line(&mut command).await.unwrap_or(0) == 0 {
            return;
        }
    }
}
