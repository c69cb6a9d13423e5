//! Starting, killing and ending the real binary.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use db::Db;
use tempfile::TempDir;

use crate::{User, inspect};

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

    /// Starts a platform so in a folder of its own.
    pub async fn start(self) -> Platform {
        let folder = tempfile::tempdir().unwrap();
        Platform { process: Some(Process::start(folder.path(), &self)), folder, setup: self, finished: false }
    }
}

/// The running platform.
#[derive(Debug)]
pub struct Platform {
    process: Option<Process>,
    folder: TempDir,
    setup: Setup,
    finished: bool,
}

#[derive(Debug)]
struct Process {
    child: Child,
    home: String,
}

impl Process {
    fn start(folder: &Path, setup: &Setup) -> Self {
        let log = std::fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
        #[expect(clippy::disallowed_methods, reason = "the one place where tests start the program")]
        let mut child = Command::new(tapedeck())
            .args(["serve", "--port", "0", "--data"])
            .arg(folder.join("data"))
            .envs(setup.variables.iter().cloned())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the tapedeck binary: `cargo build -p standalone` makes it");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let home = lines
            .by_ref()
            .find_map(|line| Some(line.ok()?.strip_prefix("Tapedeck is ready at ")?.to_owned()));
        // What it prints later must go somewhere, or the pipe fills up.
        std::thread::spawn(move || lines.for_each(drop));
        match home {
            Some(home) => Self { child, home },
            None => panic!(
                "tapedeck did not start:\n{}",
                std::fs::read_to_string(folder.join("log")).unwrap_or_default()
            ),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary that was built with this test.
#[must_use]
pub fn tapedeck() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let mut folder = here.parent().unwrap();
    if folder.ends_with("deps") {
        folder = folder.parent().unwrap();
    }
    folder.join("tapedeck")
}

impl Platform {
    /// Starts a platform with nothing set.
    pub async fn start() -> Self {
        Setup::default().start().await
    }

    /// Its address, as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn home(&self) -> &str {
        &self.process.as_ref().expect("running").home
    }

    /// The address of `path`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.home())
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("running").child.id()
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Its database, for a look inside.
    #[must_use]
    pub fn db(&self) -> Db {
        Db::open(&format!("sqlite:{}", self.data().join("tapedeck.db").display()), 1).unwrap()
    }

    /// Registers and logs in somebody new.
    pub async fn new_user(&self) -> User {
        User::register(self.home()).await
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts again after [`Platform::kill`] or [`Platform::stop`], in the same folder.
    pub fn restart(&mut self) {
        self.process = Some(Process::start(self.folder.path(), &self.setup));
    }

    /// The same with other variables.
    pub fn restart_with(&mut self, setup: Setup) {
        self.setup = setup;
        self.restart();
    }

    /// SIGTERM; returns the exit code.
    pub async fn stop(&mut self) -> Option<i32> {
        let mut process = self.process.take().expect("running");
        let pid = libc::pid_t::try_from(process.child.id()).unwrap();
        #[expect(unsafe_code, reason = "std can't send SIGTERM")]
        // SAFETY: `kill` has no memory effects; the child is ours and not yet waited for.
        unsafe {
            libc::kill(pid, libc::SIGTERM);
        }
        tokio::task::spawn_blocking(move || process.child.wait().unwrap().code()).await.unwrap()
    }

    /// Waits until no event is to be delivered and no job is on its way.
    pub async fn settle(&self) {
        let db = self.db();
        let until = Instant::now() + Duration::from_secs(120);
        loop {
            // A busy database is no rest.
            let pending = db.pending_events().await.unwrap_or(1) + db.unfinished_jobs().await.unwrap_or(1);
            if pending == 0 {
                return;
            }
            assert!(Instant::now() < until, "work is left behind: {pending} events and jobs\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What is left in the data folder that no row names, and what died.
    pub async fn leftovers(&self) -> inspect::Leftovers {
        inspect::leftovers(&self.data(), &self.db()).await
    }

    /// The mails that were sent about jobs.
    #[must_use]
    pub fn mails(&self) -> Vec<inspect::Mail> {
        let about_job =
            |mail: &inspect::Mail| mail.file.ends_with("-ready.eml") || mail.file.ends_with("-failed.eml");
        inspect::mails(&self.data()).into_iter().filter(about_job).collect()
    }

    /// The end of a test: all work is done, nothing is left behind, the process ends in good order.
    pub async fn finish(mut self) {
        self.finished = true;
        self.settle().await;
        assert_eq!(self.leftovers().await, inspect::Leftovers::default(), "left behind\n{}", self.log());
        assert_eq!(self.stop().await, Some(0), "the exit code\n{}", self.log());
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        assert!(self.finished || std::thread::panicking(), "a test must end with platform.finish()");
    }
}
