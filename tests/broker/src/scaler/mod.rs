//! KEDA and the HPA, and the worker processes that they start and end.
//!
//! - `spec.rs`: what `keda/*.yaml` says. `keda.rs`: none or some, by the depth of the queue. `hpa.rs`: how many.
//! - `queue.rs`: RabbitMQ's management API, asked as KEDA's scaler asks it.
//! - `workers.rs`: the Deployment. A worker that has to go gets SIGTERM, and SIGKILL when its grace is over.

mod hpa;
mod keda;
mod queue;
mod spec;
mod workers;

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crate::{Pace, log::Log, pod::Program};

pub(crate) use hpa::Hpa;
pub(crate) use keda::Keda;
pub(crate) use queue::Queue;
pub(crate) use spec::{Policy, ScaledObject};
pub(crate) use workers::Workers;
pub use workers::{Left, Why};

/// How often the HPA looks: the controller's default.
pub(crate) const SYNC: Duration = Duration::from_secs(15);

/// How it stood when something changed, on the cluster's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replicas {
    /// Since the scaler's start.
    pub at: Duration,
    /// Ready and unacknowledged messages, as RabbitMQ counted them.
    pub messages: u64,
    /// What KEDA and the HPA want.
    pub wanted: u32,
    /// Workers that were asked to end and have something in hand.
    pub leaving: usize,
}

impl fmt::Display for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, messages, wanted, leaving } = self;
        write!(f, "{:>6.0} s {messages:>5} messages {wanted:>3} workers, {leaving} leaving", at.as_secs_f64())
    }
}

/// The scaler of one Deployment.
pub(crate) struct Scaler {
    spec: ScaledObject,
    queue: Queue,
    pub(crate) workers: Workers,
    pace: Pace,
    pub(crate) history: Mutex<Vec<Replicas>>,
}

impl Scaler {
    pub(crate) fn new(
        spec: ScaledObject,
        queue: Queue,
        program: Program,
        grace: Duration,
        pace: Pace,
        log: Log,
    ) -> Self {
        let workers = Workers::new(program, grace, log);
        Self { spec, queue, workers, pace, history: Mutex::default() }
    }

    /// For ever.
    pub(crate) async fn run(self: Arc<Self>) {
        let begun = Instant::now();
        let mut keda = Keda::new(&self.spec);
        let mut hpa = Hpa::new(&self.spec);
        let (mut replicas, mut messages) = (0, 0);
        let (mut poll_at, mut sync_at) = (Duration::ZERO, SYNC);
        loop {
            let now = self.pace.cluster(begun.elapsed());
            let counted =
                if now >= poll_at || now >= sync_at { Some(self.queue.messages().await) } else { None };
            if let Some(counted) = counted {
                messages = counted.unwrap_or(messages);
                if now >= poll_at {
                    poll_at = now + self.spec.polling;
                    replicas = keda.poll(now, counted, replicas);
                }
                if now >= sync_at {
                    sync_at = now + SYNC;
                    // KEDA hands the HPA its metric; while there are none, the HPA rests.
                    if let (Some(count), 1..) = (keda.metric(counted, replicas), replicas) {
                        replicas = hpa.sync(now, count, replicas);
                    }
                }
            }
            self.workers.scale(replicas as usize).await;
            self.note(Replicas { at: now, messages, wanted: replicas, leaving: self.workers.leaving() });
            let next = poll_at.min(sync_at).saturating_sub(self.pace.cluster(begun.elapsed()));
            tokio::time::sleep(self.pace.real(next).max(Duration::from_millis(5))).await;
        }
    }

    fn note(&self, now: Replicas) {
        let mut history = self.history.lock().unwrap();
        let same = |last: &Replicas| (last.wanted, last.leaving) == (now.wanted, now.leaving);
        if !history.last().is_some_and(same) {
            history.push(now);
        }
    }
}
