//! A program of ours as a pod runs it: with the environment of its manifest and nothing else.

use std::{
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use servers::free_port;
use tokio::process::{Child, Command};

use crate::log::Log;

/// How long a program may take to become ready.
const PATIENCE: Duration = Duration::from_secs(60);
/// Queue-proxy asks so often.
const PROBE: Duration = Duration::from_millis(50);

#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// Of its workload.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) variables: Vec<(String, String)>,
    /// Path of its readiness probe; empty if it has none.
    pub(crate) readiness: String,
    pub(crate) log: Log,
}

/// Dropping it is `kill -9`.
#[derive(Debug)]
pub(crate) struct Pod {
    child: Child,
    pub(crate) port: u16,
}

impl Program {
    pub(crate) fn start(&self) -> Result<Pod, String> {
        let port = free_port();
        #[expect(clippy::disallowed_methods, reason = "pods are what this crate is for")]
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).env_clear().envs(self.variables.iter().cloned());
        command.env("PORT", port.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(self.log.open()).kill_on_drop(true);
        let child = command.spawn().map_err(|error| format!("{}: {error}", self.path.display()))?;
        Ok(Pod { child, port })
    }

    /// Runs it to its end, as a Job.
    pub(crate) async fn run(&self) -> Result<(), String> {
        let mut pod = self.start()?;
        match pod.child.wait().await {
            Ok(status) if status.success() => Ok(()),
            other => Err(format!("{} ended with {other:?}", self.name)),
        }
    }

    /// Waits until the readiness probe says yes.
    pub(crate) async fn ready(&self, pod: &mut Pod, client: &reqwest::Client) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        let url = format!("http://127.0.0.1:{}{}", pod.port, self.readiness);
        loop {
            if client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if !pod.is_running() {
                return Err(format!("{} ended before it was ready", self.name));
            }
            if Instant::now() > until {
                return Err(format!("{} does not become ready", self.name));
            }
            tokio::time::sleep(PROBE).await;
        }
    }
}

impl Pod {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Whether it has a process of its own at work: a converter with a video in hand has.
    pub(crate) fn is_busy(&self) -> bool {
        let pid = self.pid();
        let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return false };
        let children = |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("children"));
        threads.flatten().any(|thread| children(thread).is_ok_and(|list| !list.trim().is_empty()))
    }

    /// SIGTERM, and after `grace` SIGKILL. The exit code; `None` if it was killed.
    pub(crate) async fn stop(mut self, grace: Duration) -> Option<i32> {
        self.child.id().into_iter().for_each(servers::terminate);
        match tokio::time::timeout(grace, self.child.wait()).await {
            Ok(ended) => ended.ok()?.code(),
            Err(_) => {
                let _ = self.child.kill().await;
                None
            }
        }
    }

    /// `kill -9`; its port is free afterwards.
    pub(crate) async fn kill(mut self) {
        let _ = self.child.kill().await;
    }

    /// The exit code of one that has ended by itself.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        self.child.try_wait().ok()??.code()
    }
}
