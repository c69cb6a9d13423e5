//! Why a conversion ended without audio, in words that its owner can act on.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a user is told about a failed job. The code is stable; the sentence may get better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "`sentence` says it")]
pub enum FailureCode {
    NoAudio,
    Unreadable,
    UnsupportedCodec,
    Encrypted,
    StartTooLate,
    TooLong,
    TooLarge,
    TimedOut,
    Internal,
}

/// The text names no failure code.
#[derive(Debug, thiserror::Error)]
#[error("unknown failure code {0:?}")]
pub struct UnknownFailureCode(String);

impl FailureCode {
    /// Every code.
    pub const ALL: [Self; 9] = [
        Self::NoAudio,
        Self::Unreadable,
        Self::UnsupportedCodec,
        Self::Encrypted,
        Self::StartTooLate,
        Self::TooLong,
        Self::TooLarge,
        Self::TimedOut,
        Self::Internal,
    ];

    /// The code as it stands in the database and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoAudio => "no_audio",
            Self::Unreadable => "unreadable",
            Self::UnsupportedCodec => "unsupported_codec",
            Self::Encrypted => "encrypted",
            Self::StartTooLate => "start_too_late",
            Self::TooLong => "too_long",
            Self::TooLarge => "too_large",
            Self::TimedOut => "timed_out",
            Self::Internal => "internal",
        }
    }

    /// Whether the same video with the same options may succeed another time.
    #[must_use]
    pub fn may_pass(self) -> bool {
        match self {
            Self::TimedOut | Self::Internal => true,
            Self::NoAudio
            | Self::Unreadable
            | Self::UnsupportedCodec
            | Self::Encrypted
            | Self::StartTooLate
            | Self::TooLong
            | Self::TooLarge => false,
        }
    }

    /// What went wrong and what to do, for the owner of the job.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NoAudio => "The video has no sound. Upload one that has an audio track.",
            Self::Unreadable => {
                "The file could not be read as a video; it may be damaged or cut off. Check that it plays and upload it again."
            }
            Self::UnsupportedCodec => {
                "The sound is stored in a way that we can't decode. Save the video with AAC, MP3 or Opus sound and upload it again."
            }
            Self::Encrypted => {
                "The video is copy-protected: its sound can't be had without a key. Upload one without protection."
            }
            Self::StartTooLate => {
                "The sound ends before the wanted start. Upload the video again with an earlier start, or without one."
            }
            Self::TooLong => {
                "The video is longer than your account allows. Upload a shorter one, or choose a part with start and end."
            }
            Self::TooLarge => "The audio grew larger than allowed. Choose a lower bitrate or a shorter part.",
            Self::TimedOut => {
                "The conversion took longer than allowed. Choose a part with start and end, or upload a shorter video."
            }
            Self::Internal => {
                "The conversion failed through a fault of ours. Retry the job; if it fails again, tell us its id."
            }
        }
    }
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl FromStr for FailureCode {
    type Err = UnknownFailureCode;
    fn from_str(text: &str) -> Result<Self, UnknownFailureCode> {
        let found = Self::ALL.into_iter().find(|code| code.as_str() == text);
        found.ok_or_else(|| UnknownFailureCode(text.to_owned()))
    }
}
