//! A receiver of webhooks, which notes who calls.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use servers::Certificate;
use tempfile::TempDir;

use crate::process::Process;

/// The receiver. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Receiver {
    _process: Process,
    pub(super) port: u16,
    certificate: Certificate,
    folder: TempDir,
}

/// A webhook that was called.
#[derive(Clone, Debug)]
pub(super) struct Called {
    pub(super) at: SystemTime,
    /// `webhook-id`.
    pub(super) id: String,
    pub(super) job: String,
}

impl Receiver {
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = Certificate::make(folder.path());
        #[expect(clippy::disallowed_methods, reason = "a server that the tests need")]
        let mut command = Command::new("/usr/bin/python3");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/fault/receiver.py"));
        command.args([&certificate.file, &certificate.key]).arg(folder.path().join("calls"));
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let (process, port) = Process::start(command, |line| line.parse().ok());
        Self { _process: process, port: port.expect("it prints its port"), certificate, folder }
    }

    /// By which it is trusted.
    pub(super) fn authority(&self) -> PathBuf {
        self.certificate.authority.clone()
    }

    pub(super) fn url(&self) -> String {
        format!("https://127.0.0.1:{}/hook", self.port)
    }

    pub(super) fn calls(&self) -> Vec<Called> {
        let text = fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        let called = |line: &str| {
            let [at, id, job]: [&str; 3] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs_f64(at.parse().unwrap());
            Called { at, id: id.to_owned(), job: job.to_owned() }
        };
        text.lines().map(called).collect()
    }
}
