//! `MAIL_*` and `WEBHOOK_*`.

use runtime::{Checked, Config, within};
use serde::{Deserialize, Serialize};

/// How mail is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct MailConfig {
    /// Where mail goes, see [`crate::Mailer::open`]. Empty: the program that composes the parts chooses.
    pub url: String,
    /// The sender.
    pub from: String,
    /// A file of certificates (PEM) to trust besides the public ones. Empty: none.
    pub ca_file: String,
    /// How many days a link in a mail works.
    pub link_days: u32,
    /// Mails on their way at once.
    pub at_once: usize,
}

impl Default for MailConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            from: "Tapedeck <tapedeck@localhost>".into(),
            ca_file: String::new(),
            link_days: 7,
            at_once: 8,
        }
    }
}

impl Config for MailConfig {
    const PREFIX: &'static str = "MAIL_";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        (
            "url",
            "where mail goes: `smtps://user:password@host`, `smtp://user:password@host:587` with `?tls=required` (default with a password), `opportunistic` (default without) or `none`, or `file:DIRECTORY`, where each mail is an .eml file; unset: mails in the data folder",
        ),
        ("from", "the sender, as `Tapedeck <tapedeck@example.org>`; its domain stands in every Message-ID"),
        ("ca_file", "certificates (PEM) by which the mail server is trusted, besides the public ones"),
        ("link_days", "days that the link in a mail works, at most as long as the audio is kept"),
        ("at_once", "mails that a process sends at once"),
    ];

    fn check(&self) -> Checked {
        within("link_days", &self.link_days, 1..=36_500)?;
        within("at_once", &self.at_once, 1..=1000)
    }
}

/// How webhooks are called.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct WebhookConfig {
    /// A file of certificates (PEM) to trust besides the public ones. Empty: none.
    pub ca_file: String,
    /// Lets webhooks go to private addresses and without TLS.
    pub unsafe_targets_for_tests: bool,
    /// Calls on their way at once.
    pub at_once: usize,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self { ca_file: String::new(), unsafe_targets_for_tests: false, at_once: 16 }
    }
}

impl Config for WebhookConfig {
    const PREFIX: &'static str = "WEBHOOK_";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        ("ca_file", "certificates (PEM) by which receivers of webhooks are trusted, besides the public ones"),
        (
            "unsafe_targets_for_tests",
            "`true` lets every user make this service call private addresses, and without TLS: for tests only",
        ),
        (
            "at_once",
            "webhooks that a process calls at once, and as many destinations; at most two of them at one receiver",
        ),
    ];

    fn check(&self) -> Checked {
        within("at_once", &self.at_once, 1..=1000)
    }
}
