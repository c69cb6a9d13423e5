//! Downloads over HTTP.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod archive;
mod feeds;
mod get;
mod peaks;
mod wire;
mod world;
