//! Why an upload is not taken, and what the client is told.

use axum::http::StatusCode;
use contracts::InvalidOption;
use identity::not_made;
use runtime::Problem;

use crate::pace::Broken;

/// Why an upload is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("no file")]
    NoFile,
    #[error("several files")]
    SeveralFiles,
    #[error("an empty file")]
    Empty,
    #[error("larger than {0} bytes")]
    TooLarge(u64),
    #[error("not a known container")]
    UnknownContainer,
    #[error(transparent)]
    Option(#[from] InvalidOption),
    #[error("broken form: {0}")]
    BrokenForm(String),
    #[error(transparent)]
    Body(#[from] Broken),
    #[error("the job was removed during its upload")]
    Gone,
    #[error(transparent)]
    Database(#[from] db::Error),
    #[error(transparent)]
    Storage(#[from] blobs::Error),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoFile => {
                Self::bad_request("The form has no file. Send exactly one: curl -F file=@video.mp4 ...")
            }
            Refusal::SeveralFiles => {
                Self::bad_request("The form has several files. Send one file per request.")
            }
            Refusal::Empty => {
                Self::bad_request("The file is empty. Check that it is complete and send it again.")
            }
            Refusal::TooLarge(limit) => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                format!("The video is larger than {limit} bytes, which is the most that is taken."),
            )
            .member("max_bytes", limit),
            Refusal::UnknownContainer => Self::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "This is no video or audio file that we know. Send MP4, MOV, MKV, WebM, AVI, FLV, MPEG, 3GP, WMV, Ogg or an audio file.",
            ),
            Refusal::Option(error) => Self::unprocessable(error.to_string()).member("option", error.option),
            Refusal::BrokenForm(detail) => Self::bad_request(format!("The form can't be read: {detail}")),
            Refusal::Body(Broken::Frame(limit)) => Self::bad_request(format!(
                "The form can't be read: more than {limit} bytes of it are neither a file nor an option. Check its boundary."
            )),
            Refusal::Body(Broken::CutOff) => Self::bad_request("The upload was cut off. Send it again."),
            Refusal::Body(Broken::Stalled) => Self::new(
                StatusCode::REQUEST_TIMEOUT,
                "stalled",
                "Too little came for too long. Send the video again.",
            ),
            Refusal::Gone => {
                Self::conflict("The job was removed while its video arrived. Send the video again.")
            }
            Refusal::Storage(blobs::Error::Full) => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "full",
                "The service has no room left. Try again later.",
            )
            .cause("the blob store is full"),
            Refusal::Database(error) => not_made(error),
            Refusal::Storage(error) => Self::of(error),
        }
    }
}
