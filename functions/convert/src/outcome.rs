//! What each end of a conversion means for the job.

use std::io;

use contracts::{Cost, FailureCode};
use db::Finished;
use metrics::{counter, histogram};

/// The end of a conversion.
pub(crate) enum Outcome {
    /// The audio is stored.
    Done(Finished),
    /// It will never work; the detail is for the owner.
    Failed(FailureCode, String),
    /// The worker died; another attempt may work. The cause is for the log.
    Crashed(String),
    /// A store is away, or this version can't do it; it will work later. The cause is for the log.
    Outage(String),
    /// This process has to end.
    Shutdown,
    /// The job is not ours any more.
    LeaseLost,
}

impl Outcome {
    /// Measures the attempt.
    pub(crate) fn measure(&self, cost: &Cost) {
        let (outcome, code) = match self {
            Self::Done(_) => ("done", ""),
            Self::Failed(code, _) => ("failed", code.as_str()),
            Self::Crashed(_) => ("crashed", ""),
            Self::Outage(_) => ("outage", ""),
            Self::Shutdown => ("shutdown", ""),
            Self::LeaseLost => ("lease_lost", ""),
        };
        histogram!("tapedeck_conversion_duration_seconds", "outcome" => outcome, "code" => code)
            .record(cost.ran_seconds);
        histogram!("tapedeck_conversion_wait_seconds").record(cost.waited_seconds);
        histogram!("tapedeck_conversion_cpu_seconds").record(cost.cpu_seconds);
        counter!("tapedeck_conversion_read_bytes_total").increment(cost.bytes_read);
        counter!("tapedeck_conversion_written_bytes_total").increment(cost.bytes_written);
        if let Self::Done(finished) = self {
            histogram!("tapedeck_audio_seconds").record(finished.audio.duration);
        }
    }

    /// The stored video is not what was uploaded: no attempt will change that.
    pub(crate) fn damaged(what: &str) -> Self {
        tracing::error!(what, "a stored video is damaged");
        let detail = "the stored video is damaged: upload it again";
        Self::Failed(FailureCode::Internal, detail.into())
    }
}

impl From<media::Error> for Outcome {
    fn from(error: media::Error) -> Self {
        match error {
            media::Error::NoAudio => Self::Failed(FailureCode::NoAudio, String::new()),
            media::Error::NoTrack(which) => Self::Failed(FailureCode::NoAudio, format!("no sound {which}")),
            media::Error::Unreadable(detail) => Self::Failed(FailureCode::Unreadable, detail),
            media::Error::UnsupportedCodec(codec) => Self::Failed(FailureCode::UnsupportedCodec, codec),
            media::Error::Encrypted => Self::Failed(FailureCode::Encrypted, String::new()),
            media::Error::StartTooLate(end) => {
                Self::Failed(FailureCode::StartTooLate, format!("the sound ends at {end}"))
            }
            media::Error::TimedOut => Self::Failed(FailureCode::TimedOut, String::new()),
            media::Error::TooLarge => Self::Failed(FailureCode::TooLarge, String::new()),
            media::Error::Crashed(cause) => Self::Crashed(cause),
            media::Error::Source(error) => stored(error, "reading the video"),
            media::Error::Sink(error) => stored(error, "storing the audio"),
        }
    }
}

/// `run.rs` passes the blob store's errors through the engine as `io::Error`.
fn stored(error: io::Error, what: &str) -> Outcome {
    match error.downcast::<blobs::Error>() {
        Ok(error) => error.into(),
        Err(error) => Outcome::Outage(format!("{what}: {error}")),
    }
}

impl From<blobs::Error> for Outcome {
    fn from(error: blobs::Error) -> Self {
        match error {
            blobs::Error::Damaged(what) => Self::damaged(&what),
            other => Self::Outage(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_full_or_away_is_an_outage_and_lost_bytes_are_the_end() {
        let engine = |error: blobs::Error| Outcome::from(media::Error::Sink(io::Error::other(error)));
        let away = || blobs::Error::Unavailable(io::ErrorKind::TimedOut.into());
        for outcome in [engine(blobs::Error::Full), engine(away()), blobs::Error::Full.into(), away().into()]
        {
            assert!(matches!(outcome, Outcome::Outage(_)));
        }
        let damaged = || blobs::Error::Damaged("chunk 3 is missing".into());
        let source = media::Error::Source(io::Error::other(damaged()));
        for outcome in [engine(damaged()), damaged().into(), source.into()] {
            let Outcome::Failed(FailureCode::Internal, detail) = outcome else { panic!("it is tried again") };
            assert_eq!(detail, "the stored video is damaged: upload it again");
        }
    }
}
