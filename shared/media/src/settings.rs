//! What the caller can choose about the result.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::format::list;
pub use crate::format::{Format, MP3_SAMPLE_RATES};

/// Loudness targets that make sense, in LUFS (EBU R128 knows nothing below -70).
const LOUDNESS: RangeInclusive<f64> = -70.0..=-5.0;

/// So much of the sound is held until its end is known.
const LONGEST_FADE: Duration = Duration::from_secs(10);

/// How the result is to be. The default is MP3, VBR quality 2, the source's sample rate, at most 2 channels, the
/// whole length, tags, cover and chapters kept, encoded anew.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Settings {
    /// The output's format.
    pub format: Format,
    /// Constant bit rate, or variable with a quality; formats without loss have neither.
    pub rate: Rate,
    /// Take the sound as it is, without encoding it again, where it already is in the wanted format and nothing here
    /// asks for a change. Its rate then is the source's.
    pub copy: bool,
    /// Which of the source's sounds.
    pub track: Track,
    /// In Hz; `None` is the source's, or the nearest that the format has.
    pub sample_rate: Option<u32>,
    /// 1 or 2; `None` is the source's, at most 2. More than 2 are mixed down.
    pub channels: Option<u8>,
    /// Where to begin, counted from the start of the video. Exact to the sample.
    pub start: Option<Duration>,
    /// Where to stop, counted from the start of the video. Exact to the sample.
    pub end: Option<Duration>,
    /// How loud on the whole, in LUFS (EBU R128), -70 to -5; `None` is as the source is.
    pub loudness: Option<f64>,
    /// What becomes of pauses.
    pub silence: Silence,
    /// How long the result comes up at its start, and goes down at its end; at most 10 seconds.
    pub fade: Option<Duration>,
    /// Whether to tell the [peaks](crate::Peaks) of its waveform. Sound is not [copied](Settings::copy) then.
    pub peaks: bool,
    /// What the result says about itself.
    pub tags: Tags,
    /// The source's cover picture.
    pub cover: Cover,
    /// The source's chapters.
    pub chapters: Chapters,
}

/// Which of several sounds is taken.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Track {
    /// The one that players take: the first of those that are marked as default, else the first. Comments and sounds for
    /// those who hear or see little come behind the others, and what can't be decoded is not taken.
    #[default]
    Best,
    /// The sound of this number among the sounds, from 0.
    Number(u32),
    /// All that can be decoded, 16 at most, as one: each at its full level, with a limiter for all.
    Mix,
    /// The first of those in a language, by the same order, as the file has it: commonly three letters.
    Language(String),
}

/// What becomes of pauses. Both ways of leaving them out take a pass of their own to find them; what is quiet is told by how
/// loud the sound usually is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Silence {
    /// They stay.
    #[default]
    Keep,
    /// Those before and behind all sound are left out.
    Trim,
    /// These are, and of others that last more than a second, half a second stays. What is quiet is told as for speech: in
    /// music, quiet passages may be taken for pauses.
    Shorten,
}

/// What becomes of the source's cover picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cover {
    /// It goes into the result, where the format has a place for it.
    #[default]
    Keep,
    /// It is left out.
    None,
}

/// What becomes of the source's chapters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Chapters {
    /// They go into the result as marks, where the format has a place for them.
    #[default]
    Keep,
    /// Each becomes a part of its own: a whole file, with its own tag. The first part begins with the sound, each ends
    /// where the next begins, and the last ends with the sound. Without chapters there is one part.
    Split,
    /// They are left out.
    None,
}

/// How many bits are spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rate {
    /// As many as the sound needs: 0 is best, 9 is smallest. For MP3 it is LAME's `-V`, where 2 is about 190 kbit/s for
    /// stereo music; [`Format`] says what it is for the others.
    Vbr(u8),
    /// Always as many, in kbit/s.
    Cbr(u32),
    /// As many on average, in kbit/s: more where the sound needs it. Formats other than MP3 have only this, and take
    /// [`Cbr`](Rate::Cbr) for it too.
    Abr(u32),
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
        if self.loudness.is_some_and(|loudness| !LOUDNESS.contains(&loudness)) {
            return Err(InvalidSettings("loudness is -70 to -5 LUFS".into()));
        }
        if self.fade.is_some_and(|fade| fade > LONGEST_FADE) {
            return Err(InvalidSettings("fade is at most 10 seconds".into()));
        }
        self.tags.check()
    }

    fn check_sample_rate(&self) -> Result<(), InvalidSettings> {
        let allowed = self.format.sample_rates();
        match self.sample_rate {
            Some(rate) if !allowed.contains(&rate) => {
                Err(InvalidSettings(format!("sample_rate is one of {}", list(allowed))))
            }
            _ => Ok(()),
        }
    }

    fn check_rate(&self) -> Result<(), InvalidSettings> {
        match self.rate {
            Rate::Vbr(10..) => Err(InvalidSettings("quality is 0 (best) to 9 (smallest)".into())),
            Rate::Vbr(_) => Ok(()),
            Rate::Cbr(rate) | Rate::Abr(rate) => {
                self.format.check_bitrate(rate, self.sample_rate.unwrap_or(44100)).map_err(InvalidSettings)
            }
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
    fn each_format_has_rates_of_its_own() {
        let with = |format, rate| Settings { format, rate, ..Settings::default() };
        assert!(says(with(Format::Flac, Rate::Cbr(128))).contains("without loss"));
        assert!(says(with(Format::Opus, Rate::Cbr(600))).contains("6 to 510"));
        assert_eq!(with(Format::M4a, Rate::Cbr(100)).check(), Ok(()));
        let sample_rate = Some(44100);
        assert!(
            says(Settings { format: Format::Opus, sample_rate, ..Settings::default() }).contains("24000")
        );
    }

    #[test]
    fn a_loudness_beyond_all_measure_is_refused() {
        assert!(says(Settings { loudness: Some(0.0), ..Settings::default() }).contains("-70 to -5"));
        assert!(says(Settings { loudness: Some(f64::NAN), ..Settings::default() }).contains("-70 to -5"));
    }

    #[test]
    fn a_fade_has_a_longest_length() {
        assert!(
            says(Settings { fade: Some(Duration::from_secs(11)), ..Settings::default() }).contains("10 sec")
        );
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
