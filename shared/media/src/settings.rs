//! What the caller can choose about the result.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Sample rates that MP3 has, in Hz: MPEG-2.5, MPEG-2, MPEG-1 (ISO/IEC 13818-3, 11172-3).
pub const MP3_SAMPLE_RATES: [u32; 9] = [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000];

/// How the result is to be. The default is MP3, VBR quality 2, the source's sample rate, at most 2 channels, the
/// whole length, tags kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settings {
    /// The output's format.
    pub format: Format,
    /// Constant bit rate, or variable with a quality.
    pub rate: Rate,
    /// In Hz; `None` is the source's, or the nearest that the format has.
    pub sample_rate: Option<u32>,
    /// 1 or 2; `None` is the source's, at most 2. More than 2 are mixed down.
    pub channels: Option<u8>,
    /// Where to begin, counted from the start of the video. Exact to the sample.
    pub start: Option<Duration>,
    /// Where to stop, counted from the start of the video. Exact to the sample.
    pub end: Option<Duration>,
    /// What the result says about itself.
    pub tags: Tags,
}

/// The output's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// MPEG layer III with ID3v2.4 tag and Xing/LAME header: seekable, gapless.
    #[default]
    Mp3,
}

/// How many bits are spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rate {
    /// As many as the sound needs; LAME's `-V`: 0 is best, 9 is smallest, 2 is about 190 kbit/s for stereo music.
    Vbr(u8),
    /// Always as many, in kbit/s.
    Cbr(u32),
}

impl Default for Rate {
    fn default() -> Self {
        Self::Vbr(2)
    }
}

/// What the result says about itself. A text given here wins over the source's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tags {
    /// Keep what the source says.
    pub keep: bool,
    /// The title to set.
    pub title: Option<String>,
    /// The artist to set.
    pub artist: Option<String>,
    /// The album to set.
    pub album: Option<String>,
}

impl Default for Tags {
    fn default() -> Self {
        Self { keep: true, title: None, artist: None, album: None }
    }
}

/// Settings that can't be had. `Display` says what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSettings(String);

impl Settings {
    /// Whether these settings can be had, all together.
    ///
    /// # Errors
    /// The first thing that can't, with what is allowed instead.
    pub fn check(&self) -> Result<(), InvalidSettings> {
        self.check_sample_rate()?;
        self.check_rate()?;
        if !matches!(self.channels, None | Some(1 | 2)) {
            return Err(InvalidSettings("channels is 1 or 2".into()));
        }
        if self.end.is_some_and(|end| end <= self.start.unwrap_or_default()) {
            return Err(InvalidSettings("end must be after start".into()));
        }
        self.tags.check()
    }

    fn check_sample_rate(&self) -> Result<(), InvalidSettings> {
        match self.sample_rate {
            Some(rate) if !MP3_SAMPLE_RATES.contains(&rate) => {
                Err(InvalidSettings(format!("sample_rate is one of {}", list(&MP3_SAMPLE_RATES))))
            }
            _ => Ok(()),
        }
    }

    fn check_rate(&self) -> Result<(), InvalidSettings> {
        let allowed = bitrates(self.sample_rate.unwrap_or(44100));
        match self.rate {
            Rate::Vbr(10..) => Err(InvalidSettings("quality is 0 (best) to 9 (smallest)".into())),
            Rate::Cbr(rate) if !allowed.contains(&rate) => Err(InvalidSettings(format!(
                "bitrate is one of {} kbit/s at this sample rate",
                list(allowed)
            ))),
            _ => Ok(()),
        }
    }
}

impl Tags {
    /// In bytes. The whole tag must fit in the part of the result that may be rewritten.
    const LONGEST: usize = 1000;

    fn check(&self) -> Result<(), InvalidSettings> {
        let texts = [&self.title, &self.artist, &self.album];
        if texts.into_iter().flatten().any(|text| text.len() > Self::LONGEST) {
            return Err(InvalidSettings(format!(
                "title, artist and album are at most {} bytes",
                Self::LONGEST
            )));
        }
        Ok(())
    }
}

/// The bit rates in kbit/s that MP3 has at a sample rate in Hz (ISO/IEC 13818-3, table of layer III).
fn bitrates(sample_rate: u32) -> &'static [u32] {
    match sample_rate {
        0..=12000 => &[8, 16, 24, 32, 40, 48, 56, 64],
        12001..=24000 => &[8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        _ => &[32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    }
}

fn list(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(settings: Settings) -> String {
        settings.check().unwrap_err().to_string()
    }

    #[test]
    fn the_default_can_be_had() {
        assert_eq!(Settings::default().check(), Ok(()));
    }

    #[test]
    fn what_can_not_be_had_is_answered_by_what_can() {
        assert!(says(Settings { rate: Rate::Vbr(10), ..Settings::default() }).contains("0 (best) to 9"));
        assert!(says(Settings { rate: Rate::Cbr(100), ..Settings::default() }).contains("96, 112"));
        assert!(says(Settings { sample_rate: Some(96000), ..Settings::default() }).contains("48000"));
        assert!(says(Settings { channels: Some(6), ..Settings::default() }).contains("1 or 2"));
    }

    #[test]
    fn the_bit_rates_depend_on_the_sample_rate() {
        let settings = Settings { rate: Rate::Cbr(320), sample_rate: Some(22050), ..Settings::default() };
        assert!(says(settings).contains("144, 160 kbit/s"));
    }

    #[test]
    fn an_end_before_the_start_is_refused() {
        let (start, end) = (Some(Duration::from_secs(2)), Some(Duration::from_secs(2)));
        assert!(says(Settings { start, end, ..Settings::default() }).contains("after start"));
    }

    #[test]
    fn tags_have_a_longest_length() {
        let tags = Tags { title: Some("x".repeat(1001)), ..Tags::default() };
        assert!(says(Settings { tags, ..Settings::default() }).contains("1000 bytes"));
    }
}
