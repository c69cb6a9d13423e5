//! Publish and consume: local, AMQP or Knative, as a URL says.
//!
//! | | publishes | receives events |
//! |---|---|---|
//! | local | the outbox in the database is the queue | by [`Local`], in the same process |
//! | AMQP | to the exchange `tapedeck.events`, confirmed | from a quorum queue per subscription |
//! | Knative | by `POST` to `K_SINK`, answered with 202 | by `POST /` |
//!
//! - `publish.rs`: [`Broker`], what a function holds to pass on an event that it has recorded. `config.rs`: which one.
//! - `serve.rs`: [`serve()`], a function as a process of its own. `work.rs`: [`WorkQueue`], for work that takes long.
//! - `local.rs`: [`Local`], which hands due outbox rows to the subscriptions of a [`runtime::Function`].
//! - `relay.rs`: outbox -> wire. `amqp.rs`, `knative.rs`: the wires.
//! - `clock.rs`: ticks for the sweeps, where no PingSource does it.
//!
//! Architecture invariant: an event is published only after the transaction that recorded it, and its row goes
//! only after somebody has taken it. So a `kill -9` at any point loses nothing; it may deliver twice, and
//! handlers are idempotent. The job's row is the truth, a message is a hint.
//!
//! A consumer or the clock that dies ends its process ([`runtime::Tasks`]), and readiness is 503 meanwhile; a
//! handler that panics does not: its event is dropped. A broker that is away ends nothing, and readiness stays 200: what
//! was accepted stands in the outbox and is published later. It is seen in the log, by a warning for each event ("publish
//! failed") and for each attempt to consume ("not consuming"), and in the age of the outbox.

mod amqp;
mod clock;
mod config;
mod error;
#[doc(hidden)]
pub mod fuzz;
mod knative;
mod local;
mod publish;
mod relay;
mod serve;
mod wake;
mod work;

pub use clock::{ClockConfig, run_clock};
pub use config::{BrokerConfig, Topology};
pub use error::Error;
pub use local::{Local, LocalConfig};
pub use publish::Broker;
pub use serve::serve;
pub use work::WorkQueue;
