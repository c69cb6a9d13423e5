//! What is being done for a job, within its state.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::State;

/// What is being done for a job that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The video arrives.
    Uploading,
    /// All converters are busy, or rest.
    Waiting,
    /// A converter looks at the video; there is no sound yet.
    Reading,
    /// Sound is being made.
    Encoding,
    /// The sound is made and is being stored.
    Storing,
}

/// The text names no stage.
#[derive(Debug, thiserror::Error)]
#[error("unknown stage {0:?}")]
pub struct UnknownStage(String);

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 5] = [Self::Uploading, Self::Waiting, Self::Reading, Self::Encoding, Self::Storing];

    /// The stage as it stands in the database and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Uploading => "uploading",
            Self::Waiting => "waiting",
            Self::Reading => "reading",
            Self::Encoding => "encoding",
            Self::Storing => "storing",
        }
    }

    /// The stage of a job in this state, whose converter has said `said`; none once it has ended.
    #[must_use]
    pub fn of(state: State, said: Option<Self>) -> Option<Self> {
        match state {
            State::Uploading => Some(Self::Uploading),
            State::Queued => Some(Self::Waiting),
            State::Converting => Some(said.unwrap_or(Self::Reading)),
            State::Done | State::Failed | State::Canceled | State::Expired => None,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Stage {
    type Err = UnknownStage;
    fn from_str(text: &str) -> Result<Self, UnknownStage> {
        let known = Self::ALL.into_iter().find(|stage| stage.as_str() == text);
        known.ok_or_else(|| UnknownStage(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_has_ended_has_no_stage_and_every_other_has_one() {
        for state in State::ALL {
            assert_eq!(Stage::of(state, Some(Stage::Encoding)).is_none(), state.is_final(), "{state}");
        }
        assert_eq!(Stage::of(State::Converting, None), Some(Stage::Reading));
        for stage in Stage::ALL {
            assert_eq!(stage.to_string().parse::<Stage>().unwrap(), stage);
            assert_eq!(serde_json::to_value(stage).unwrap(), stage.as_str());
        }
        assert!("resting".parse::<Stage>().is_err());
    }
}
