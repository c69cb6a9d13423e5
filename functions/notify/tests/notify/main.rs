//! The handlers over a real database, a real mail server, and receivers of webhooks.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod destinations;
mod mails;
mod outages;
mod reader;
mod servers;
mod smtp;
mod webhook;
mod world;
