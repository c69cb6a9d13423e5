//! The platform under test: the real binary, on a free port, in a temporary folder, spoken to over HTTP.
//!
//! ```no_run
//! # async fn journey() {
//! let platform = tapedeck_tests::Platform::start().await;
//! let ann = platform.new_user().await;
//! let job = ann.upload_fixture("moov-end.mp4", &[]).await;
//! let job = ann.ended(&job).await;
//! assert_eq!(job["state"], "done");
//! platform.finish().await;
//! # }
//! ```
//!
//! [`Platform::finish`] waits until outbox and jobs are at rest and fails the test if anything is left behind; a
//! test that forgets to call it fails too.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod chaos;
pub mod crash;
mod embedded;
pub mod fault;
mod fixtures;
mod fleet;
mod inspect;
mod knative;
mod platform;
mod preload;
mod process;
pub mod pushed;
mod random;
mod sound;
pub mod traces;
mod user;
mod watch;
mod world;

pub use chaos::{Chaos, Fault, Report, Server};
pub use fixtures::{NoisyMp4, fixture, fixture_path, long_wav, mp4_of};
pub use fleet::{FUNCTIONS, OwnServers};
pub use inspect::{Leftovers, Mail, memory_mib};
pub use knative::Deployment;
pub use platform::{Platform, Second, Setup};
pub use random::Random;
pub use sound::{close, listen, probe};
pub use user::{Ended, User};
pub use watch::Watch;

/// The program `tapedeck` that was built with this test.
#[must_use]
pub fn tapedeck() -> std::path::PathBuf {
    process::binary("tapedeck")
}
