//! Notify: tells the owner of a job how it ended, by mail, by webhook and at their destinations, and sends the mails of
//! accounts.
//!
//! - `deliver.rs`: the handler of `DeliveryDue`. A delivery is a row; the event is a hint that one is due. Claim it, send
//!   it, note what became of it, and go on with what else is due.
//! - `receivers.rs`: how many may be called at once, so that mails and webhooks don't wait for each other, nor for a receiver
//!   that is away.
//! - `subject.rs`: whether a delivery is still wanted. `mails.rs`: which mail; `webhook.rs`,
//!   `destinations.rs`: which call.
//! - `caller.rs`: how a receiver is called; `shared/outbound` knows which addresses are none to call.
//! - `letters.rs`: what the mails say; `template.rs` and `templates/`: how they look. `notes.rs`: what ntfy and Apprise say.
//! - `mailer.rs`: how a [`Mail`] is sent: `smtp.rs`, or `folder.rs` on a laptop.
//!
//! One mail for each end of a job: the claim in the database keeps others away, and the Message-ID is the same
//! each time. With a mail server one gap is left: a process that dies between the server's 250 and COMMIT
//! sends the mail a second time, under the same Message-ID.
//!
//! Architecture invariant: no other crate names lettre.

mod caller;
mod config;
mod deliver;
mod destinations;
mod folder;
mod letters;
mod mailer;
mod mails;
mod notes;
mod process;
mod receivers;
mod smtp;
mod subject;
mod template;
mod webhook;

use db::Db;
use identity::{Links, Proofs};
use runtime::Function;

use caller::Webhooks;
pub use config::{MailConfig, WebhookConfig};
pub use mailer::{Error, Mail, Mailer};
pub use process::run;
use receivers::Receivers;

/// What this function needs.
#[derive(Clone)]
pub struct Notify {
    db: Db,
    mailer: Mailer,
    /// Signs the links to the audio.
    links: Links,
    /// Signs the links that prove an address or set a new password, and knows the secrets of webhooks and the tokens of
    /// destinations.
    proofs: Proofs,
    webhooks: Webhooks,
    /// Where the world finds us, as `https://tapedeck.example.org`.
    public_url: String,
    /// How many days a link in a mail works.
    link_days: u32,
    gate: Receivers,
}

impl Notify {
    /// Of its parts. `public_url` is where the world finds us, as `https://tapedeck.example.org`.
    ///
    /// # Errors
    /// As [`Mailer::open`] and [`Webhooks::new`].
    pub fn new(
        db: Db,
        (links, proofs): (Links, Proofs),
        (mail, webhook): (&MailConfig, &WebhookConfig),
        public_url: &str,
    ) -> Result<Self, Error> {
        Ok(Self {
            db,
            mailer: Mailer::open(mail)?,
            links,
            proofs,
            webhooks: Webhooks::new(webhook)?,
            public_url: public_url.to_owned(),
            link_days: mail.link_days,
            gate: Receivers::new(mail.at_once, webhook.at_once),
        })
    }
}

/// The subscription. Without a free slot a handler returns at once, so many may run.
pub fn function(deps: Notify) -> Function {
    Function::new().on(deps, deliver::delivery_due).at_once(EVENTS)
}

/// Events in hand at once: more than there are slots.
const EVENTS: usize = 64;
