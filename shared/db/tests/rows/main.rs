//! The rows of jobs, deliveries, events and blobs to be removed: what each call does to them, held against each database.
//!
//! `world.rs` makes the databases. Where only MySQL can go wrong (locks, lost answers, clocks, plans), only MySQL is asked.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts;
mod changes;
mod costs;
mod deliveries;
mod destinations;
mod ends;
mod fairness;
mod fill;
mod labels;
mod leases;
mod limits;
mod line;
mod lists;
mod look;
mod lost_answers;
mod many_at_once;
mod outbox;
mod owner;
mod plans;
mod request_keys;
mod scale;
mod scenario;
mod sessions;
mod steps;
mod unreadable;
mod upgrade;
mod uploads;
mod world;
