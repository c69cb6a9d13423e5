//! The state of Tapedeck in SQL: users, jobs, outbox, notifications. One SQL text for SQLite and MySQL.
//!
//! - [`Db`] is one handle; its methods stand in one file per table. The state machine of a job is
//!   `transitions.rs`: each transition is one compare-and-set, with its outbox row in the same transaction.
//! - SQL that both databases take: `?` placeholders, no `RETURNING`, no upsert dialects; who won a
//!   compare-and-set is told by the number of affected rows.
//!
//! Architecture invariant: this crate never sees HTTP or an event on the wire; it is the only one that
//! names sqlx.

mod administrators;
mod error;
mod jobs;
mod keys;
mod notifications;
mod outbox;
mod pool;
mod proofs;
mod row;
mod settings;
mod sweeps;
mod title;
mod tokens;
mod transitions;
mod user_changes;
mod users;

pub use administrators::LastAdmin;
pub use error::Error;
pub use jobs::{Audio, Job, Source};
pub use keys::ApiKey;
pub use notifications::Claim;
pub use outbox::{DeadLetter, Pending};
pub use pool::{CONNECTIONS, Db};
pub use proofs::RESET_NOTIFICATION;
pub use tokens::{NewRefreshToken, RefreshToken, Rotation};
pub use transitions::{Claimed, Finished, Lease, MAX_ATTEMPTS, NewJob};
pub use user_changes::UserChanges;
pub use users::{NewUser, Role, User};

/// What the methods of [`Db`] return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
