//! A load test of a Tapedeck, wherever it runs, through its public API alone. `make load-test` calls it.
//!
//! - `account.rs`: who uploads. `listen.rs`: server-sent events, resumed when they end. `course.rs`: what is known of jobs.
//! - `run.rs`: the uploads at their rate, and the wait for the last end. `sample.rs`: queue and workers meanwhile.
//! - `audit.rs`: at the end each job is asked for: ended, its audio there, its owner told once.
//! - `report.rs`, `page.rs`, `chart.rs`: what came of it, as text and as one HTML file.

mod account;
mod audit;
pub mod chart;
mod course;
mod listen;
mod page;
mod report;
mod run;
mod sample;

pub use report::{Report, percentile};
pub use run::{Arrivals, Plan, run};
pub use sample::{Depth, Replicas, Sample};

/// Why something failed, in words for who runs the test.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// What this crate's functions return.
pub type Result<T> = std::result::Result<T, Error>;
