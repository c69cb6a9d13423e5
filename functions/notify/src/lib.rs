//! Notify: tells the owner of a job by mail and by webhook how it ended, and sends the mails of accounts.
//!
//! - `notify.rs`: the handlers of `AudioReady`, `ConversionFailed`, `UserRegistered` and `PasswordResetAsked`. Each
//!   reads the state again, claims the notification, sends, marks it sent.
//! - `webhook.rs`: the handler of `WebhookDue`: when webhooks are called, and when again; `caller.rs`: how;
//!   `target.rs`: which addresses are none to call.
//! - `letters.rs`: what the mails say; `template.rs` and `templates/`: how they look.
//! - `mailer.rs`: how a [`Mail`] leaves the house: `smtp.rs`, or `folder.rs` on a laptop.
//!
//! One mail per subject and kind: the claim in the database keeps others away, and the Message-ID is the same
//! each time. With a mail server one gap is left: a process that dies between the server's yes and the mark
//! sends the mail a second time, under the same Message-ID.
//!
//! Architecture invariant: no other crate names lettre.

mod caller;
mod config;
mod folder;
mod letters;
mod mailer;
mod notify;
mod smtp;
mod target;
mod template;
mod webhook;

use db::Db;
use identity::{Links, Proofs};
use runtime::Function;

pub use caller::Webhooks;
pub use config::{MailConfig, WebhookConfig};
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
    /// Signs the links that prove an address or set a new password, and knows the secrets of webhooks.
    pub proofs: Proofs,
    /// Calls.
    pub webhooks: Webhooks,
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
        .on(deps.clone(), notify::user_registered)
        .on(deps.clone(), notify::password_reset_asked)
        .on(deps, webhook::webhook_due)
}
