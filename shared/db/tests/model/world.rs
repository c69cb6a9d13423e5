//! A state of the world: the rows, the blob store, who is at work on what, and what the rules want remembered.

use std::collections::BTreeMap;

use contracts::{Event as _, JobId, UserId, VideoId, VideoUploaded};
use db::{Claimed, DeliveryClaim, Garbage};

use crate::{
    actors::upload,
    bench::Bench,
    moves::{self, Kind, Move},
    rows::{Row, Rows},
};

/// How large a world is, and what may go wrong in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    /// Jobs, each of another user.
    pub(crate) jobs: usize,
    /// Whether their videos are still to arrive; else they wait for a converter.
    pub(crate) uploads: bool,
    pub(crate) workers: usize,
    pub(crate) senders: usize,
    pub(crate) removers: usize,
    /// Crashes, lost messages, lost answers, stalls, damage: so many in all.
    pub(crate) faults: u8,
    /// What owners and administrators may do, so often in all.
    pub(crate) wishes: u8,
    pub(crate) media: Media,
    pub(crate) mail: Mail,
}

/// What converting leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    /// Audio, unless something goes wrong.
    Audio,
    /// Each time a crash of the converter.
    Crash,
    /// The store is away and stays away.
    Outage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mail {
    Works,
    /// Nobody wants any.
    Unwanted,
    /// The mail server is away and stays away.
    Away,
}

/// A video on its way in, of a living process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    Named,
    Arriving,
    Stored,
}

/// A worker that has a job, or believes so.
#[derive(Clone, Debug)]
pub(crate) struct Busy {
    pub(crate) claimed: Claimed,
    pub(crate) at: At,
    /// How long its lease still lasts by its own clock. When that is over it stops before anything else happens.
    pub(crate) held: i64,
    /// Its heartbeats do not get through.
    pub(crate) stalled: bool,
    /// Somebody had the right to take the job away, and did.
    pub(crate) taken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    Claimed,
    Converting,
    Stored,
}

/// A sender that has a delivery.
#[derive(Clone, Debug)]
pub(crate) struct Sending {
    pub(crate) claim: DeliveryClaim,
    /// The claim as its row names it.
    pub(crate) name: String,
    /// The mail server has the mail; the row does not say so yet.
    pub(crate) sent: bool,
    /// How long the claim still lasts.
    pub(crate) left: i64,
    /// It takes longer than its claim.
    pub(crate) stalled: bool,
}

/// What has become of a job, as its owner was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nobody has begun to upload it.
    Unborn,
    Uploading,
    Accepted,
    /// Done, failed or canceled.
    Ended,
    /// Deleted by its owner, or never accepted.
    Gone,
}

/// What is remembered of a job for the rules.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    pub(crate) fate: Fate,
    /// How often it was published that it is done, and that it failed.
    pub(crate) ready: u8,
    pub(crate) failed: u8,
    /// How many others were claimed while it waited.
    pub(crate) passed: u8,
    /// By the number of its end: how many mails have left the house, and how many of them may be one too many.
    pub(crate) mails: BTreeMap<u32, (u8, u8)>,
}

#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) rows: Rows,
    /// The blob store: whether each blob is whole.
    pub(crate) blobs: BTreeMap<String, bool>,
    pub(crate) arrivals: Vec<Option<Arrival>>,
    pub(crate) workers: Vec<Option<Busy>>,
    pub(crate) senders: Vec<Option<Sending>>,
    /// Blobs that were deleted and whose garbage rows are still there.
    pub(crate) removers: Vec<Option<Garbage>>,
    pub(crate) memory: Vec<Memory>,
    pub(crate) faults: u8,
    pub(crate) wishes: u8,
}

pub(crate) fn user_id(number: usize) -> UserId {
    fixed(&format!("e{number}")).parse().unwrap()
}
pub(crate) fn job_id(number: usize) -> JobId {
    fixed(&format!("j{number}")).parse().unwrap()
}
pub(crate) fn video_id(number: usize) -> VideoId {
    fixed(&format!("v{number}")).parse().unwrap()
}

fn fixed(name: &str) -> String {
    format!("{name:0>26}")
}

/// Which job this is.
pub(crate) fn number(id: &str) -> usize {
    id[25..].parse().unwrap()
}

impl State {
    pub(crate) async fn start(world: &World, bench: &mut Bench) -> Self {
        let fate = Fate::Unborn;
        let memory = Memory { fate, ready: 0, failed: 0, passed: 0, mails: BTreeMap::new() };
        let mut state = Self {
            rows: bench.read().await,
            blobs: BTreeMap::new(),
            arrivals: vec![None; world.jobs],
            workers: vec![None; world.workers],
            senders: vec![None; world.senders],
            removers: vec![None; world.removers],
            memory: vec![memory; world.jobs],
            faults: world.faults,
            wishes: world.wishes,
        };
        if !world.uploads {
            state.accept_all(world, bench).await;
        }
        state
    }

    /// Lets all jobs be uploaded.
    async fn accept_all(&mut self, world: &World, bench: &mut Bench) {
        for job in 0..world.jobs {
            for step in [upload::Move::Begins, upload::Move::IsStored, upload::Move::IsAccepted] {
                *self = moves::step(world, bench, self, (Move::Upload(job, step), Kind::Free)).await.unwrap();
            }
        }
    }

    pub(crate) fn job(&self, number: usize) -> Option<&Row> {
        self.rows.find("jobs", &job_id(number).to_string())
    }

    pub(crate) fn is_whole(&self, blob: &str) -> bool {
        self.blobs.get(blob) == Some(&true)
    }

    /// How many tickets are on their way.
    pub(crate) fn tickets(&self) -> usize {
        self.rows.events(VideoUploaded::TYPE).count()
    }

    /// Whoever converts the job may find that it is gone.
    pub(crate) fn take_away(&mut self, job: JobId) {
        let theirs = self.workers.iter_mut().flatten().filter(|busy| busy.claimed.lease.job_id == job);
        theirs.for_each(|busy| busy.taken = true);
    }

    pub(crate) fn pay(&mut self, kind: Kind) {
        match kind {
            Kind::Fault => self.faults -= 1,
            Kind::Wish => self.wishes -= 1,
            Kind::Fair | Kind::Free => {}
        }
    }

    /// All that makes this state this one, a line each.
    pub(crate) fn lines(&self) -> Vec<String> {
        let rows = self.rows.0.iter().map(|row| row.line.clone());
        let blobs = self.blobs.iter().map(|(id, whole)| format!("blob {id} {whole}"));
        let workers = self.workers.iter().flatten().map(|busy| {
            let (lease, job) = (&busy.claimed.lease, &busy.claimed.job);
            let counts = (job.attempts, job.outages, busy.held, busy.stalled, busy.taken);
            format!("worker {} {} {} {:?} {counts:?}", lease.job_id, lease.owner, lease.audio_id, busy.at)
        });
        let senders = self.senders.iter().flatten().map(|sending| {
            let delivery = &sending.claim.delivery;
            let how = (delivery.attempts, sending.sent, sending.left, sending.stalled);
            format!("sender {} {} {how:?}", delivery.id, sending.name)
        });
        let removers = self.removers.iter().flatten().map(|blob| format!("remover {blob:?}"));
        let rest = format!("{:?} {:?} {} {}", self.arrivals, self.memory, self.faults, self.wishes);
        rows.chain(blobs).chain(workers).chain(senders).chain(removers).chain([rest]).collect()
    }
}
