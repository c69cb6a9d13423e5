//! Destinations: where a user is told of jobs, beside the mail.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{UnknownWord, is_https_address};

/// What is called, which decides what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DestinationKind {
    /// Any program: the CloudEvent of the job's end, signed by the Standard Webhooks scheme.
    Webhook,
    /// A topic of an ntfy server, as `https://ntfy.sh/my-topic`.
    Ntfy,
    /// A key of an Apprise API server, as `https://apprise.example.org/notify/my-key`.
    Apprise,
}

/// What a destination is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DestinationEvent {
    /// A job is done.
    Done,
    /// A job has failed.
    Failed,
}

impl DestinationKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Webhook, Self::Ntfy, Self::Apprise];

    /// As it stands in the database and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Ntfy => "ntfy",
            Self::Apprise => "apprise",
        }
    }

    /// Whether `address` is one of this kind, by its form.
    ///
    /// # Errors
    /// What it must be.
    pub fn check_address(self, address: &str) -> Result<(), &'static str> {
        if !is_https_address(address) {
            return Err("must be an https address of at most 1000 ASCII characters, without user name and #");
        }
        match self {
            Self::Webhook => Ok(()),
            Self::Ntfy => topic_of(address).map(drop).ok_or(
                "must end in the topic, as https://ntfy.sh/my-topic: 1 to 64 letters, digits, - and _",
            ),
            Self::Apprise if is_apprise(address) => Ok(()),
            Self::Apprise => Err("must end in /notify/KEY, as https://apprise.example.org/notify/my-key"),
        }
    }
}

impl DestinationEvent {
    /// Every event.
    pub const ALL: [Self; 2] = [Self::Done, Self::Failed];

    /// As it stands in the database and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// An ntfy server, with a slash at the end, and the topic that the address names there.
#[must_use]
pub fn topic_of(address: &str) -> Option<(&str, &str)> {
    let (host, topic) = address.split_at(address.rfind('/')? + 1);
    (!host.ends_with("//") && !host.contains('?') && is_word(topic, 64)).then_some((host, topic))
}

fn is_apprise(address: &str) -> bool {
    let parts = address.trim_end_matches('/').rsplit_once("/notify/");
    parts.is_some_and(|(server, key)| !server.ends_with('/') && !server.contains('?') && is_word(key, 128))
}

fn is_word(text: &str, longest: usize) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=longest).contains(&text.len()) && text.bytes().all(plain)
}

impl FromStr for DestinationKind {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|word| word.as_str() == text).ok_or_else(|| UnknownWord(text.to_owned()))
    }
}
impl FromStr for DestinationEvent {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|word| word.as_str() == text).ok_or_else(|| UnknownWord(text.to_owned()))
    }
}
impl fmt::Display for DestinationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl fmt::Display for DestinationEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_read_as_what_it_was_written_as() {
        for word in DestinationKind::ALL {
            assert_eq!(word.to_string().parse::<DestinationKind>().unwrap(), word);
            assert_eq!(serde_json::to_value(word).unwrap(), word.as_str());
        }
        for word in DestinationEvent::ALL {
            assert_eq!(word.to_string().parse::<DestinationEvent>().unwrap(), word);
            assert_eq!(serde_json::to_value(word).unwrap(), word.as_str());
        }
        assert!("pigeon".parse::<DestinationKind>().is_err() && "".parse::<DestinationEvent>().is_err());
    }

    #[test]
    fn each_kind_has_addresses_of_its_own_form() {
        use DestinationKind::{Apprise, Ntfy, Webhook};
        for (kind, address, good) in [
            (Webhook, "https://example.org/hooks?key=1", true),
            (Webhook, "http://example.org/hooks", false),
            (Webhook, "https://me:secret@example.org/", false),
            (Ntfy, "https://ntfy.sh/my-Topic_1", true),
            (Ntfy, "https://example.org/ntfy/topic", true),
            (Ntfy, "http://ntfy.sh/topic", false),
            (Ntfy, "https://ntfy.sh", false),
            (Ntfy, "https://ntfy.sh/", false),
            (Ntfy, "https://ntfy.sh/a?b", false),
            (Ntfy, "https://ntfy.sh?a/b", false),
            (Ntfy, "https://ntfy.sh/a.b", false),
            (Apprise, "https://example.org/notify/my-key", true),
            (Apprise, "https://example.org/apprise/notify/my_key/", true),
            (Apprise, "https://example.org/notify/", false),
            (Apprise, "https://example.org/notify/a/b", false),
            (Apprise, "https://example.org/?x=/notify/key", false),
            (Apprise, "https://notify/key", false),
            (Apprise, "https:///notify/key", false),
        ] {
            assert_eq!(kind.check_address(address).is_ok(), good, "{kind} {address}");
        }
        assert!(Ntfy.check_address(&format!("https://ntfy.sh/{}", "a".repeat(65))).is_err());
        assert_eq!(topic_of("https://ntfy.sh/talks"), Some(("https://ntfy.sh/", "talks")));
    }
}
