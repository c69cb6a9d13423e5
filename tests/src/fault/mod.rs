//! Bad lines between each function and each of its servers; and other faults that no server throws by itself.
//!
//! - `line.rs`: a line, and in which ways it can be bad.
//! - `cells.rs`: all lines: which function to which server.
//! - `world.rs`: a platform that speaks over them, and the rounds in which they are bad. `receiver.rs`: who is called by
//!   webhooks.
//! - `clients.rs`: what clients ask for meanwhile, and how they must be answered.
//! - `judge.rs`: what became of their jobs.
//! - `restart.rs`: a database that dies inside recovery. `zombie.rs`: a process that is frozen. `full.rs`: a disk that is
//!   full. `skew.rs`: clocks that differ.

mod cells;
mod clients;
mod full;
mod judge;
mod line;
mod receiver;
mod restart;
mod skew;
mod world;
mod zombie;

pub use full::Disk;
pub use line::Bad;
pub use restart::{JOBS, Recovery};
pub use skew::set_clock;
pub use world::Faulty;
pub use zombie::{Frozen, freeze};
