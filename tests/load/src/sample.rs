//! How long the queue is and how many workers there are.

use std::{fmt, fs, time::Duration};

use reqwest::Client;
use serde_json::Value;
use tokio::process::Command;

/// For one question: it must not hold up the next one for long.
const PATIENCE: Duration = Duration::from_secs(3);

/// How it stood at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// Seconds since the test began.
    pub at: f64,
    /// Of the queue; `None` if it could not be asked.
    pub depth: Option<u64>,
    /// The same for workers.
    pub replicas: Option<u64>,
    /// Uploads that were answered 202.
    pub accepted: usize,
    /// Of those, jobs that have ended.
    pub ended: usize,
}

/// Where the depth of the queue is asked for.
#[derive(Clone, Debug)]
pub enum Depth {
    /// RabbitMQ's management API: the address of a queue, `http://user:password@host:15672/api/queues/VHOST/QUEUE`.
    Rabbitmq(String),
    /// The platform's metrics, at this address.
    Metrics(String),
    /// Nowhere: jobs that were accepted and have not ended.
    Jobs,
}

/// Where the number of workers is asked for.
pub enum Replicas<'a> {
    /// The Deployment `convert-worker` of a namespace, by `kubectl`.
    Kubectl(String),
    /// Processes on this machine that run `convert worker`.
    Processes,
    /// Conversions of `tapedeck serve` with this process id, each a process of its own.
    Children(u32),
    /// Whoever runs the test knows.
    Known(&'a (dyn Fn() -> Option<u64> + Sync)),
    /// Nobody knows.
    Unknown,
}

impl fmt::Display for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rabbitmq(_) => "messages in the queue, waiting or in a worker's hand",
            Self::Metrics(_) => "jobs that wait, as the platform's metrics say",
            Self::Jobs => "jobs that have not ended",
        })
    }
}

impl fmt::Display for Replicas<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kubectl(_) => "worker pods",
            Self::Processes | Self::Known(_) => "worker processes",
            Self::Children(_) => "conversions at the same time",
            Self::Unknown => "workers (not known here)",
        })
    }
}

impl Depth {
    pub(crate) async fn ask(&self, client: &Client, accepted: usize, ended: usize) -> Option<u64> {
        match self {
            Self::Rabbitmq(url) => {
                let queue: Value =
                    text(client, url).await.and_then(|text| serde_json::from_str(&text).ok())?;
                // A queue that RabbitMQ has not counted yet is new.
                Some(queue["messages"].as_u64().unwrap_or_default())
            }
            Self::Metrics(url) => {
                let text = text(client, url).await?;
                let value = text.lines().find_map(|line| line.strip_prefix("tapedeck_jobs_waiting "))?;
                value.trim().parse::<f64>().ok().map(|count| count as u64)
            }
            Self::Jobs => Some(accepted.saturating_sub(ended) as u64),
        }
    }
}

impl Replicas<'_> {
    pub(crate) async fn ask(&self) -> Option<u64> {
        match self {
            Self::Kubectl(namespace) => kubectl(namespace).await,
            Self::Processes => Some(processes()),
            Self::Children(pid) => Some(children(*pid)),
            Self::Known(ask) => ask(),
            Self::Unknown => None,
        }
    }
}

async fn text(client: &Client, url: &str) -> Option<String> {
    let answer = client.get(url).timeout(PATIENCE).send().await.ok()?;
    answer.error_for_status().ok()?.text().await.ok()
}

async fn kubectl(namespace: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "the cluster is asked by its own client")]
    let mut kubectl = Command::new("kubectl");
    let words = ["get", "deployment", "convert-worker", "--output", "jsonpath={.status.replicas}"];
    let output = kubectl.args(words).args(["--namespace", namespace]).kill_on_drop(true).output();
    let output = tokio::time::timeout(PATIENCE, output).await.ok()?.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    // A Deployment of none has no such field.
    output.status.success().then(|| text.trim().parse().unwrap_or_default())
}

fn processes() -> u64 {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = all.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.filter(|line| is_worker(line)).count() as u64
}

fn is_worker(line: &[u8]) -> bool {
    let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
    let is_convert = |word: &[u8]| word == b"convert" || word.ends_with(b"/convert");
    words.windows(2).take(3).any(|pair| is_convert(pair[0]) && pair[1] == b"worker")
}

fn children(pid: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.map(|list| list.split_whitespace().count() as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_known_by_its_command_line() {
        assert!(is_worker(b"target/debug/convert\0worker\0"));
        assert!(is_worker(b"/usr/bin/tapedeck\0function\0convert\0worker\0"));
        assert!(!is_worker(b"target/debug/convert\0"));
        assert!(!is_worker(b"grep\0worker\0"));
    }
}
