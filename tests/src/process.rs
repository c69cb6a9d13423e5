//! A program of ours, started, killed, ended.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

/// A running program. Dropping it is `kill -9`.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

/// A binary that was built with this test.
pub(crate) fn binary(name: &str) -> PathBuf {
    folder_of_binaries().join(name)
}

/// Where they are.
pub(crate) fn folder_of_binaries() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let mut folder = here.parent().unwrap();
    if folder.ends_with("deps") {
        folder = folder.parent().unwrap();
    }
    folder.to_owned()
}

/// The program `name` with these variables, and nothing else of our environment that it reads. It logs to `log`.
pub(crate) fn program(name: &str, variables: &[(String, String)], log: &Path) -> Command {
    let log = File::options().create(true).append(true).open(log).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the one place where tests start programs of ours")]
    let mut command = Command::new(binary(name));
    // All clients of a test have one address: what it may do is no limit here, unless the test sets one.
    for variable in ["AUTH_LOGINS_PER_MINUTE", "AUTH_REGISTRATIONS_PER_HOUR", "GATEWAY_REQUESTS_PER_MINUTE"] {
        command.env(variable, "0");
    }
    command.envs(variables.iter().cloned()).stdin(Stdio::null()).stderr(log);
    command
}

impl Process {
    /// Starts it, and reads on until `wanted` finds something in a line of its output.
    pub(crate) fn start<T>(command: Command, wanted: impl FnMut(String) -> Option<T>) -> (Self, Option<T>) {
        let mut process = Self::start_quietly(command);
        let mut lines = BufReader::new(process.child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let found = lines.by_ref().find_map(wanted);
        // What it prints later must go somewhere, or the pipe fills up.
        std::thread::spawn(move || lines.for_each(drop));
        (process, found)
    }

    /// Starts it, whatever it prints.
    pub(crate) fn start_quietly(mut command: Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}. `cargo build --workspace` makes it."));
        Self { child }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// SIGTERM; the exit code.
    pub(crate) async fn stop(mut self) -> Option<i32> {
        servers::terminate(self.child.id());
        tokio::task::spawn_blocking(move || self.child.wait().unwrap().code()).await.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
