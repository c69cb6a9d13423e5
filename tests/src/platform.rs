//! Starting, killing and ending the platform, in one of its three worlds.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use blobs::Blobs;
use db::Db;
use servers::Smtp;
use tempfile::TempDir;

use crate::{
    User,
    embedded::{self, Embedded},
    fleet::{Fleet, OwnServers, Place},
    inspect,
    knative::{Cluster, Deployment},
    process::Process,
    world::{Chosen, World},
};

/// How a platform is to be started.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    variables: Vec<(String, String)>,
}

impl Setup {
    /// Sets a variable of the environment.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl ToString) -> Self {
        self.variables.push((name.into(), value.to_string()));
        self
    }

    /// For one process whose rows and blobs are on the shared servers, where another one may use them too.
    ///
    /// # Panics
    /// If the servers are away.
    pub async fn on_servers(self) -> Self {
        let place = Place::shared().await;
        Db::create_if_absent(&place.database_url).await.unwrap();
        self.set("DATABASE_URL", place.database_url).set("BLOBS_URL", place.blobs_url)
    }

    fn get(&self, name: &str) -> Option<String> {
        self.variables.iter().find(|(set, _)| set == name).map(|(_, value)| value.clone())
    }

    /// Starts a platform so in a place of its own, in the world that `TEST_WORLD` names: `embedded` (one process,
    /// a folder), `real` (a process per function, real servers) or `knative` (the same, as the manifests say).
    pub async fn start(self) -> Platform {
        match Chosen::by_environment() {
            Chosen::Embedded => self.start_embedded(),
            Chosen::Fleet => self.start_fleet().await,
            Chosen::Cluster => self.start_cluster(&Deployment::default()).await,
        }
    }

    /// Starts what the manifests say, in any world, on the shared servers.
    pub async fn start_cluster(self, deployment: &Deployment) -> Platform {
        self.start_cluster_at(Place::shared().await, deployment).await
    }

    /// The same on servers of the test's own.
    pub async fn start_cluster_on(self, servers: &OwnServers) -> Platform {
        self.start_cluster_at(servers.place(), &Deployment::default()).await
    }

    async fn start_cluster_at(self, place: Place, deployment: &Deployment) -> Platform {
        let folder = tempfile::tempdir().unwrap();
        let cluster = Cluster::start(folder.path(), &self.variables, place, deployment).await;
        Platform { world: Some(World::Cluster(Box::new(cluster))), folder, setup: self, finished: false }
    }

    /// Starts a platform in one process, in any world: for tests that look into its folder.
    #[must_use]
    pub fn start_embedded(self) -> Platform {
        let folder = tempfile::tempdir().unwrap();
        let world = World::Embedded(Embedded::start(folder.path(), &self.variables));
        Platform { world: Some(world), folder, setup: self, finished: false }
    }

    /// Starts a process per function on the shared servers, in any world.
    pub async fn start_fleet(self) -> Platform {
        let folder = tempfile::tempdir().unwrap();
        let fleet = Fleet::start(folder.path(), &self.variables, Place::shared().await).await;
        Platform { world: Some(World::Fleet(Box::new(fleet))), folder, setup: self, finished: false }
    }

    /// Starts a platform in one process, in any world, on a copy of a data folder that nobody uses.
    #[must_use]
    pub fn start_embedded_on(self, data: &Path) -> Platform {
        let folder = tempfile::tempdir().unwrap();
        copy(data, &embedded::data(folder.path()));
        let world = World::Embedded(Embedded::start(folder.path(), &self.variables));
        Platform { world: Some(world), folder, setup: self, finished: false }
    }

    /// Starts a process per function on servers of the test's own.
    pub async fn start_on(self, servers: &OwnServers) -> Platform {
        self.start_at(servers.place()).await
    }

    /// Starts a process per function in this place.
    pub(crate) async fn start_at(self, place: Place) -> Platform {
        let folder = tempfile::tempdir().unwrap();
        let world = World::Fleet(Box::new(Fleet::start(folder.path(), &self.variables, place).await));
        Platform { world: Some(world), folder, setup: self, finished: false }
    }
}

/// The running platform.
#[derive(Debug)]
pub struct Platform {
    world: Option<World>,
    folder: TempDir,
    setup: Setup,
    finished: bool,
}

/// A second process of a function. Dropping it is `kill -9`.
#[derive(Debug)]
pub struct Second {
    _process: Process,
}

impl Platform {
    /// Starts a platform with nothing set.
    pub async fn start() -> Self {
        Setup::default().start().await
    }

    pub(crate) fn world(&self) -> &World {
        self.world.as_ref().expect("running")
    }

    fn embedded(&self) -> &Embedded {
        match self.world() {
            World::Embedded(embedded) => embedded,
            _ => panic!("only one process has that: use Setup::start_embedded"),
        }
    }

    /// Its address, as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn home(&self) -> &str {
        self.world().home()
    }

    /// The address of `path`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.home())
    }

    /// Whether all functions are one process.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        matches!(self.world(), World::Embedded(_))
    }

    fn fleet(&mut self) -> &mut Fleet {
        match self.world.as_mut().expect("running") {
            World::Fleet(fleet) => fleet,
            _ => panic!("that is no fleet"),
        }
    }

    /// `kill -9` of one function, where each has its own process.
    pub fn kill_function(&mut self, function: &'static str) {
        self.fleet().kill(function);
    }

    /// SIGTERM to one function, where each has its own process; the exit code.
    pub async fn stop_function(&mut self, function: &'static str) -> Option<i32> {
        self.fleet().stop_one(function).await
    }

    /// Starts a function again after [`Platform::kill_function`] or [`Platform::stop_function`].
    pub fn start_function(&mut self, function: &'static str) {
        self.fleet().start_one(function);
    }

    /// The same with variables of its own; `begun` hears the process's id at once.
    pub(crate) fn start_function_with(
        &mut self,
        function: &'static str,
        variables: &[(String, String)],
        begun: impl FnOnce(u32),
    ) {
        self.fleet().start_one_with(function, variables, begun);
    }

    /// Where a fleet keeps everything.
    pub(crate) fn place(&self) -> &Place {
        match self.world() {
            World::Fleet(fleet) => &fleet.place,
            _ => panic!("that is no fleet"),
        }
    }

    /// Where a fleet sends its mails.
    pub(crate) fn mail_url(&mut self) -> String {
        self.smtp().url()
    }

    /// Starts one more process of a function beside the first one; it ends with the value.
    pub fn start_second(&mut self, function: &'static str) -> Second {
        Second { _process: self.fleet().start_second(function) }
    }

    /// Starts the functions again that have ended by themselves; their names.
    pub(crate) fn revive(&mut self) -> Vec<&'static str> {
        self.fleet().revive()
    }

    /// Ends the processes of a fleet whatever was found; what did not end in good order.
    pub(crate) async fn let_go(mut self) -> Vec<String> {
        self.finished = true;
        match self.world.take().expect("running") {
            World::Fleet(fleet) => fleet.stop().await,
            _ => panic!("that is no fleet"),
        }
    }

    /// The mail server, where it is a process of its own.
    pub fn smtp(&mut self) -> &mut Smtp {
        &mut self.fleet().smtp
    }

    /// The process of an embedded platform.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.embedded().id()
    }

    /// The process of a function, where each has its own.
    #[must_use]
    pub fn pid_of(&self, function: &str) -> u32 {
        match self.world() {
            World::Fleet(fleet) => fleet.id(function),
            _ => panic!("that is no fleet"),
        }
    }

    /// The address of a function, where each has its own.
    #[must_use]
    pub fn address_of(&self, function: &str) -> String {
        match self.world() {
            World::Fleet(fleet) => fleet.address(function),
            World::Embedded(embedded) => embedded.home.clone(),
            World::Cluster(cluster) => cluster.world.address(function),
        }
    }

    /// The functions of a fleet whose metrics are served, and the ports: those of one that was started with `METRICS_PORT`.
    #[must_use]
    pub fn scraped(&self) -> Vec<(&'static str, u16)> {
        match self.world() {
            World::Fleet(fleet) => fleet.scraped(),
            _ => panic!("that is no fleet"),
        }
    }

    /// The data folder of an embedded platform.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        embedded::data(self.folder.path())
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Its database, for a look inside.
    #[must_use]
    pub fn db(&self) -> Db {
        let set = self.setup.get("DATABASE_URL");
        let url = set.unwrap_or_else(|| self.world().database_url(self.folder.path()));
        Db::open(&url, 1).unwrap()
    }

    /// Its blob store, for a look inside.
    #[must_use]
    pub fn blobs(&self) -> Blobs {
        let set = self.setup.get("BLOBS_URL");
        let url = set.unwrap_or_else(|| self.world().blobs_url(self.folder.path()));
        Blobs::open(&url).unwrap()
    }

    /// Registers and logs in somebody new.
    pub async fn new_user(&self) -> User {
        User::register(self.home()).await
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.world = None;
    }

    /// Starts an embedded platform again after [`Platform::kill`] or [`Platform::stop`], in the same folder.
    pub fn restart(&mut self) {
        self.world = Some(World::Embedded(Embedded::start(self.folder.path(), &self.setup.variables)));
    }

    /// The same with other variables.
    pub fn restart_with(&mut self, setup: Setup) {
        self.setup = setup;
        self.restart();
    }

    /// SIGTERM; returns the exit code.
    pub async fn stop(&mut self) -> Option<i32> {
        let (code, bad) = self.world.take().expect("running").stop().await;
        assert_eq!(bad, Vec::<String>::new());
        code
    }

    /// Waits until no event is to be delivered, no job is on its way and every owner has been told.
    pub async fn settle(&self) {
        self.settle_within(Duration::from_secs(120)).await;
    }

    /// The same with another patience.
    pub async fn settle_within(&self, patience: Duration) {
        if let Err(left) = self.rest_within(patience).await {
            panic!("work is left behind: {left}\n{}", self.log());
        }
    }

    /// The same; what is not at rest in time.
    pub(crate) async fn rest_within(&self, patience: Duration) -> Result<(), String> {
        let db = self.db();
        let until = Instant::now() + patience;
        loop {
            match inspect::at_rest(&db).await {
                Err(left) if Instant::now() > until => return Err(left),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                Ok(()) => return Ok(()),
            }
        }
    }

    /// Whether it is at rest now.
    pub async fn is_at_rest(&self) -> bool {
        inspect::at_rest(&self.db()).await.is_ok()
    }

    /// What is left that no row names, and what died.
    pub async fn leftovers(&self) -> inspect::Leftovers {
        inspect::leftovers(&self.blobs(), &self.db()).await
    }

    /// The mails that were sent about jobs.
    #[must_use]
    pub fn mails(&self) -> Vec<inspect::Mail> {
        let all = inspect::mail_files(&self.world().mails(self.folder.path()));
        all.into_iter().filter(inspect::Mail::is_about_a_job).collect()
    }

    /// The end of a test: all work is done, nothing is left behind, all processes end in good order.
    pub async fn finish(mut self) {
        self.finished = true;
        self.settle().await;
        assert_eq!(self.leftovers().await, inspect::Leftovers::default(), "left behind\n{}", self.log());
        assert_eq!(self.stop().await, Some(0), "the exit code\n{}", self.log());
    }
}

/// A folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Of the log, that a failed test shows.
const LAST_LINES: usize = 200;

impl Drop for Platform {
    #[expect(clippy::print_stderr, reason = "that is what a test that failed says")]
    fn drop(&mut self) {
        assert!(self.finished || std::thread::panicking(), "a test must end with platform.finish()");
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let skipped = log.lines().count().saturating_sub(LAST_LINES);
            log.lines().skip(skipped).for_each(|line| eprintln!("{line}"));
        }
    }
}
