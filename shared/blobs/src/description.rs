//! What is told of a blob to people who look into the store.

use std::time::Duration;

use contracts::{JobId, State};

/// Facts that stand beside a blob: for the eyes of whoever looks into MongoDB. Nothing here reads them; the truth is in
/// the job's row. A field that is `None` or empty stays as it is. A directory has no place for them and forgets them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// The job that the blob belongs to.
    pub job: Option<JobId>,
    /// The container, as `mp4`.
    pub container: Option<String>,
    /// The codecs of its streams, as `h264` and `aac`.
    pub codecs: Vec<String>,
    /// How long it plays.
    pub duration: Option<Duration>,
    /// Where its conversion is.
    pub status: Option<State>,
}
