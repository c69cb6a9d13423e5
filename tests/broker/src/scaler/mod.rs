//! KEDA and the HPA, and the worker processes that they start and end.
//!
//! - `spec.rs`: what `keda/*.yaml` says. `keda.rs`: none or some, by the depth of the queue. `hpa.rs`: how many.
//! - `source.rs`: who knows what there is to do. `queue.rs`: RabbitMQ's management API, asked as KEDA's scaler asks it.
//!   `external.rs`: a function of ours, that is asked and tells by itself, over KEDA's gRPC.
//! - `workers.rs`: the Deployment. A worker that has to go gets SIGTERM, and SIGKILL when its grace is over.

mod external;
mod hpa;
mod keda;
mod queue;
mod source;
mod spec;
mod workers;

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use crate::{Pace, log::Log, pod::Program};

pub(crate) use hpa::Hpa;
pub(crate) use keda::Keda;
pub(crate) use source::Source;
pub(crate) use spec::{Policy, ScaledBy, ScaledObject};
pub(crate) use workers::Workers;
pub use workers::{Left, Why};

/// How often the HPA looks: the controller's default.
pub(crate) const SYNC: Duration = Duration::from_secs(15);

/// How it stood when something changed, on the cluster's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replicas {
    /// Since the scaler's start.
    pub at: Duration,
    /// Ready and unacknowledged messages, as RabbitMQ counted them; or jobs, as the function said.
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
    source: Source,
    pub(crate) workers: Workers,
    pace: Pace,
    pub(crate) history: Mutex<Vec<Replicas>>,
}

impl Scaler {
    pub(crate) fn new(
        spec: ScaledObject,
        source: Source,
        program: Program,
        grace: Duration,
        pace: Pace,
        log: Log,
    ) -> Self {
        let workers = Workers::new(program, grace, log);
        Self { spec, source, workers, pace, history: Mutex::default() }
    }

    /// For ever.
    pub(crate) async fn run(self: Arc<Self>) {
        let begun = Instant::now();
        let mut keda = Keda::new(&self.spec);
        let mut hpa = Hpa::new(&self.spec);
        let (mut replicas, mut messages) = (0, 0);
        let (mut poll_at, mut sync_at) = (Duration::ZERO, SYNC);
        // Who tells nothing keeps its end all the same.
        let (tell, mut told) = mpsc::channel(1);
        let _following = tokio::spawn(self.source.clone().follow(tell.clone(), self.pace));
        loop {
            let now = self.pace.cluster(begun.elapsed());
            let seen = if now >= poll_at || now >= sync_at { Some(self.source.look().await) } else { None };
            if let Some(seen) = seen {
                messages = seen.map_or(messages, |seen| seen.count);
                if now >= poll_at {
                    poll_at = now + self.spec.polling;
                    replicas = keda.poll(now, seen.map(|seen| seen.active), replicas);
                }
                if now >= sync_at {
                    sync_at = now + SYNC;
                    // KEDA hands the HPA its metric; while there are none, the HPA rests.
                    if let (Some(count), 1..) = (keda.metric(seen.map(|seen| seen.count), replicas), replicas)
                    {
                        replicas = hpa.sync(now, count, replicas);
                    }
                }
            }
            self.workers.scale(replicas as usize).await;
            self.note(Replicas { at: now, messages, wanted: replicas, leaving: self.workers.leaving() });
            let next = poll_at.min(sync_at).saturating_sub(self.pace.cluster(begun.elapsed()));
            tokio::select! {
                () = tokio::time::sleep(self.pace.real(next).max(Duration::from_millis(5))) => {}
                Some(active) = told.recv() => {
                    replicas = keda.told(self.pace.cluster(begun.elapsed()), active, replicas);
                }
            }
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
