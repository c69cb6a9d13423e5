//! RabbitMQ, with its management plugin.

use std::{fs, path::Path};

use tempfile::TempDir;

use crate::process::{Process, command, free_port};

/// The program itself: the one on the PATH changes to a user of its own.
const PROGRAM: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// The management API's counters are a second old instead of five: tests wait for them.
const QUICK_COUNTERS: &str = "[{rabbit, [{quorum_tick_interval, 500}]},
 {rabbitmq_management_agent, [{sample_retention_policies,
  [{global, [{600, 1}]}, {basic, [{600, 1}]}, {detailed, [{600, 1}]}]}]}].
";

/// A RabbitMQ node with an empty data folder; user `guest`, password `guest`.
#[derive(Debug)]
pub struct Rabbitmq {
    folder: TempDir,
    port: u16,
    management_port: u16,
    /// Erlang's name server: ours, so that none is left behind.
    epmd: Option<Process>,
    epmd_port: u16,
    process: Option<Process>,
}

impl Rabbitmq {
    /// Starts it and waits until it listens.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, management_port, epmd_port) = (free_port(), free_port(), free_port());
        configure(folder.path(), port, management_port);
        let mut server = Self { folder, port, management_port, epmd: None, epmd_port, process: None };
        server.restart();
        server
    }

    /// The address for AMQP.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    /// The address of the management API.
    #[must_use]
    pub fn management_url(&self) -> String {
        format!("http://guest:guest@127.0.0.1:{}", self.management_port)
    }

    /// Starts it again after [`Rabbitmq::stop`] or [`Rabbitmq::kill`], on the same data.
    pub fn restart(&mut self) {
        let folder = self.folder.path();
        if self.epmd.is_none() {
            let mut epmd = command("epmd", folder);
            epmd.args(["-port", &self.epmd_port.to_string(), "-address", "127.0.0.1"]);
            let mut process = Process::start(epmd);
            process.ready(self.epmd_port, folder);
            self.epmd = Some(process);
        }
        let mut server = command(PROGRAM, folder);
        server
            .env("HOME", folder)
            .env("ERL_EPMD_PORT", self.epmd_port.to_string())
            .env("RABBITMQ_NODENAME", format!("tapedeck{}@localhost", self.port))
            .env("RABBITMQ_DIST_PORT", free_port().to_string())
            .env("RABBITMQ_MNESIA_BASE", folder.join("mnesia"))
            .env("RABBITMQ_LOG_BASE", folder)
            .env("RABBITMQ_CONF_ENV_FILE", folder.join("none"))
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", folder.join("advanced.config"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("plugins"));
        let mut process = Process::start(server);
        process.ready(self.port, folder);
        process.ready(self.management_port, folder);
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

fn configure(folder: &Path, port: u16, management_port: u16) {
    let settings = format!(
        "listeners.tcp.1 = 127.0.0.1:{port}\n\
         management.tcp.ip = 127.0.0.1\n\
         management.tcp.port = {management_port}\n\
         log.console = true\n\
         log.console.level = warning\n\
         log.file = false\n\
         vm_memory_high_watermark.absolute = 512MB\n\
         disk_free_limit.absolute = 50MB\n\
         collect_statistics_interval = 500\n"
    );
    fs::write(folder.join("rabbitmq.conf"), settings).unwrap();
    fs::write(folder.join("advanced.config"), QUICK_COUNTERS).unwrap();
    fs::write(folder.join("plugins"), "[rabbitmq_management].\n").unwrap();
}
