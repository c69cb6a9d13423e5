//! Notify: tells the owner of a job by mail how it ended.
//!
//! - `notify.rs`: the handlers of `AudioReady`, `ConversionFailed` and `UserRegistered`. Each reads the state
//!   again, claims the notification, sends, marks it sent.
//! - `letters.rs`: what the mails say; `template.rs` and `templates/`: how they look.
//! - `mailer.rs`: how a [`Mail`] leaves the house.
//!
//! One mail per subject and kind: the claim in the database keeps others away, and the Message-ID is the same
//! each time. With a mail server one gap is left: a process that dies between the server's yes and the mark
//! sends the mail a second time, under the same Message-ID.
//!
//! Architecture invariant: no other crate names lettre.

mod config;
mod letters;
mod mailer;
mod notify;
mod template;

use db::Db;
use identity::Links;
use runtime::Function;

pub use config::MailConfig;
pub use mailer::{Error, Mail, Mailer};

/// What this function needs.
#[derive(Clone)]
pub struct Notify {
    /// Jobs, users, and the claims on notifications.
    pub db: Db,
    /// Sends.
    pub mailer: Mailer,
    /// Signs the links to the audio.
    pub links: Links,
    /// Where the world finds us, as `https://tapedeck.example.org`.
    pub public_url: String,
    /// How many days a link in a mail works.
    pub link_days: u32,
}

/// The subscriptions.
pub fn function(deps: Notify) -> Function {
    Function::new()
        .on(deps.clone(), notify::audio_ready)
        .on(deps.clone(), notify::conversion_failed)
        .on(deps, notify::user_registered)
}
