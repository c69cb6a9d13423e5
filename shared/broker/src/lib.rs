//! Publish and consume. `local` for now: the outbox in the database is the queue.
//!
//! - `publish.rs`: [`Broker`], what a function holds to pass on an event that it has recorded.
//! - `local.rs`: [`Local`], which hands due outbox rows to the subscriptions of a [`runtime::Function`].
//! - `clock.rs`: ticks for the sweeps, where no PingSource does it.
//!
//! Architecture invariant: an event is published only after the transaction that recorded it, and its row goes
//! only after somebody has taken it. So a `kill -9` at any point loses nothing; it may deliver twice, and
//! handlers are idempotent.

mod clock;
mod local;
mod publish;

pub use clock::{ClockConfig, run_clock};
pub use local::{Local, LocalConfig};
pub use publish::Broker;
