//! SMTP: aiosmtpd, which keeps each mail as a file.

use std::{fs, path::PathBuf};

use tempfile::TempDir;

use crate::process::{Process, command, free_port};

/// An SMTP server that takes every mail without asking who sends it.
#[derive(Debug)]
pub struct Smtp {
    folder: TempDir,
    port: u16,
    process: Option<Process>,
}

impl Smtp {
    /// Starts it and waits until it listens.
    #[must_use]
    pub fn start() -> Self {
        let mut server = Self { folder: tempfile::tempdir().unwrap(), port: free_port(), process: None };
        server.restart();
        server
    }

    /// Starts it again after [`Smtp::stop`], with the mails that it has.
    pub fn restart(&mut self) {
        let folder = self.folder.path();
        let mut smtp = command("/usr/bin/python3", folder);
        smtp.args(["-m", "aiosmtpd", "--nosetuid", "--listen", &format!("127.0.0.1:{}", self.port)]);
        smtp.args(["--class", "aiosmtpd.handlers.Mailbox"]).arg(folder.join("mails"));
        let mut process = Process::start(smtp);
        process.ready(self.port, folder);
        self.process = Some(process);
    }

    /// Stops it.
    pub fn stop(&mut self) {
        self.process.take().expect("running").stop();
    }

    /// The address, as `MAIL_URL` wants it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}?tls=none", self.port)
    }

    /// The folder in which each mail is a file (a maildir's `new`).
    #[must_use]
    pub fn mails_folder(&self) -> PathBuf {
        self.folder.path().join("mails/new")
    }

    /// The mails so far, whole.
    #[must_use]
    pub fn mails(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.mails_folder()) else { return Vec::new() };
        entries.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
    }
}
