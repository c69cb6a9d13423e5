//! The state of Tapedeck in SQL. One SQL text for SQLite and MySQL. Start with `jobs.rs`, then `jobs/end.rs`: a transition
//! with its outbox row, in one transaction.
//!
//! - [`Db`] is one handle; what belongs together stands together: [`Db::jobs`] (the state machine of a job, in `jobs/`),
//!   [`Db::deliveries`] (mails and calls), [`Db::outbox`] (events to publish), `garbage.rs` (blobs to be removed),
//!   `leases.rs` (work that one process does for all), and the accounts: `users.rs`, `guests.rs`, `keys.rs`,
//!   `tokens.rs`, `sessions.rs`, `proofs.rs`, `feeds.rs`, `destinations.rs`. What they may use: `classes.rs`, `limits.rs`; what they have cost:
//!   `costs.rs`. Requests that are sent again: `request_keys.rs`.
//! - Rows have a due time: `jobs.look_at`, `deliveries.due_at`, `outbox.due_at`, `garbage.due_at`. Whoever
//!   looks asks one index for what is due; nothing scans a table. [`Db::next_due`] is when to look next.
//! - SQL that both databases take: `?` placeholders, no `RETURNING`, no upsert dialects; who won a
//!   compare-and-set is told by the number of affected rows.
//! - Times are those of the database server's clock ([`Db::now`]).
//!
//! Architecture invariant: this crate never sees HTTP or an event on the wire; it is the only one that
//! names sqlx.

mod administrators;
mod backlog;
mod classes;
mod costs;
mod deliveries;
mod destinations;
mod due;
mod error;
mod feeds;
mod garbage;
mod guests;
mod identities;
mod jobs;
mod keys;
mod leases;
mod limits;
mod outbox;
mod pool;
mod proofs;
mod request_keys;
mod row;
mod sessions;
mod settings;
mod title;
mod tokens;
mod upgrade;
mod uploads;
mod user_changes;
mod users;

pub use administrators::LastAdmin;
pub use backlog::{Backlog, JobOutcomes};
pub use classes::{Allowance, Class, GUEST, STANDARD};
pub use costs::MonthlyCost;
pub use deliveries::{Attempt, Deliveries, Delivery, DeliveryClaim};
pub use destinations::{
    DESTINATION_DELETED, DESTINATION_OFF, Destination, DestinationChanges, MOST_DESTINATIONS, NewDestination,
};
pub use error::Error;
pub use feeds::Feed;
pub use garbage::Garbage;
pub use jobs::{
    Audio, Change, Chapter, Claimed, Finished, Job, JobSummary, Jobs, Labels, Lease, LookOutcome,
    MAX_ATTEMPTS, NewJob, Release, Released, Retention, Source,
};
pub use keys::ApiKey;
pub use leases::Task;
pub use limits::Quota;
pub use outbox::{Outbox, Pending};
pub use pool::{CONNECTIONS, Db};
pub use request_keys::{EarlierRequest, RequestKey};
pub use sessions::{Device, NewSession, Session};
pub use tokens::{NewRefreshToken, RefreshToken, Rotation};
pub use uploads::{ANSWER, NewUpload, PartialUpload, Uploads};
pub use user_changes::UserChanges;
pub use users::{NewUser, Role, User};

/// What the methods of [`Db`] return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
