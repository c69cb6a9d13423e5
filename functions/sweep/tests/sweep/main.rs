//! What a look at the rows that are due does, and a walk over the blob store.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod config;
mod cut_off;
mod due;
mod garbage;
mod leader;
mod walk;
mod world;
