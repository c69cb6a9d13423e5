//! The Deployment's pods.

use std::{
    sync::{
        Arc, Mutex as StdMutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{sync::Mutex, task::JoinSet};

use crate::{
    log::Log,
    pod::{Pod, Program},
};

/// Why a worker had to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// KEDA or the HPA wants fewer.
    ScaleIn,
    /// Its node goes away.
    Drain,
    /// The test ends.
    End,
}

/// A worker that has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Why.
    pub why: Why,
    /// Whether it had a video in hand when it was asked to.
    pub busy: bool,
    /// How long it took.
    pub after: Duration,
    /// Its exit code; `None` if it had to be killed.
    pub code: Option<i32>,
}

pub(crate) struct Workers {
    program: Program,
    grace: Duration,
    log: Log,
    running: Mutex<Vec<Pod>>,
    leaving: StdMutex<JoinSet<()>>,
    count_leaving: Arc<AtomicUsize>,
    pub(crate) left: Arc<StdMutex<Vec<Left>>>,
    /// How many were started in place of one that ended by itself.
    pub(crate) restarts: AtomicUsize,
}

impl Workers {
    pub(crate) fn new(program: Program, grace: Duration, log: Log) -> Self {
        Self {
            program,
            grace,
            log,
            running: Mutex::default(),
            leaving: StdMutex::default(),
            count_leaving: Arc::default(),
            left: Arc::default(),
            restarts: AtomicUsize::new(0),
        }
    }

    pub(crate) fn leaving(&self) -> usize {
        self.count_leaving.load(Ordering::SeqCst)
    }

    /// Starts some or lets some go, until there are so many. Who ended by itself is started again.
    pub(crate) async fn scale(&self, wanted: usize) {
        let mut running = self.running.lock().await;
        let before = running.len();
        running.retain_mut(Pod::is_running);
        let ended = before - running.len();
        if ended > 0 {
            self.restarts.fetch_add(ended, Ordering::SeqCst);
            self.log.line(&format!("{ended} workers ended by themselves"));
        }
        while running.len() < wanted {
            match self.program.start() {
                Ok(pod) => running.push(pod),
                Err(error) => return self.log.line(&error),
            }
        }
        while running.len() > wanted {
            // The HPA can't tell who is busy; here it always chooses worst.
            let victim = running.iter().position(Pod::is_busy).unwrap_or(0);
            let pod = running.swap_remove(victim);
            self.let_go(pod, Why::ScaleIn, self.grace);
        }
    }

    /// The node of one that is at work goes away: SIGTERM, and SIGKILL after the notice. False if none is at work.
    pub(crate) async fn drain(&self, notice: Duration) -> bool {
        let mut running = self.running.lock().await;
        let Some(busy) = running.iter().position(Pod::is_busy) else { return false };
        let pod = running.swap_remove(busy);
        self.let_go(pod, Why::Drain, notice.min(self.grace));
        true
    }

    /// `kill -9` of all.
    pub(crate) async fn kill(&self) {
        self.running.lock().await.clear();
    }

    /// SIGTERM to all, and waits until they have gone.
    pub(crate) async fn end(&self) {
        for pod in self.running.lock().await.drain(..) {
            self.let_go(pod, Why::End, self.grace);
        }
        let leaving = std::mem::take(&mut *self.leaving.lock().unwrap());
        leaving.join_all().await;
    }

    /// `kill -9` of all, without waiting.
    pub(crate) fn drop_all(&self) {
        if let Ok(mut running) = self.running.try_lock() {
            running.clear();
        }
        self.leaving.lock().unwrap().abort_all();
    }

    fn let_go(&self, pod: Pod, why: Why, grace: Duration) {
        let (left, count) = (self.left.clone(), self.count_leaving.clone());
        count.fetch_add(1, Ordering::SeqCst);
        self.leaving.lock().unwrap().spawn(async move {
            let (busy, begun) = (pod.is_busy(), Instant::now());
            let code = pod.stop(grace).await;
            left.lock().unwrap().push(Left { why, busy, after: begun.elapsed(), code });
            count.fetch_sub(1, Ordering::SeqCst);
        });
    }
}
