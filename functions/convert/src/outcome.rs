//! What each end of a conversion means for the job.

use contracts::FailureCode;
use db::Finished;

/// The end of a conversion.
pub(crate) enum Outcome {
    /// The audio is stored.
    Done(Finished),
    /// It will never work; the detail is for the owner.
    Failed(FailureCode, String),
    /// The worker died; another attempt may work. The cause is for the log.
    Crashed(String),
    /// The blob store is away; it will work later.
    StoreAway(String),
    /// The job is not ours any more.
    LeaseLost,
}

impl From<media::Error> for Outcome {
    fn from(error: media::Error) -> Self {
        match error {
            media::Error::NoAudio => Self::Failed(FailureCode::NoAudio, String::new()),
            media::Error::NoTrack(which) => Self::Failed(FailureCode::NoAudio, format!("no sound {which}")),
            media::Error::Unreadable(detail) => Self::Failed(FailureCode::Unreadable, detail),
            media::Error::UnsupportedCodec(codec) => Self::Failed(FailureCode::UnsupportedCodec, codec),
            media::Error::Encrypted => Self::Failed(FailureCode::Encrypted, String::new()),
            media::Error::TimedOut => Self::Failed(FailureCode::TimedOut, String::new()),
            media::Error::TooLarge => Self::Failed(FailureCode::TooLarge, String::new()),
            media::Error::Crashed(cause) => Self::Crashed(cause),
            media::Error::Source(error) => Self::StoreAway(format!("reading the video: {error}")),
            media::Error::Sink(error) => Self::StoreAway(format!("storing the audio: {error}")),
        }
    }
}

impl From<blobs::Error> for Outcome {
    fn from(error: blobs::Error) -> Self {
        Self::StoreAway(error.to_string())
    }
}
