//! Options that commonly go together, under one name.

use serde::{Deserialize, Serialize};

use super::{Format, Options, SilencePolicy};

/// What the audio is for. It sets other options, where those are not given themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// The best quality.
    Music,
    /// A loudness of -16 LUFS at 128 kbit/s.
    Podcast,
    /// Speech to listen to: -16 LUFS, long pauses shortened, one channel at 64 kbit/s.
    Lecture,
    /// M4B at -18 LUFS, one channel at 64 kbit/s.
    Audiobook,
    /// As little as speech needs: one channel at 40 kbit/s.
    Small,
    /// FLAC.
    Lossless,
}

impl Preset {
    /// Sets what it stands for; `given` tells which options are not its to set.
    pub(super) fn apply(self, options: &mut Options, given: impl Fn(&str) -> bool) {
        let format = match self {
            Self::Audiobook => Some(Format::M4b),
            Self::Lossless => Some(Format::Flac),
            _ => None,
        };
        if let Some(format) = format.filter(|_| !given("format")) {
            options.format = format;
        }
        let rated = options.format.is_lossless() || given("bitrate") || given("quality");
        let (bitrate, quality) = match self {
            Self::Music => (None, Some(0)),
            Self::Podcast => (Some(128), None),
            Self::Lecture | Self::Audiobook => (Some(64), None),
            Self::Small => (Some(40), None),
            Self::Lossless => (None, None),
        };
        // Low sample rates have low bitrates only.
        let rate = options.sample_rate.unwrap_or(44_100);
        if !rated && options.format.check_bitrate(bitrate, rate).is_ok() {
            (options.bitrate, options.quality) = (bitrate, quality);
        }
        let loudness = match self {
            Self::Podcast | Self::Lecture => Some(-16.0),
            Self::Audiobook => Some(-18.0),
            Self::Music | Self::Small | Self::Lossless => None,
        };
        if !given("loudness") {
            options.loudness = loudness;
        }
        if matches!(self, Self::Lecture | Self::Audiobook | Self::Small) && !given("channels") {
            options.channels = Some(1);
        }
        if self == Self::Lecture && !given("silence") {
            options.silence = SilencePolicy::Shorten;
        }
    }
}
