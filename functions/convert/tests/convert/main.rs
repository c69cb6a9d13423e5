//! What a ticket leads to, how each end of a conversion is written, and the roles of `convert` as processes.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod allowance;
mod cache;
mod claims;
mod config;
mod cost;
mod ends;
mod formats;
mod outages;
mod peaks;
mod roles;
mod world;
