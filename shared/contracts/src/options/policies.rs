//! The options that are a choice of a few words.

use serde::{Deserialize, Serialize};

/// How a bitrate is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BitrateMode {
    /// Every second has as many bits.
    Constant,
    /// As many on average: more where the sound needs it.
    Average,
}

/// Whether the video's own tags are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TagPolicy {
    /// Title, artist, album and the like are taken over.
    #[default]
    Keep,
    /// Only the tags that the options name are written.
    None,
}

/// Whether the video's cover picture is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CoverPolicy {
    /// Where the format has a place for it.
    #[default]
    Keep,
    /// It is left out.
    None,
}

/// What becomes of the video's chapters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChapterPolicy {
    /// Marks in the audio, where the format has a place for them.
    #[default]
    Keep,
    /// An audio file for each of them, in one zip. What lies before the first belongs to it, what lies between two to the
    /// earlier one. Without chapters there is one file.
    Split,
    /// They are left out.
    None,
}

/// What becomes of pauses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SilencePolicy {
    /// They stay.
    #[default]
    Keep,
    /// What is quiet before and behind all sound is left out.
    Trim,
    /// As `trim`, and of pauses that last more than a second half a second stays. Made for speech: in music, quiet passages
    /// may be taken for pauses.
    Shorten,
}

/// How the owner hears of the end of the job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NotifyBy {
    /// By mail.
    #[default]
    Mail,
    /// By no mail.
    None,
}
