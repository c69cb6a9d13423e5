//! The broker on a real RabbitMQ.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod consuming;
mod dead_letters;
mod knative_layout;
mod outages;
mod publishing;
mod world;
