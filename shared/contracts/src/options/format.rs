//! The audio formats, and which rates each of them has. The engine knows the same from its own side.

use serde::{Deserialize, Serialize};

use super::{InvalidOption, one_of};

/// An audio format that we write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// MPEG-1/2/2.5 layer III.
    #[default]
    Mp3,
    /// AAC in MP4. `quality` 0 to 9 stands for 128, 112, 96, 80, 72, 64, 56, 48, 40, 32 kbit/s a channel.
    M4a,
    /// As `m4a`, but players take it for an audiobook: with chapters and cover, and they go on where they were left.
    M4b,
    /// Opus in Ogg. `quality` 0 to 9 stands for 128, 96, 80, 64, 56, 48, 40, 32, 24, 16 kbit/s a channel.
    Opus,
    /// Vorbis in Ogg. `quality` 0 to 9 stands for Vorbis' own 8 to -1; `bitrate` for the quality that has it on
    /// average.
    Ogg,
    /// FLAC, without loss: neither `bitrate` nor `quality`. 16 bits a sample, 24 where the video has more than 16
    /// without loss.
    Flac,
    /// PCM in WAV, without loss: as FLAC, but not made smaller.
    Wav,
}

/// The bitrates of MPEG-1 layer III in kbit/s, for 32 kHz and above (ISO/IEC 11172-3, table of bit rates).
const MPEG1_BITRATES: [u32; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
/// The bitrates of MPEG-2 layer III in kbit/s, for 16 to 24 kHz (ISO/IEC 13818-3); MPEG-2.5, below that, has the
/// first eight of them.
const MPEG2_BITRATES: [u32; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
/// The sample rates of MPEG-1, 2 and 2.5 audio in Hz.
const MP3_SAMPLE_RATES: [u32; 9] = [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000];
/// The sample rates of AAC in Hz, up to where it makes sense; Vorbis has them too.
const AAC_SAMPLE_RATES: [u32; 12] =
    [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000];
/// The sample rates of Opus in Hz.
const OPUS_SAMPLE_RATES: [u32; 5] = [8000, 12000, 16000, 24000, 48000];
/// The sample rates of formats without loss in Hz.
const LOSSLESS_SAMPLE_RATES: [u32; 14] =
    [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000, 176_400, 192_000];

impl Format {
    /// The media type of a file in this format.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Mp3 => "audio/mpeg",
            Self::M4a | Self::M4b => "audio/mp4",
            Self::Opus | Self::Ogg => "audio/ogg",
            Self::Flac => "audio/flac",
            Self::Wav => "audio/wav",
        }
    }

    /// Whether nothing is lost in it.
    pub(super) fn is_lossless(self) -> bool {
        matches!(self, Self::Flac | Self::Wav)
    }

    /// What a file name ends in, without the dot: also the format's name.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Mp3 => "mp3",
            Self::M4a => "m4a",
            Self::M4b => "m4b",
            Self::Opus => "opus",
            Self::Ogg => "ogg",
            Self::Flac => "flac",
            Self::Wav => "wav",
        }
    }

    /// The sample rates in Hz that can be asked for.
    #[must_use]
    pub fn sample_rates(self) -> &'static [u32] {
        match self {
            Self::Mp3 => &MP3_SAMPLE_RATES,
            Self::M4a | Self::M4b | Self::Ogg => &AAC_SAMPLE_RATES,
            Self::Opus => &OPUS_SAMPLE_RATES,
            Self::Flac | Self::Wav => &LOSSLESS_SAMPLE_RATES,
        }
    }

    pub(super) fn check_bitrate(self, bitrate: Option<u32>, sample_rate: u32) -> Result<(), InvalidOption> {
        let Some(given) = bitrate else { return Ok(()) };
        let range = match self {
            Self::Mp3 => return one_of("bitrate", bitrate, mp3_bitrates(sample_rate)),
            Self::Flac | Self::Wav => return Err(without_loss("bitrate")),
            Self::M4a | Self::M4b => 16..=320,
            Self::Opus => 6..=510,
            Self::Ogg => 45..=500,
        };
        if range.contains(&given) {
            return Ok(());
        }
        let allowed = format!("must be {} to {}", range.start(), range.end());
        Err(InvalidOption::new("bitrate", allowed))
    }

    pub(super) fn check_quality(self, quality: Option<u8>) -> Result<(), InvalidOption> {
        match (self, quality) {
            (Self::Flac | Self::Wav, Some(_)) => Err(without_loss("quality")),
            _ => one_of("quality", quality.map(u32::from), &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        }
    }
}

fn without_loss(name: &str) -> InvalidOption {
    InvalidOption::new(name, "has no meaning for flac and wav, which lose nothing")
}

/// The bitrates in kbit/s that MP3 has at a sample rate in Hz.
fn mp3_bitrates(sample_rate: u32) -> &'static [u32] {
    match sample_rate {
        0..=12_000 => &MPEG2_BITRATES[..8],
        12_001..=24_000 => &MPEG2_BITRATES,
        _ => &MPEG1_BITRATES,
    }
}
