//! What can go wrong, named for what the caller can tell the user.

use std::io;

/// Why there is no result. `Display` is a sentence that may be shown to the user; causes for the log are in the
/// fields and in `source()`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A media file, but without an audio stream.
    #[error("The video has no sound.")]
    NoAudio,
    /// There is sound, but not the one that was asked for; holds which one that was.
    #[error("The video has no sound {0}.")]
    NoTrack(String),
    /// Not a media file, or too damaged to get any sound out of it. Says what was tried.
    #[error("The file can't be read as a video: {0}.")]
    Unreadable(String),
    /// The sound is there, but coded in a way that we have no decoder for. Holds the codec's name.
    #[error("The sound is coded as {0}, which we can't decode.")]
    UnsupportedCodec(String),
    /// The sound is there, but can't be had without a key.
    #[error("The video is copy-protected.")]
    Encrypted,
    /// [`Settings::start`](crate::Settings::start) is at or behind the end of the sound. Where that is, as `0:01:30`.
    #[error("The sound ends at {0}, before the wanted start. Choose an earlier one.")]
    StartTooLate(String),
    /// [`Limits::wall`](crate::Limits::wall) or [`Limits::cpu`](crate::Limits::cpu) was reached.
    #[error("The conversion took too long and was stopped.")]
    TimedOut,
    /// The result grew beyond [`Limits::output_bytes`](crate::Limits::output_bytes).
    #[error("The audio would be larger than is allowed.")]
    TooLarge,
    /// Reading the source failed: not the file's fault, worth another try.
    #[error("The video could not be read from where it is kept.")]
    Source(#[source] io::Error),
    /// Writing the result failed: not the file's fault, worth another try.
    #[error("The audio could not be stored.")]
    Sink(#[source] io::Error),
    /// The worker could not be started, died, ran out of memory or talked nonsense, or the caller did not
    /// [`check`](crate::Settings::check) the settings. Holds the cause, for the log.
    #[error("The converter stopped unexpectedly.")]
    Crashed(String),
}
