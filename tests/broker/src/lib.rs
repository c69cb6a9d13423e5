//! Knative on this machine, from the manifests alone: its RabbitMQ broker, its clock, its activator, KEDA. Functions are
//! processes with the environment of their manifests, values of the cluster mapped to loopback.
//!
//! - `wiring.rs`: what the files say about events, read as the real broker reads them.
//! - `ingress.rs`, `rabbit.rs`, `dispatcher.rs`: the broker, on a real RabbitMQ. `event.rs`: what travels.
//! - `clock.rs`: PingSources. `function.rs`, `pod.rs`: Services that sleep, and the activator in front of them.
//! - `scaler/`: KEDA, the HPA and the workers' Deployment. `standing.rs`: a Deployment that is always there.
//! - `simulate/`: KEDA and the HPA against hours and days, in seconds.
//! - `build.rs`: all of it out of the files. `world.rs`: what a test can ask and do.
//!
//! What is played here was read in the sources of Knative and KEDA and seen on a cluster. Left out:
//! more than one pod per function, TLS, `timeoutSeconds` in the middle of an answer.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod build;
mod clock;
mod dispatcher;
mod event;
mod function;
mod ingress;
mod log;
mod pace;
mod pod;
mod rabbit;
mod scaler;
pub mod simulate;
mod standing;
mod wiring;
mod world;

pub use build::Settings;
pub use dispatcher::Trouble;
pub use pace::Pace;
pub use scaler::{Left, Replicas, Why};
pub use world::{Ending, World};
