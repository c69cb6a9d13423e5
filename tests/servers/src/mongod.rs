//! MongoDB.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::process::{Process, command, free_port};

/// A mongod with an empty data folder.
#[derive(Debug)]
pub struct Mongod {
    folder: TempDir,
    port: u16,
    /// Words on its command line beyond the usual ones.
    options: &'static [&'static str],
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
        Self::start_with(&[])
    }

    /// The same with more options, such as `--replSet NAME`.
    #[must_use]
    pub fn start_with(options: &'static [&'static str]) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let mut server = Self { folder, port, options, process: None };
        server.restart();
        server
    }

    /// The address, without a database.
    #[must_use]
    pub fn url(&self) -> String {
        format!("mongodb://{}", self.host())
    }

    /// The address as a member of a replica set is called.
    #[must_use]
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts it again after [`Mongod::stop`] or [`Mongod::kill`], on the same data.
    pub fn restart(&mut self) {
        let folder = self.folder.path();
        let mut mongod = command(program(), folder);
        mongod.arg("--dbpath").arg(folder).args(["--bind_ip", "127.0.0.1", "--nounixsocket"]);
        mongod.args(["--port", &self.port.to_string(), "--wiredTigerCacheSizeGB", "0.25"]);
        mongod.args(["--wiredTigerEngineConfigString", "log=(enabled=true,prealloc=false,file_max=10MB)"]);
        mongod.args(["--setParameter", "diagnosticDataCollectionEnabled=false"]);
        mongod.args(self.options);
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
