//! The states of a job.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The state of a job.
///
/// ```text
/// uploading -> queued -> converting -> done | failed | canceled
///              queued -> canceled      converting -> queued (expired lease)
///              done -> expired         failed | canceled -> queued (asked for by the user)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The video is still arriving; it is not accepted yet.
    Uploading,
    /// Accepted; waits for a converter.
    Queued,
    /// A converter holds the lease.
    Converting,
    /// The audio can be downloaded.
    Done,
    /// Ended without audio; the job's error says why.
    Failed,
    /// Ended by its owner.
    Canceled,
    /// Was done; the audio is past its retention and has been removed.
    Expired,
}

/// The text names no state.
#[derive(Debug, thiserror::Error)]
#[error("unknown job state {0:?}")]
pub struct UnknownState(String);

impl State {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Uploading,
        Self::Queued,
        Self::Converting,
        Self::Done,
        Self::Failed,
        Self::Canceled,
        Self::Expired,
    ];

    /// The state as it stands in the database and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Uploading => "uploading",
            Self::Queued => "queued",
            Self::Converting => "converting",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
        }
    }

    /// Nothing more happens unless somebody asks for it.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Uploading | Self::Queued | Self::Converting)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl FromStr for State {
    type Err = UnknownState;
    fn from_str(text: &str) -> Result<Self, UnknownState> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| UnknownState(text.to_owned()))
    }
}
