//! What reads bytes from strangers, and what must be true of it whatever they send.
//!
//! - `targets.rs` and `targets/`: a function for each parser of ours. It panics where the parser does, or where what the
//!   parser says can't be.
//! - `random.rs` damages bytes, the same way for the same seed.
//! - `videos.rs` converts damaged videos in the sandboxed worker.
//! - `tests/`: a few thousand damaged inputs for each target, and some hundred videos, in every run of the tests.
//! - `libfuzzer/`: the same functions under libFuzzer, and `src/main.rs`, which runs that and twenty thousand videos:
//!   `make fuzz`.
//! - `found/TARGET/`: each input that was ever found to break one, kept to be tried first.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a target fails by panicking")]

mod input;
pub mod random;
pub mod targets;
pub mod videos;

pub use targets::{TARGETS, Target};
