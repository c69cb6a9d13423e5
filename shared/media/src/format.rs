//! The formats that we write, and what each can have.

use serde::{Deserialize, Serialize};

/// Sample rates that MP3 has, in Hz: MPEG-2.5, MPEG-2, MPEG-1 (ISO/IEC 13818-3, 11172-3).
pub const MP3_SAMPLE_RATES: [u32; 9] = [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000];
/// Those, and more that AAC has (ISO/IEC 14496-3, table of sampling frequencies) and Vorbis too, in Hz.
const AAC_SAMPLE_RATES: [u32; 12] =
    [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000];
/// What Opus codes at, in Hz (RFC 6716); it always plays at 48000.
const OPUS_SAMPLE_RATES: [u32; 5] = [8000, 12000, 16000, 24000, 48000];
/// What can be asked of formats without loss, in Hz.
const LOSSLESS_SAMPLE_RATES: [u32; 14] =
    [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000, 176_400, 192_000];

/// The output's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// MPEG layer III with ID3v2.4 tag and Xing/LAME header: seekable, gapless.
    #[default]
    Mp3,
    /// AAC-LC in MP4 with its index at the end, gapless by edit list. Always at an average bit rate; a quality of 0 to
    /// 9 stands for 128, 112, 96, 80, 72, 64, 56, 48, 40, 32 kbit/s a channel.
    M4a,
    /// The same as [`M4a`](Format::M4a), but players take it for an audiobook: it goes on where it was left.
    M4b,
    /// Opus in Ogg, variable; a quality of 0 to 9 stands for 128, 96, 80, 64, 56, 48, 40, 32, 24, 16 kbit/s a channel.
    Opus,
    /// Vorbis in Ogg, variable; a quality of 0 to 9 stands for Vorbis' own 8 to -1, a bit rate for the quality that has
    /// it on average.
    Ogg,
    /// FLAC: without loss, 16 bits a sample, or 24 where the source is without loss and has more than 16.
    Flac,
    /// PCM in WAV: as [`Flac`](Format::Flac), but not made smaller.
    Wav,
}

impl Format {
    /// Whether it is AAC in MP4.
    pub(crate) fn is_mp4(self) -> bool {
        matches!(self, Self::M4a | Self::M4b)
    }

    /// The sample rates in Hz that can be asked for.
    pub(crate) fn sample_rates(self) -> &'static [u32] {
        match self {
            Self::Mp3 => &MP3_SAMPLE_RATES,
            Self::M4a | Self::M4b | Self::Ogg => &AAC_SAMPLE_RATES,
            Self::Opus => &OPUS_SAMPLE_RATES,
            Self::Flac | Self::Wav => &LOSSLESS_SAMPLE_RATES,
        }
    }

    /// The rate in Hz for a source of this rate: the same if the format has it; else, above all of them, the highest of
    /// the same family (44.1 or 48 kHz); else the next higher, so that nothing is lost.
    pub(crate) fn nearest_rate(self, rate: u32) -> u32 {
        let rates = self.sample_rates();
        let family = if rate.is_multiple_of(11025) { 11025 } else { 8000 };
        let highest = rates.iter().rfind(|possible| possible.is_multiple_of(family)).copied();
        match self {
            // All that is heard fits, and other rates make its coder resample.
            Self::Opus => 48000,
            Self::Flac | Self::Wav if (1000..=192_000).contains(&rate) => rate,
            _ => {
                let higher = rates.iter().copied().find(|possible| *possible >= rate);
                higher.or(highest).unwrap_or(rate)
            }
        }
    }

    /// Whether a constant or average bit rate in kbit/s can be had at a sample rate in Hz; if not, what can.
    pub(crate) fn check_bitrate(self, bitrate: u32, sample_rate: u32) -> Result<(), String> {
        let range = match self {
            Self::Mp3 => {
                let allowed = mp3_bitrates(sample_rate);
                let wrong = || format!("bitrate is one of {} kbit/s at this sample rate", list(allowed));
                return if allowed.contains(&bitrate) { Ok(()) } else { Err(wrong()) };
            }
            Self::Flac | Self::Wav => return Err("there is no bitrate in a format without loss".into()),
            Self::M4a | Self::M4b => 16..=320,
            Self::Opus => 6..=510,
            Self::Ogg => 45..=500,
        };
        match range.contains(&bitrate) {
            true => Ok(()),
            false => Err(format!("bitrate is {} to {} kbit/s", range.start(), range.end())),
        }
    }
}

/// The bit rates in kbit/s that MP3 has at a sample rate in Hz (ISO/IEC 13818-3, table of layer III).
fn mp3_bitrates(sample_rate: u32) -> &'static [u32] {
    match sample_rate {
        0..=12000 => &[8, 16, 24, 32, 40, 48, 56, 64],
        12001..=24000 => &[8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        _ => &[32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    }
}

pub(crate) fn list(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_that_mp3_lacks_become_their_neighbours() {
        let wanted =
            [(44100, 44100), (8000, 8000), (5512, 8000), (37800, 44100), (88200, 44100), (96000, 48000)];
        for (source, result) in wanted {
            assert_eq!(Format::Mp3.nearest_rate(source), result, "{source}");
        }
        assert_eq!(Format::Mp3.nearest_rate(50000), 48000);
    }

    #[test]
    fn other_formats_have_more_rates() {
        assert_eq!(Format::M4a.nearest_rate(88200), 88200);
        assert_eq!(Format::M4a.nearest_rate(176_400), 88200);
        assert_eq!(Format::Opus.nearest_rate(44100), 48000);
        assert_eq!(Format::Flac.nearest_rate(37800), 37800);
        assert_eq!(Format::Wav.nearest_rate(384_000), 192_000);
    }
}
