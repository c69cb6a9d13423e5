//! What is known about a source, a conversion under way, and a result.

mod peaks;
mod warning;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::peaks::Peaks;
pub use self::warning::Warning;

/// What a file is, found without decoding all of it. Every text in it comes from the file: treat it as foreign.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Probe {
    /// The container's short name, as libav calls it: `mov,mp4,m4a,3gp,3g2,mj2`, `matroska,webm`.
    pub container: String,
    /// As the file declares it; a cut file declares more than it has.
    pub duration: Option<Duration>,
    /// The streams, pictures too; the first 64 of them.
    pub streams: Vec<Stream>,
    /// Title, artist and so on, at most 32; keys in lower case.
    pub tags: BTreeMap<String, String>,
    /// In the order of time, at most 256.
    pub chapters: Vec<Chapter>,
    /// Whether there is a cover picture.
    pub cover: bool,
}

/// A part of a file that has a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chapter {
    /// From the start of the file.
    pub start: Duration,
    /// From the start of the file; never before `start`.
    pub end: Duration,
    /// Its name; empty if it has none.
    pub title: String,
}

/// One of the files that a result is made of when it is split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// From 1.
    pub number: u32,
    /// How many there will be, at most 256; fewer if the sound ends before the last ones begin.
    pub total: u32,
    /// The chapter's title, or `Chapter 3` if it has none; at most 120 characters, none of them a control character.
    pub title: String,
}

/// One stream of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Its place in the file, from 0.
    pub index: u32,
    /// Sound, picture or something else.
    pub kind: Kind,
    /// The codec's short name: `aac`, `h264`.
    pub codec: String,
    /// In Hz; sound only.
    pub sample_rate: Option<u32>,
    /// Sound only.
    pub channels: Option<u32>,
    /// As the file says it, commonly three letters.
    pub language: Option<String>,
}

/// What a stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// Subtitles, data, attachments.
    Other,
}

/// How far a conversion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How much of the result is there.
    pub position: Duration,
    /// How long it will be, as far as the source tells.
    pub total: Option<Duration>,
}

/// A finished conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// What the source was.
    pub source: Probe,
    /// The result's codec: `mp3`.
    pub codec: String,
    /// The average, in bit/s.
    pub bitrate: u32,
    /// In Hz.
    pub sample_rate: u32,
    /// 1 or 2.
    pub channels: u8,
    /// Of the result, exact to the sample.
    pub duration: Duration,
    /// Of the result, tag included.
    pub bytes: u64,
    /// How much was asked of [`Source::read_at`](crate::Source::read_at).
    pub source_bytes_read: u64,
    /// The waveform of the result, if it was asked for; of a split one that of all parts together.
    pub peaks: Option<Peaks>,
    /// What the user should know about the result.
    pub warnings: Vec<Warning>,
}
