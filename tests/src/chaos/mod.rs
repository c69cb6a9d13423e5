//! A platform whose parts are killed and stopped at random moments while clients use it, and what became of their jobs.
//!
//! - `clients.rs`: the clients, and their history: what they were answered.
//! - `fault.rs`: what happens to the platform.
//! - `report.rs`: what became of it all, judged by the clients' history, the public API and the mails alone (but for
//!   what is left behind, which nobody sees from outside).
//!
//! A seed gives the same faults in the same order with the same pauses. What they meet differs from run to run.

mod clients;
mod fault;
mod report;

use std::{
    ops::Range,
    time::{Duration, Instant, SystemTime},
};

use crate::{OwnServers, Random, Setup};

use clients::Clients;
pub use fault::{Fault, Server};
pub use report::Report;

/// How much of it.
#[derive(Clone, Debug)]
pub struct Chaos {
    /// Uploads that are to be accepted.
    pub jobs: usize,
    /// Of the faults, their pauses and the choice of videos.
    pub seed: u64,
    /// What may happen; more often what stands here more often.
    pub faults: Vec<Fault>,
    /// Milliseconds from one fault to the next, and that what was stopped stays away.
    pub pauses: Range<u64>,
    /// Milliseconds that a client waits before its next upload: the shorter, the fewer faults come meanwhile.
    pub thinks: Range<u64>,
    /// How long all may take to come to rest afterwards.
    pub patience: Duration,
}

/// A fault when it happened.
#[derive(Clone, Copy, Debug)]
struct Happened {
    fault: Fault,
    from: SystemTime,
    to: SystemTime,
}

impl Chaos {
    /// Everything that can happen. Afterwards it waits for the claim of a mail's dead sender (two minutes) and for the
    /// pauses after a mail server was away (five at most).
    #[must_use]
    pub fn long(jobs: usize, seed: u64) -> Self {
        let (faults, patience) = (Fault::all(), Duration::from_secs(900));
        Self { jobs, seed, faults, pauses: 100..2000, thinks: 1..1500, patience }
    }

    /// What passes in a minute or so: no mail needs to wait, at most an event whose publisher was killed.
    #[must_use]
    pub fn short(jobs: usize, seed: u64) -> Self {
        let faults = Fault::all().into_iter().filter(|fault| !fault.can_double_a_mail()).collect();
        Self { jobs, seed, faults, pauses: 20..400, thinks: 1..1500, patience: Duration::from_secs(120) }
    }

    /// Does it, on servers of its own, and ends everything.
    pub async fn run(&self) -> Report {
        let mut servers = OwnServers::start();
        let setup = Setup::default()
            .set("CONVERT_LEASE_SECONDS", 8)
            .set("SWEEP_TICKET_SECONDS", 20)
            .set("AUTH_ACCESS_MINUTES", 1440);
        let mut platform = setup.start_on(&servers).await;
        let begun = Instant::now();
        let clients = Clients::start(&platform, self).await;
        let (mut random, mut happened) = (Random::new(self.seed), Vec::new());
        while !clients.are_done() {
            tokio::time::sleep(random.time(&self.pauses)).await;
            let (fault, pause) = (random.pick(&self.faults), random.time(&self.pauses));
            let from = SystemTime::now();
            fault.inflict(&mut platform, &mut servers, pause).await;
            happened.push(Happened { fault, from, to: SystemTime::now() });
        }
        let history = clients.history().await;
        let worked = begun.elapsed();
        let dead = platform.revive();
        let unsettled = platform.rest_within(self.patience).await.err();
        let rested = begun.elapsed().saturating_sub(worked);
        let mut report = Report::of(&platform, history, &happened).await;
        report.seed = self.seed;
        (report.worked, report.rested) = (worked, rested);
        report.broken.extend(dead.iter().map(|function| format!("{function} ended by itself")));
        report.broken.extend(unsettled.map(|left| format!("not at rest: {left}")));
        let log = platform.log();
        report.broken.extend(platform.let_go().await);
        if !report.is_good() {
            let path = std::env::temp_dir().join(format!("tapedeck-chaos-{}.log", self.seed));
            std::fs::write(&path, log).unwrap();
            report.log = Some(path.display().to_string());
        }
        report
    }
}
