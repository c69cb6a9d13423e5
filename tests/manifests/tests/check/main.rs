//! The manifests as they are, and as they would be with a mistake in them.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what could not be checked is said loudly")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod compose;
mod deploy;
mod files;
mod monitoring;
mod mutations;
mod push;
mod wiring;
mod world;
