//! A platform of which one function speaks to its servers over lines that can kill it; and a migration that does.

use std::{
    path::Path,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Point,
    line::{Line, Protocol},
    trap::Trap,
};
use crate::{
    Platform, Setup,
    fleet::Place,
    process::{Process, program},
};

/// How long a process may take to come to a point.
const UNTIL_DEAD: Duration = Duration::from_secs(30);
/// How long a process does nothing once it has nothing to do.
const CALM: Duration = Duration::from_millis(150);

/// A platform on real servers, one function of which is watched.
#[derive(Debug)]
pub struct Rig {
    /// All of it.
    pub platform: Platform,
    function: &'static str,
    /// Queues that the function is subscribed to.
    queues: usize,
    trap: Arc<Trap>,
    variables: Vec<(String, String)>,
    _lines: Vec<Line>,
}

impl Rig {
    /// Starts a platform, and `function` anew so that each of its requests is seen.
    pub async fn start(function: &'static str, queues: usize, setup: Setup) -> Self {
        let mut platform = setup.start_fleet().await;
        platform.kill_function(function);
        let trap = Arc::<Trap>::default();
        let mail = platform.mail_url();
        let (variables, lines) = lines(platform.place(), Some(&mail), &trap);
        let mut rig = Self { platform, function, queues, trap, variables, _lines: lines };
        rig.start_function();
        rig.calm().await;
        rig
    }

    fn start_function(&mut self) {
        self.trap.open();
        let trap = Arc::clone(&self.trap);
        self.platform.start_function_with(self.function, &self.variables, |pid| trap.watch(pid));
    }

    /// Waits until the function has nothing in hand.
    ///
    /// # Panics
    /// If that takes long.
    pub async fn calm(&self) {
        let until = Instant::now() + UNTIL_DEAD;
        while !self.trap.is_calm(self.queues, CALM) {
            assert!(Instant::now() < until, "{} has no rest:\n{}", self.function, self.platform.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// From now on steps are recorded.
    pub fn record(&self) {
        self.trap.set(None);
    }

    /// What was recorded.
    #[must_use]
    pub fn recorded(&self) -> Vec<String> {
        self.trap.seen()
    }

    /// From now on the function dies when it comes to this point.
    pub fn arm(&self, point: &Point) {
        self.trap.set(Some(point.clone()));
    }

    /// Waits until it has.
    ///
    /// # Panics
    /// If it does not come there.
    pub async fn died(&self, point: &Point) {
        let until = Instant::now() + UNTIL_DEAD;
        while !self.trap.has_fired() {
            assert!(Instant::now() < until, "never {point}; steps: {:#?}", self.trap.seen());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Whether it has.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.trap.has_fired()
    }

    /// Starts it again, unarmed, and waits until it has finished what it finds.
    pub async fn revive(&mut self) {
        self.trap.set(None);
        self.platform.kill_function(self.function);
        self.start_function();
        self.calm().await;
    }

    /// Ends it.
    pub fn stop(&mut self) {
        self.platform.kill_function(self.function);
    }

    /// Starts it after [`Rig::stop`]; it dies when it comes to `point`, if there is one.
    pub fn start_armed(&mut self, point: Option<&Point>) {
        self.trap.set(point.cloned());
        self.start_function();
    }
}

/// A line to each server of a place, and the variables that lead over them.
fn lines(place: &Place, mail_url: Option<&str>, trap: &Arc<Trap>) -> (Vec<(String, String)>, Vec<Line>) {
    let mut servers = vec![
        // In clear, so that it can be read.
        ("DATABASE_URL", format!("{}?ssl-mode=DISABLED", place.database_url), Protocol::Mysql),
        ("BLOBS_URL", place.blobs_url.clone(), Protocol::Mongo),
        ("BROKER_URL", place.broker_url.clone(), Protocol::Amqp),
    ];
    servers.extend(mail_url.map(|url| ("MAIL_URL", url.to_owned(), Protocol::Smtp)));
    let line = |(name, url, protocol): (&str, String, Protocol)| {
        let line = Line::to(servers::port_of(&url), protocol, trap);
        ((name.to_owned(), line.url(&url)), line)
    };
    servers.into_iter().map(line).unzip()
}

/// `tapedeck migrate` on a database of its own, each of whose requests is seen.
#[derive(Debug)]
pub struct Migration {
    place: Place,
    trap: Arc<Trap>,
    variables: Vec<(String, String)>,
    folder: tempfile::TempDir,
    _lines: Vec<Line>,
}

impl Migration {
    /// An empty place.
    pub async fn new() -> Self {
        let place = Place::shared().await;
        let trap = Arc::<Trap>::default();
        let (variables, lines) = lines(&place, None, &trap);
        let folder = tempfile::tempdir().unwrap();
        Self { place, trap, variables, folder, _lines: lines }
    }

    /// Runs it, to its end or to `point`. Returns the steps.
    ///
    /// # Panics
    /// If it fails although nobody killed it.
    pub fn run(&self, point: Option<&Point>) -> Vec<String> {
        self.trap.open();
        self.trap.set(point.cloned());
        let log = self.folder.path().join("log");
        let mut command = program("tapedeck", &self.variables, &log);
        command.arg("migrate").stdout(Stdio::null());
        let process = Process::start_quietly(command);
        self.trap.watch(process.id());
        let ended = process.wait();
        let text = || std::fs::read_to_string::<&Path>(&log).unwrap_or_default();
        assert!(ended.success() || self.trap.has_fired(), "{ended}\n{}", text());
        self.trap.seen()
    }

    /// Whether the last run was killed.
    #[must_use]
    pub fn was_killed(&self) -> bool {
        self.trap.has_fired()
    }

    /// Its database.
    #[must_use]
    pub fn database_url(&self) -> &str {
        &self.place.database_url
    }
}
