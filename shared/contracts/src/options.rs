//! Conversion options: what a client may ask for, parsed and validated in one place.

use serde::{Deserialize, Serialize};

/// What the audio shall be like. The default is MP3 at VBR quality 2, the source's sample rate, at most two
/// channels, tags kept, and a mail at the end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// The audio format.
    pub format: Format,
    /// Constant bitrate in kbit/s; one of [`mp3_bitrates`]. Excludes `quality`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitrate: Option<u32>,
    /// Variable bitrate quality, 0 (best) to 9 (smallest). Excludes `bitrate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<u8>,
    /// Sample rate in Hz; one of [`MP3_SAMPLE_RATES`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u32>,
    /// 1 (mono) or 2 (stereo).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<u8>,
    /// Where the audio begins, in seconds from the beginning of the video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<f64>,
    /// Where the audio ends, in seconds from the beginning of the video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<f64>,
    /// Whether the video's own tags are kept.
    pub tags: TagPolicy,
    /// Title tag, instead of the video's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Artist tag, instead of the video's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artist: Option<String>,
    /// Album tag, instead of the video's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub album: Option<String>,
    /// How the owner hears of the end.
    pub notify: NotifyBy,
}

/// An audio format that we write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// MPEG-1/2/2.5 layer III.
    #[default]
    Mp3,
}

/// Whether the video's own tags are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TagPolicy {
    /// Title, artist, album and the like are taken over.
    #[default]
    Keep,
    /// Only the tags that the options name are written.
    None,
}

/// How the owner hears of the end of the job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NotifyBy {
    /// By mail.
    #[default]
    Mail,
    /// Not at all.
    None,
}

/// The bitrates of MPEG-1 layer III in kbit/s, for 32 kHz and above (ISO/IEC 11172-3, table of bit rates).
const MPEG1_BITRATES: [u32; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
/// The bitrates of MPEG-2 layer III in kbit/s, for 16 to 24 kHz (ISO/IEC 13818-3); MPEG-2.5, below that, has the
/// first eight of them.
const MPEG2_BITRATES: [u32; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

/// The bitrates in kbit/s that MP3 has at a sample rate in Hz.
#[must_use]
pub fn mp3_bitrates(sample_rate: u32) -> &'static [u32] {
    match sample_rate {
        0..=12_000 => &MPEG2_BITRATES[..8],
        12_001..=24_000 => &MPEG2_BITRATES,
        _ => &MPEG1_BITRATES,
    }
}
/// The sample rates of MPEG-1, 2 and 2.5 audio in Hz.
pub const MP3_SAMPLE_RATES: [u32; 9] = [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000];
/// Longest tag that we write, in characters.
const TAG_CHARACTERS: usize = 500;

/// An option that is unknown, has a value out of range, or contradicts another.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("option {option}: {problem}")]
pub struct InvalidOption {
    /// The option's name as the client wrote it.
    pub option: String,
    /// What is wrong and what is allowed.
    pub problem: String,
}

impl InvalidOption {
    fn new(option: &str, problem: impl Into<String>) -> Self {
        Self { option: option.chars().take(60).collect(), problem: problem.into() }
    }
}

impl Options {
    /// From the text fields of a form or a query string.
    ///
    /// # Errors
    /// The first option that is unknown, given twice, malformed, out of range or in contradiction to another.
    pub fn from_fields<'a>(
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, InvalidOption> {
        let mut options = Self::default();
        let mut seen = Vec::new();
        for (name, value) in fields {
            if seen.contains(&name) {
                return Err(InvalidOption::new(name, "given more than once"));
            }
            seen.push(name);
            options.set(name, value.trim())?;
        }
        options.check()?;
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), InvalidOption> {
        match name {
            "format" => self.format = word(name, value, "mp3")?,
            "bitrate" => self.bitrate = Some(number(name, value)?),
            "quality" => self.quality = Some(number(name, value)?),
            "sample_rate" => self.sample_rate = Some(number(name, value)?),
            "channels" => self.channels = Some(number(name, value)?),
            "start" => self.start = Some(seconds(name, value)?),
            "end" => self.end = Some(seconds(name, value)?),
            "tags" => self.tags = word(name, value, "keep or none")?,
            "title" => self.title = Some(value.to_owned()),
            "artist" => self.artist = Some(value.to_owned()),
            "album" => self.album = Some(value.to_owned()),
            "notify" => self.notify = word(name, value, "mail or none")?,
            _ => {
                return Err(InvalidOption::new(
                    name,
                    "unknown; see the API description for the options there are",
                ));
            }
        }
        Ok(())
    }

    /// Checks all options together.
    ///
    /// # Errors
    /// The first that is out of range or contradicts another.
    pub fn check(&self) -> Result<(), InvalidOption> {
        self.check_rate()?;
        self.check_range()?;
        for (name, tag) in [("title", &self.title), ("artist", &self.artist), ("album", &self.album)] {
            if tag.as_ref().is_some_and(|text| text.chars().count() > TAG_CHARACTERS) {
                return Err(InvalidOption::new(name, format!("longer than {TAG_CHARACTERS} characters")));
            }
        }
        Ok(())
    }

    fn check_rate(&self) -> Result<(), InvalidOption> {
        if self.bitrate.is_some() && self.quality.is_some() {
            return Err(InvalidOption::new("quality", "give either bitrate or quality, not both"));
        }
        one_of("bitrate", self.bitrate, mp3_bitrates(self.sample_rate.unwrap_or(44_100)))?;
        one_of("quality", self.quality.map(u32::from), &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9])?;
        one_of("sample_rate", self.sample_rate, &MP3_SAMPLE_RATES)?;
        one_of("channels", self.channels.map(u32::from), &[1, 2])
    }

    fn check_range(&self) -> Result<(), InvalidOption> {
        match (self.start, self.end) {
            (Some(start), Some(end)) if end <= start => {
                Err(InvalidOption::new("end", "must be later than start"))
            }
            (None, Some(end)) if end <= 0.0 => Err(InvalidOption::new("end", "must be later than 0")),
            _ => Ok(()),
        }
    }
}

fn one_of(name: &str, value: Option<u32>, allowed: &[u32]) -> Result<(), InvalidOption> {
    if value.is_none_or(|value| allowed.contains(&value)) {
        return Ok(());
    }
    let list = allowed.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    Err(InvalidOption::new(name, format!("must be one of {list}")))
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, InvalidOption> {
    value.parse().map_err(|_| InvalidOption::new(name, "must be a whole number in its range"))
}

/// A value of an enumeration by its name in JSON.
fn word<T: for<'de> Deserialize<'de>>(name: &str, value: &str, allowed: &str) -> Result<T, InvalidOption> {
    serde_json::from_value(value.into()).map_err(|_| InvalidOption::new(name, format!("must be {allowed}")))
}

/// `90`, `90.5`, `1:30`, `0:01:30.5` -> seconds. At most 1000 hours.
fn seconds(name: &str, value: &str) -> Result<f64, InvalidOption> {
    let wrong = || InvalidOption::new(name, "must be seconds or h:mm:ss");
    let parts: Vec<&str> = value.split(':').collect();
    let plain =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if parts.len() > 3 || !parts.iter().all(|part| plain(part)) {
        return Err(wrong());
    }
    let mut total = 0.0;
    for (place, part) in parts.iter().enumerate() {
        let value: f64 = part.parse().map_err(|_| wrong())?;
        if place > 0 && value >= 60.0 {
            return Err(wrong());
        }
        total = total * 60.0 + value;
    }
    if total > 3_600_000.0 { Err(wrong()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_fields_are_the_default() {
        assert_eq!(Options::from_fields([]).unwrap(), Options::default());
    }

    #[test]
    fn times_are_seconds_or_clock_times() {
        let options = Options::from_fields([("start", "1:30"), ("end", "1:00:00.5")]).unwrap();
        assert_eq!((options.start, options.end), (Some(90.0), Some(3600.5)));
        assert_eq!(Options::from_fields([("start", "12.25")]).unwrap().start, Some(12.25));
    }

    #[test]
    fn each_wrong_option_is_named_with_what_is_allowed() {
        let wrong: [(&[(&str, &str)], &str); 13] = [
            (&[("bitrate", "320"), ("sample_rate", "22050")], "bitrate"),
            (&[("formt", "mp3")], "formt"),
            (&[("format", "exe")], "format"),
            (&[("bitrate", "129")], "bitrate"),
            (&[("bitrate", "-1")], "bitrate"),
            (&[("bitrate", "128"), ("quality", "2")], "quality"),
            (&[("quality", "10")], "quality"),
            (&[("sample_rate", "44101")], "sample_rate"),
            (&[("channels", "3")], "channels"),
            (&[("start", "NaN")], "start"),
            (&[("start", "1:75")], "start"),
            (&[("start", "20"), ("end", "10")], "end"),
            (&[("title", "a"), ("title", "b")], "title"),
        ];
        for (fields, name) in wrong {
            let error = Options::from_fields(fields.iter().copied()).unwrap_err();
            assert_eq!(error.option, name, "{error}");
        }
    }

    #[test]
    fn options_survive_json_and_unknown_ones_do_not() {
        let options = Options::from_fields([("bitrate", "192"), ("title", "Ümläut"), ("end", "5")]).unwrap();
        let json = serde_json::to_string(&options).unwrap();
        assert_eq!(serde_json::from_str::<Options>(&json).unwrap(), options);
        assert!(serde_json::from_str::<Options>(r#"{"bitrat":1}"#).is_err());
    }
}
