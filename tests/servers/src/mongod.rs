//! MongoDB.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::process::{Process, command, free_port};

/// A mongod with an empty data folder.
#[derive(Debug)]
pub struct Mongod {
    folder: TempDir,
    port: u16,
    process: Option<Process>,
}

/// Where `install.sh` puts it.
fn program() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/servers/fiftyone/db/bin/mongod"))
}

impl Mongod {
    /// Starts it and waits until it listens.
    #[must_use]
    pub fn start() -> Self {
        let mut server = Self { folder: tempfile::tempdir().unwrap(), port: free_port(), process: None };
        server.restart();
        server
    }

    /// The address, without a database.
    #[must_use]
    pub fn url(&self) -> String {
        format!("mongodb://127.0.0.1:{}", self.port)
    }

    /// Starts it again after [`Mongod::stop`] or [`Mongod::kill`], on the same data.
    pub fn restart(&mut self) {
        let folder = self.folder.path();
        let mut mongod = command(program(), folder);
        mongod.arg("--dbpath").arg(folder).args(["--bind_ip", "127.0.0.1", "--nounixsocket"]);
        mongod.args(["--port", &self.port.to_string(), "--wiredTigerCacheSizeGB", "0.25"]);
        mongod.args(["--wiredTigerEngineConfigString", "log=(enabled=true,prealloc=false,file_max=10MB)"]);
        mongod.args(["--setParameter", "diagnosticDataCollectionEnabled=false"]);
        let mut process = Process::start(mongod);
        process.ready(self.port, folder);
        self.process = Some(process);
    }

    /// Stops it in good order.
    pub fn stop(&mut self) {
        self.process.take().expect("running").stop();
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process = None;
    }
}
