//! `kill -9` at each step of a process.
//!
//! - `trap.rs`: counts the steps of one process, and kills it at one of them.
//! - With a process per function: `line.rs`, a proxy between the process and each of its servers, which reads as much of
//!   `mysql.rs`, `mongo.rs`, `amqp.rs` and `smtp.rs` as it needs to name a request. `rig.rs`: a platform of which one
//!   function is connected so.
//! - With all in one process: `shim.c`, which stands before the calls that change files. `one.rs`: a platform that runs
//!   with it.
//! - `judge.rs`: whether the promise was kept. `list.rs`: the lists of steps in `tests/crash-points`. `past.rs`: rows that became due long ago, for the sweep.
//! - `schema.rs`: what a database looks like, for migrations.
//!
//! The product has no hook for any of this.

mod amqp;
mod judge;
mod line;
mod list;
mod mongo;
mod mysql;
mod one;
mod past;
mod rig;
mod schema;
mod smtp;
mod trap;

pub use judge::{Sent, judge};
pub use list::List;
pub use one::{Calls, OneMigration, Shim};
pub use past::{Past, pass_delivery_claims, pass_event_claims, pass_sweep_leases};
pub use rig::{Migration, Rig};
pub(crate) use schema::ask_mariadb;
pub use schema::schema;
pub use trap::{Point, Side};

/// Whether a statement changes rows or tables.
fn is_change(sql: &str) -> bool {
    changes_table(sql) || ["INSERT", "UPDATE", "DELETE"].iter().any(|word| sql.starts_with(word))
}

fn changes_table(sql: &str) -> bool {
    ["CREATE", "ALTER", "DROP"].iter().any(|word| sql.starts_with(word))
}
