//! `MAIL_*`.

use runtime::Config;
use serde::{Deserialize, Serialize};

/// How mail is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct MailConfig {
    /// Where mail goes: `file:DIRECTORY`. Empty: the program that composes the parts chooses. Whoever composes the functions fills in an empty one.
    pub url: String,
    /// The sender.
    pub from: String,
    /// How many days a link in a mail works.
    pub link_days: u32,
}

impl Default for MailConfig {
    fn default() -> Self {
        Self { url: String::new(), from: "Tapedeck <tapedeck@localhost>".into(), link_days: 7 }
    }
}

impl Config for MailConfig {
    const PREFIX: &'static str = "MAIL_";
    const DESCRIPTIONS: &'static [(&'static str, &'static str)] = &[
        (
            "url",
            "where mail goes: `file:DIRECTORY`, where each mail is an .eml file; unset: mails in the data folder",
        ),
        ("from", "the sender, as `Tapedeck <tapedeck@example.org>`; its domain stands in every Message-ID"),
        ("link_days", "days that the link in a mail works, at most as long as the audio is kept"),
    ];
}
