//! Deliveries: channel, message, outcome, retry delays.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

/// By mail, or by a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// A mail to the user's address.
    Mail,
    /// A POST to the address that the job's options name.
    Webhook,
    /// A POST to one of the user's destinations.
    Destination,
}

/// What a delivery says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// The audio can be downloaded.
    Ready,
    /// The conversion ended without audio.
    Failed,
    /// Somebody registered: the mail proves the address.
    Welcome,
    /// Somebody tried to register with the address of this account.
    AlreadyRegistered,
    /// Somebody asked for a mail that sets a new password.
    PasswordReset,
    /// The owner of a destination tries it.
    Test,
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The receiver has it.
    Sent,
    /// The receiver will never take it.
    Refused,
    /// It is of no use any more: the job was deleted or retried, the account locked.
    Dropped,
    /// Every attempt failed: a dead letter, which an administrator may repeat.
    Dead,
}

/// The text is none of the words that are known.
#[derive(Debug, thiserror::Error)]
#[error("unknown word {0:?}")]
pub struct UnknownWord(pub(crate) String);

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 3] = [Self::Mail, Self::Webhook, Self::Destination];

    /// As it stands in the database and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Webhook => "webhook",
            Self::Destination => "destination",
        }
    }
}

impl Message {
    /// Every message.
    pub const ALL: [Self; 6] =
        [Self::Ready, Self::Failed, Self::Welcome, Self::AlreadyRegistered, Self::PasswordReset, Self::Test];

    /// As it stands in the database and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Welcome => "welcome",
            Self::AlreadyRegistered => "already-registered",
            Self::PasswordReset => "password-reset",
            Self::Test => "test",
        }
    }
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Sent, Self::Refused, Self::Dropped, Self::Dead];

    /// As it stands in the database and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Refused => "refused",
            Self::Dropped => "dropped",
            Self::Dead => "dead",
        }
    }
}

impl FromStr for Channel {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|word| word.as_str() == text).ok_or_else(|| UnknownWord(text.to_owned()))
    }
}
impl FromStr for Message {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|word| word.as_str() == text).ok_or_else(|| UnknownWord(text.to_owned()))
    }
}
impl FromStr for Outcome {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|word| word.as_str() == text).ok_or_else(|| UnknownWord(text.to_owned()))
    }
}
impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Seconds from one failed attempt to the next: the one table for everything that is tried again. From seconds, for
/// what passes at once, to half days; 13 attempts over three days.
const PAUSES: [u64; 12] = [5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 43_200, 64_800, 93_600];

/// How long to wait after the failure of attempt `attempts` (1 for the first). `None`: it was the last one.
#[must_use]
pub fn pause_after(attempts: u32) -> Option<Duration> {
    let place = usize::try_from(attempts).ok()?.checked_sub(1)?;
    PAUSES.get(place).copied().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_read_as_what_it_was_written_as() {
        for word in Channel::ALL {
            assert_eq!(word.to_string().parse::<Channel>().unwrap(), word);
            assert_eq!(serde_json::to_value(word).unwrap(), word.as_str());
        }
        for word in Message::ALL {
            assert_eq!(word.to_string().parse::<Message>().unwrap(), word);
            assert_eq!(serde_json::to_value(word).unwrap(), word.as_str());
        }
        for word in Outcome::ALL {
            assert_eq!(word.to_string().parse::<Outcome>().unwrap(), word);
            assert_eq!(serde_json::to_value(word).unwrap(), word.as_str());
        }
        assert!("pigeon".parse::<Channel>().is_err());
    }

    #[test]
    fn attempts_go_on_for_three_days_with_growing_pauses() {
        let pauses: Vec<_> = (1..).map_while(pause_after).collect();
        assert!(pauses.is_sorted());
        assert_eq!(pauses.first(), Some(&Duration::from_secs(5)));
        let days = pauses.iter().sum::<Duration>().as_secs_f64() / 86_400.0;
        assert!((2.9..3.1).contains(&days), "{days}");
        assert!(pause_after(0).is_none() && pause_after(u32::MAX).is_none());
    }
}
