//! What a blob is called, and what a walk tells of it.

use std::{fmt, time::SystemTime};

use contracts::{AudioId, VideoId};

/// A blob's name: its bucket and its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blob {
    /// An uploaded video.
    Video(VideoId),
    /// A finished audio.
    Audio(AudioId),
    /// The waveform of this audio.
    Peaks(AudioId),
}

/// A kind of blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// Uploaded videos.
    Videos,
    /// Finished audios.
    Audios,
    /// Their waveforms.
    Peaks,
}

impl Bucket {
    /// All.
    pub const ALL: [Self; 3] = [Self::Videos, Self::Audios, Self::Peaks];

    /// The bucket's name in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Videos => "videos",
            Self::Audios => "audios",
            Self::Peaks => "peaks",
        }
    }

    /// The blob of this bucket whose [`Blob::id`] is `id`. `None` if there is none that is written so.
    #[must_use]
    pub fn blob(self, id: &str) -> Option<Blob> {
        let blob = match self {
            Self::Videos => Blob::Video(id.parse().ok()?),
            Self::Audios => Blob::Audio(id.parse().ok()?),
            Self::Peaks => Blob::Peaks(id.parse().ok()?),
        };
        (blob.id() == id).then_some(blob)
    }
}

impl Blob {
    /// Its bucket.
    #[must_use]
    pub fn bucket(self) -> Bucket {
        match self {
            Self::Video(_) => Bucket::Videos,
            Self::Audio(_) => Bucket::Audios,
            Self::Peaks(_) => Bucket::Peaks,
        }
    }

    /// Its id as text.
    #[must_use]
    pub fn id(self) -> String {
        match self {
            Self::Video(id) => id.to_string(),
            Self::Audio(id) | Self::Peaks(id) => id.to_string(),
        }
    }
}

impl fmt::Display for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bucket().name(), self.id())
    }
}

/// A blob as a walk through a bucket meets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What it is called.
    pub blob: Blob,
    /// When it became whole; of a half-written blob, when the last bytes came (in MongoDB by the clock of the process that
    /// wrote them, in whole seconds).
    pub stored_at: SystemTime,
}
