//! The parts of a process that run beside its HTTP server, supervised.

use std::{collections::HashMap, error::Error};

use axum::Router;
use tokio::{
    net::TcpListener,
    task::{Id, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::{ServeConfig, serve};

/// A part of the process ended although nobody asked it to.
#[derive(Debug, thiserror::Error)]
#[error("{0} ended unexpectedly")]
pub struct TaskEnded(&'static str);

/// Tasks that run until the shutdown. One that ends earlier, by a panic or not, ends the process: a part that is dead
/// must not hide behind a process that is alive.
#[derive(Debug)]
pub struct Tasks {
    running: JoinSet<()>,
    names: HashMap<Id, &'static str>,
    shutdown: CancellationToken,
}

impl Tasks {
    /// No tasks yet.
    #[must_use]
    pub fn until(shutdown: CancellationToken) -> Self {
        Self { running: JoinSet::new(), names: HashMap::new(), shutdown }
    }

    /// What all of them end with.
    #[must_use]
    pub fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Starts a task.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let started = self.running.spawn(task);
        self.names.insert(started.id(), name);
    }

    /// Waits until all have ended, after the shutdown.
    ///
    /// # Errors
    /// [`TaskEnded`] with the name of the first that ended before it; then the shutdown is on, and the others have ended too.
    pub async fn ended(mut self) -> Result<(), TaskEnded> {
        let mut died = None;
        while let Some(ended) = self.running.join_next_with_id().await {
            let (id, panic) = match ended {
                Ok((id, ())) => (id, None),
                Err(error) => (error.id(), Some(error.to_string())),
            };
            if self.shutdown.is_cancelled() && panic.is_none() {
                continue;
            }
            let name = self.names.get(&id).copied().unwrap_or("a task");
            tracing::error!(task = name, panic, "a task ended early; the process exits");
            died.get_or_insert(name);
            self.shutdown.cancel();
        }
        died.map_or(Ok(()), |name| Err(TaskEnded(name)))
    }
}

/// Serves HTTP and runs `tasks` until the shutdown; both finish what they have in hand.
///
/// # Errors
/// If the listener fails, or a task ended before the shutdown.
pub async fn serve_with(
    listener: TcpListener,
    router: Router,
    config: &ServeConfig,
    tasks: Tasks,
    shutdown: CancellationToken,
) -> Result<(), Box<dyn Error>> {
    let (served, ended) = tokio::join!(serve(listener, router, config, shutdown), tasks.ended());
    served?;
    Ok(ended?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_or_returns_early_ends_the_others_and_is_named() {
        for panics in [true, false] {
            let shutdown = CancellationToken::new();
            let mut tasks = Tasks::until(shutdown.clone());
            let waits = shutdown.clone();
            tasks.spawn("the clock", async move { waits.cancelled().await });
            tasks.spawn("the lane", async move { assert!(!panics, "a bug") });
            assert_eq!(tasks.ended().await.unwrap_err().to_string(), "the lane ended unexpectedly");
            assert!(shutdown.is_cancelled());
        }
    }

    #[tokio::test]
    async fn tasks_that_end_after_the_shutdown_have_done_their_duty() {
        let shutdown = CancellationToken::new();
        let mut tasks = Tasks::until(shutdown.clone());
        let waits = shutdown.clone();
        tasks.spawn("the clock", async move { waits.cancelled().await });
        shutdown.cancel();
        tasks.ended().await.unwrap();
    }
}
