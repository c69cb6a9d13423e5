//! Jobs and deliveries over HTTP: who may see and do what, and what is answered.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod changing;
mod deliveries;
mod doors;
mod events;
mod labels;
mod reading;
mod world;
