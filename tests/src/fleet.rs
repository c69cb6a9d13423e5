//! The platform as a process per function, on real servers, wired by AMQP.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use contracts::JobId;
use servers::{Mariadb, Mongod, Rabbitmq, Shared, Smtp, free_port, shared};

use crate::process::{Process, program};

/// A place of a platform's own on the servers.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) database_url: String,
    pub(crate) blobs_url: String,
    pub(crate) broker_url: String,
    /// RabbitMQ's management API.
    pub(crate) management_url: String,
}

impl Place {
    /// On the servers that the whole run shares: a database, a GridFS database and a virtual host of a fresh name.
    pub(crate) async fn shared() -> Self {
        let name = format!("t{}", JobId::generate());
        let api = shared(Shared::RabbitmqApi);
        let answer = reqwest::Client::new().put(format!("{api}/api/vhosts/{name}")).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        Self {
            database_url: sibling(&shared(Shared::Database), &name),
            blobs_url: format!("{}/{name}", shared(Shared::Mongodb)),
            broker_url: sibling(&shared(Shared::Amqp), &name),
            management_url: api,
        }
    }
}

/// Servers of a test's own, for a test that stops them.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct OwnServers {
    pub mariadb: Mariadb,
    pub mongod: Mongod,
    pub rabbitmq: Rabbitmq,
}

impl OwnServers {
    /// Starts one of each.
    #[must_use]
    pub fn start() -> Self {
        Self { mariadb: Mariadb::start(), mongod: Mongod::start(), rabbitmq: Rabbitmq::start() }
    }

    pub(crate) fn place(&self) -> Place {
        Place {
            database_url: self.mariadb.url(),
            blobs_url: format!("{}/tapedeck", self.mongod.url()),
            broker_url: self.rabbitmq.url(),
            management_url: self.rabbitmq.management_url(),
        }
    }
}

/// The same server's address with another last part.
fn sibling(url: &str, name: &str) -> String {
    format!("{}/{name}", url.rsplit_once('/').unwrap().0)
}

/// What runs: every function, by its program's name.
pub const FUNCTIONS: [&str; 8] =
    ["auth", "upload", "jobs", "download", "notify", "sweep", "convert", "gateway"];

/// Each process has a port of its own for it, whatever it is set to.
const METRICS: &str = "METRICS_PORT";

#[derive(Debug)]
pub(crate) struct Fleet {
    processes: BTreeMap<&'static str, Process>,
    ports: BTreeMap<&'static str, u16>,
    /// Where each serves its metrics, if the variables ask for them.
    scraped: BTreeMap<&'static str, u16>,
    pub(crate) home: String,
    pub(crate) smtp: Smtp,
    pub(crate) place: Place,
    /// What all processes are told.
    variables: Vec<(String, String)>,
    log: PathBuf,
}

impl Fleet {
    pub(crate) async fn start(folder: &Path, variables: &[(String, String)], place: Place) -> Self {
        let smtp = Smtp::start();
        operate(&["keys", folder.to_str().unwrap()], &[], folder);
        let ports: BTreeMap<&'static str, u16> = FUNCTIONS.iter().map(|name| (*name, free_port())).collect();
        let asked = variables.iter().any(|(name, _)| name == METRICS);
        let scraped = FUNCTIONS.iter().filter(|_| asked).map(|name| (*name, free_port())).collect();
        let home = format!("http://127.0.0.1:{}", ports["gateway"]);
        let mut shared = vec![
            ("DATABASE_URL".into(), place.database_url.clone()),
            ("BLOBS_URL".into(), place.blobs_url.clone()),
            ("BROKER_URL".into(), place.broker_url.clone()),
            ("PUBLIC_URL".into(), home.clone()),
            ("MAIL_URL".into(), smtp.url()),
            ("SIGNING_KEY_FILE".into(), folder.join("signing.pem").display().to_string()),
            ("PUBLIC_KEY_FILE".into(), folder.join("public.pem").display().to_string()),
            ("LINKS_KEY_FILE".into(), folder.join("links.key").display().to_string()),
            ("PROOFS_KEY_FILE".into(), folder.join("proofs.key").display().to_string()),
        ];
        for function in ["auth", "upload", "jobs", "download"] {
            let address = format!("http://127.0.0.1:{}", ports[function]);
            shared.push((format!("GATEWAY_{}_URL", function.to_uppercase()), address));
        }
        shared.extend(variables.iter().cloned());
        operate(&["migrate"], &shared, folder);
        let (processes, log) = (BTreeMap::new(), folder.join("log"));
        let mut fleet = Self { processes, ports, scraped, home, smtp, place, variables: shared, log };
        for name in FUNCTIONS {
            let process = fleet.spawn(name, fleet.ports[name], &[]);
            fleet.processes.insert(name, process);
        }
        for name in FUNCTIONS {
            listening(name, fleet.ports[name], &fleet.log);
        }
        fleet
    }

    fn spawn(&self, function: &str, port: u16, variables: &[(String, String)]) -> Process {
        let mut own = self.variables.clone();
        own.extend(variables.iter().cloned());
        own.push(("PORT".into(), port.to_string()));
        own.extend(self.scraped.get(function).map(|port| (METRICS.to_owned(), port.to_string())));
        let mut command = program(function, &own, &self.log);
        if function == "convert" {
            command.arg("worker");
        }
        command.stdout(Stdio::null());
        Process::start_quietly(command)
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self, function: &str) {
        drop(self.processes.remove(function).unwrap());
    }

    /// SIGTERM; the exit code.
    pub(crate) async fn stop_one(&mut self, function: &str) -> Option<i32> {
        self.processes.remove(function).unwrap().stop().await
    }

    /// After it was killed or stopped; waits until it listens.
    pub(crate) fn start_one(&mut self, function: &'static str) {
        let process = self.spawn(function, self.ports[function], &[]);
        listening(function, self.ports[function], &self.log);
        assert!(self.processes.insert(function, process).is_none(), "{function} runs");
    }

    /// The same with variables of its own; `begun` hears its id at once, and may end it before it listens.
    pub(crate) fn start_one_with(
        &mut self,
        function: &'static str,
        variables: &[(String, String)],
        begun: impl FnOnce(u32),
    ) {
        let port = self.ports[function];
        let mut process = self.spawn(function, port, variables);
        begun(process.id());
        listening_unless(function, port, &self.log, || process.has_ended());
        assert!(self.processes.insert(function, process).is_none(), "{function} runs");
    }

    /// Starts again what has ended by itself; its names.
    pub(crate) fn revive(&mut self) -> Vec<&'static str> {
        let ended =
            self.processes.iter_mut().filter_map(|(name, process)| process.has_ended().then_some(*name));
        let ended: Vec<_> = ended.collect();
        for name in &ended {
            self.kill(name);
            self.start_one(name);
        }
        ended
    }

    /// One more of a function; waits until it listens.
    pub(crate) fn start_second(&self, function: &str) -> Process {
        let port = free_port();
        let process = self.spawn(function, port, &[]);
        listening(function, port, &self.log);
        process
    }

    pub(crate) fn address(&self, function: &str) -> String {
        format!("http://127.0.0.1:{}", self.ports[function])
    }

    /// The functions whose metrics are served, and the ports.
    pub(crate) fn scraped(&self) -> Vec<(&'static str, u16)> {
        self.scraped.iter().map(|(name, port)| (*name, *port)).collect()
    }

    pub(crate) fn id(&self, function: &str) -> u32 {
        self.processes[function].id()
    }

    /// SIGTERM to all; what did not end in good order.
    pub(crate) async fn stop(self) -> Vec<String> {
        let mut bad = Vec::new();
        for (name, process) in self.processes {
            let ended = process.stop().await;
            if ended != Some(0) {
                bad.push(format!("{name} ended with {ended:?}"));
            }
        }
        bad
    }
}

/// `tapedeck WORDS`, as an operator runs it.
fn operate(words: &[&str], variables: &[(String, String)], folder: &Path) {
    let status = program("tapedeck", variables, &folder.join("log")).args(words).status().unwrap();
    let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    assert!(status.success(), "tapedeck {words:?}:\n{}", log());
}

fn listening(name: &str, port: u16, log: &Path) {
    listening_unless(name, port, log, || false);
}

fn listening_unless(name: &str, port: u16, log: &Path, mut ended: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() && !ended() {
        let log = || std::fs::read_to_string(log).unwrap_or_default();
        assert!(Instant::now() < until, "{name} does not listen:\n{}", log());
        std::thread::sleep(Duration::from_millis(10));
    }
}
