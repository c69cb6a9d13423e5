//! The broker on a real RabbitMQ.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod consuming;
mod dropped;
mod knative_layout;
mod many;
mod outages;
mod parts;
mod publishing;
mod world;
