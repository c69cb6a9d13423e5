//! Prometheus.

use tempfile::TempDir;

use crate::process::{Process, command, free_port};

/// A Prometheus that scrapes and evaluates what it is told to.
#[derive(Debug)]
pub struct Prometheus {
    port: u16,
    _process: Process,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts it with these files in its folder; `prometheus.yml` is what it reads first.
    #[must_use]
    pub fn start(files: &[(&str, String)]) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let mut prometheus = command("prometheus", folder.path());
        let place = |name: &str| folder.path().join(name).display().to_string();
        prometheus.arg(format!("--config.file={}", place("prometheus.yml")));
        prometheus.arg(format!("--storage.tsdb.path={}", place("data")));
        prometheus.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let mut process = Process::start(prometheus);
        process.ready(port, folder.path());
        Self { port, _process: process, _folder: folder }
    }

    /// The address of its API.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
