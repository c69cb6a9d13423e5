//! Jobs: the state machine of `contracts::State`. Each transition is one compare-and-set (`... WHERE id = ? AND
//! state = ...`), with the events and deliveries that follow from it in the same transaction; one that comes too late
//! changes nothing and says so.
//!
//! - `read.rs`: a job and how it is found. `upload.rs`: `-> uploading -> queued`.
//! - `queue.rs`: which waiting job is next. `claim.rs`: `queued -> converting`, and the heartbeat.
//! - `end.rs`: `converting -> done | failed | queued`. `owner.rs`: cancel, retry, delete.
//! - `look.rs`: due jobs: expired leases, retention, removal.
//! - `lists.rs`, `changes.rs`: many jobs of a user; what became of jobs since a time. `chapters.rs`: those of a job's audio.
//! - `labels.rs`: what its owner calls a job, and its tags.
//!
//! `look_at` is when time will next do something to a job, `changed_at` when its state last changed: later with each change,
//! be it by a millisecond. Every transition sets both.

mod changes;
mod chapters;
mod claim;
mod end;
mod labels;
mod lists;
mod look;
mod owner;
mod queue;
mod read;
mod upload;

use crate::Db;

pub use changes::{Change, JobSummary};
pub use chapters::Chapter;
pub use claim::{Claimed, Lease};
pub use end::{Finished, MAX_ATTEMPTS, Release, Released};
pub use labels::Labels;
pub use look::{LookOutcome, Retention};
pub use read::{Audio, Job, Source};
pub use upload::NewJob;

/// The jobs of a database.
#[derive(Clone, Copy, Debug)]
pub struct Jobs<'a> {
    pub(crate) db: &'a Db,
}

impl Db {
    /// The jobs.
    #[must_use]
    pub fn jobs(&self) -> Jobs<'_> {
        Jobs { db: self }
    }
}
