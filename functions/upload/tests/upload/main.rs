//! Uploads over HTTP, and what is told of files.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod again;
mod allowance;
mod containers;
mod forms;
mod link;
mod tus;
mod world;
