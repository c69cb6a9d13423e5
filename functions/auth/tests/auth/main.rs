//! Speaks HTTP to the function's router over a real SQLite database in a temporary folder.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts;
mod destinations;
mod house;
mod limits;
mod login;
mod mails;
mod oidc;
mod providers;
mod sessions;
mod tokens;
