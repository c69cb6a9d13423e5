//! Events over AMQP 0-9-1.
//!
//! - `layout.rs`: an event as a message, as Knative's RabbitMQ broker writes it.
//! - `topology.rs`: our exchange, the queue of each subscription.
//! - `publisher.rs`: with confirms; what must be heard is mandatory. `consumer.rs`: supervised; `settle.rs`: what becomes of a delivery.

pub(crate) mod consumer;
pub(crate) mod layout;
mod link;
pub(crate) mod publisher;
pub(crate) mod settle;
pub(crate) mod topology;
