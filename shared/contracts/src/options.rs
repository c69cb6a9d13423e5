//! Conversion options: what a client may ask for, parsed and validated in one place.

mod format;
mod parse;
mod policies;
mod preset;

use serde::{Deserialize, Serialize};

use self::parse::{flag, loudness, number, one_of, seconds, word};
pub use self::{
    format::Format,
    parse::InvalidOption,
    policies::{BitrateMode, ChapterPolicy, CoverPolicy, NotifyBy, SilencePolicy, TagPolicy},
    preset::Preset,
};

/// What the audio shall be like. The default is MP3 at VBR quality 2, the source's sample rate, at most two
/// channels, tags, cover and chapters kept, and a mail at the end. Sound that already is in the wanted format is copied
/// if no option asks for a change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// What the audio is for: sets other options, where those are not given themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// The audio format.
    pub format: Format,
    /// Bitrate in kbit/s: for MP3 constant, if `bitrate_mode` doesn't say otherwise; for other formats the average.
    /// Excludes `quality`.
    #[schema(minimum = 6, maximum = 510)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitrate: Option<u32>,
    /// How the bitrate is meant. Only MP3 has a choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitrate_mode: Option<BitrateMode>,
    /// Quality, 0 (best) to 9 (smallest): for MP3 that of LAME's variable bitrate. Excludes `bitrate`. Where neither is given,
    /// it is 2.
    #[schema(minimum = 0, maximum = 9)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<u8>,
    /// Sample rate in Hz; one that the format has. Where none is given, it is the video's (for Opus 48000).
    #[schema(minimum = 8000, maximum = 192_000)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u32>,
    /// 1 (mono) or 2 (stereo). Where none is given, as the video, at most 2.
    #[schema(minimum = 1, maximum = 2)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<u8>,
    /// Where the audio begins, in seconds from the beginning of the video.
    #[schema(minimum = 0, maximum = 3_600_000)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<f64>,
    /// Where the audio ends, in seconds from the beginning of the video.
    #[schema(minimum = 0, maximum = 3_600_000)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<f64>,
    /// How loud on the whole, in LUFS (EBU R128), -70 to -5; commonly -16.
    #[schema(minimum = -70, maximum = -5)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loudness: Option<f64>,
    /// Which of several sounds: its number among them, from 0, its language as the video has it, as `eng`, or `mix` for all
    /// of them as one. Where none is given, it is the best.
    #[schema(max_length = 16, pattern = "^[A-Za-z0-9-]+$")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub track: Option<String>,
    /// What becomes of pauses.
    #[serde(skip_serializing_if = "is_default")]
    pub silence: SilencePolicy,
    /// How many seconds the audio takes to come up at its start and to go down at its end; at most 10.
    #[schema(minimum = 0, maximum = 10)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fade: Option<f64>,
    /// Whether the waveform is kept beside the audio, for players to draw: `GET /jobs/{id}/peaks`. Sound is then encoded anew
    /// also where it could be copied.
    #[serde(skip_serializing_if = "is_default")]
    pub peaks: bool,
    /// Whether the video's own tags are kept.
    pub tags: TagPolicy,
    /// Whether the video's cover picture is kept.
    pub cover: CoverPolicy,
    /// What becomes of the video's chapters: marks in the audio, nothing, or one zip with an audio file for each, where
    /// the title tag of the whole is the album of all.
    pub chapters: ChapterPolicy,
    /// Title tag, instead of the video's.
    #[schema(max_length = 500)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Artist tag, instead of the video's.
    #[schema(max_length = 500)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artist: Option<String>,
    /// Album tag, instead of the video's.
    #[schema(max_length = 500)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub album: Option<String>,
    /// The folder that the owner files the job under: `GET /jobs?folder=` lists it, and it can have a feed of its own. At
    /// most 64 characters.
    #[schema(max_length = 64)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// How the owner is notified; if not given, as `job_mails` of `PATCH /me` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify: Option<NotifyBy>,
    /// An `https` address that is called when the job has ended, beside the mail.
    #[schema(max_length = 1000, pattern = "^https://")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
}

/// Longest fade, in seconds: so much sound is held until its end is known.
const LONGEST_FADE: f64 = 10.0;
/// Longest name of a track, in characters.
const TRACK_CHARACTERS: usize = 16;
/// Longest tag that we write, in characters.
const TAG_CHARACTERS: usize = 500;
/// Longest name of a folder, in characters.
const FOLDER_CHARACTERS: usize = 64;
/// Longest address of a webhook: all options together fit into one column.
const WEBHOOK_BYTES: usize = 1000;
/// Longest JSON of all options together, in characters: the width of the column that they are stored in.
const STORED_CHARACTERS: usize = 4000;

/// The names of all options.
const NAMES: &str = "preset format bitrate bitrate_mode quality sample_rate channels start end loudness track silence fade peaks tags cover \
                     chapters title artist album folder notify webhook";

impl Options {
    /// From the text fields of a form or a query string. An empty value means that the option is not given.
    ///
    /// # Errors
    /// The first option that is unknown, given twice, malformed, out of range or in contradiction to another.
    pub fn from_fields<'a>(
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, InvalidOption> {
        let mut options = Self::default();
        let (mut seen, mut given) = (Vec::new(), Vec::new());
        for (name, value) in fields {
            if seen.contains(&name) {
                return Err(InvalidOption::new(name, "given more than once"));
            }
            seen.push(name);
            if !value.trim().is_empty() {
                given.push(name);
            }
            options.set(name, value.trim())?;
        }
        if let Some(preset) = options.preset {
            preset.apply(&mut options, |name| given.contains(&name));
        }
        options.check()?;
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), InvalidOption> {
        match name {
            // A field of a form that nobody filled in.
            _ if value.is_empty() && NAMES.split(' ').any(|known| known == name) => {}
            "preset" => {
                self.preset =
                    Some(word(name, value, "music, podcast, lecture, audiobook, small or lossless")?)
            }
            "format" => self.format = word(name, value, "mp3, m4a, m4b, opus, ogg, flac or wav")?,
            "bitrate" => self.bitrate = Some(number(name, value)?),
            "bitrate_mode" => self.bitrate_mode = Some(word(name, value, "constant or average")?),
            "quality" => self.quality = Some(number(name, value)?),
            "sample_rate" => self.sample_rate = Some(number(name, value)?),
            "channels" => self.channels = Some(number(name, value)?),
            "start" => self.start = Some(seconds(name, value)?),
            "end" => self.end = Some(seconds(name, value)?),
            "loudness" if value == "off" => self.loudness = None,
            "loudness" => self.loudness = Some(loudness(name, value)?),
            "track" => self.track = Some(value.to_owned()),
            "silence" => self.silence = word(name, value, "keep, trim or shorten")?,
            "fade" => self.fade = Some(seconds(name, value)?),
            "peaks" => self.peaks = flag(name, value)?,
            "cover" => self.cover = word(name, value, "keep or none")?,
            "chapters" => self.chapters = word(name, value, "keep, split or none")?,
            "tags" => self.tags = word(name, value, "keep or none")?,
            "title" => self.title = Some(value.to_owned()),
            "artist" => self.artist = Some(value.to_owned()),
            "album" => self.album = Some(value.to_owned()),
            "folder" => self.folder = Some(value.to_owned()),
            "notify" => self.notify = Some(word(name, value, "mail or none")?),
            "webhook" => self.webhook = Some(value.to_owned()),
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
        self.check_sound()?;
        self.check_webhook()?;
        self.check_folder()?;
        for (name, tag) in [("title", &self.title), ("artist", &self.artist), ("album", &self.album)] {
            if tag.as_ref().is_some_and(|text| text.chars().count() > TAG_CHARACTERS) {
                return Err(InvalidOption::new(name, format!("longer than {TAG_CHARACTERS} characters")));
            }
            if tag.as_ref().is_some_and(|text| text.chars().any(char::is_control)) {
                return Err(InvalidOption::new(
                    name,
                    "must not contain line breaks or other control characters",
                ));
            }
        }
        self.check_length()
    }

    /// Quotes and backslashes take two characters each.
    fn check_length(&self) -> Result<(), InvalidOption> {
        let json = serde_json::to_string(self).unwrap_or_default();
        if json.chars().count() <= STORED_CHARACTERS {
            return Ok(());
        }
        Err(InvalidOption::new("title", "title, artist, album and webhook are too long together"))
    }

    /// As they stand in the database, and whether this version understands all of them. What a newer version has
    /// written and this one can't read is left out: it still can be listed, but must not be converted here.
    #[must_use]
    pub fn from_stored(json: &str) -> (Self, bool) {
        if let Ok(options) = serde_json::from_str(json) {
            return (options, true);
        }
        let mut known = serde_json::Map::new();
        if let Ok(serde_json::Value::Object(stored)) = serde_json::from_str(json) {
            for (name, value) in stored {
                known.insert(name.clone(), value);
                if serde_json::from_value::<Self>(known.clone().into()).is_err() {
                    known.remove(&name);
                }
            }
        }
        (serde_json::from_value(known.into()).unwrap_or_default(), false)
    }

    /// The media type of the result.
    #[must_use]
    pub fn media_type(&self) -> &'static str {
        if self.is_split() { "application/zip" } else { self.format.media_type() }
    }

    /// What the result's file name ends in, without the dot.
    #[must_use]
    pub fn extension(&self) -> &'static str {
        if self.is_split() { "zip" } else { self.format.extension() }
    }

    fn is_split(&self) -> bool {
        self.chapters == ChapterPolicy::Split
    }

    fn check_rate(&self) -> Result<(), InvalidOption> {
        if self.bitrate.is_some() && self.quality.is_some() {
            return Err(InvalidOption::new("quality", "give either bitrate or quality, not both"));
        }
        self.format.check_bitrate(self.bitrate, self.sample_rate.unwrap_or(44_100))?;
        self.check_bitrate_mode()?;
        self.format.check_quality(self.quality)?;
        one_of("sample_rate", self.sample_rate, self.format.sample_rates())?;
        one_of("channels", self.channels.map(u32::from), &[1, 2])
    }

    fn check_bitrate_mode(&self) -> Result<(), InvalidOption> {
        let problem = match self.bitrate_mode {
            Some(_) if self.bitrate.is_none() => "says how bitrate is meant; give that too",
            Some(BitrateMode::Constant) if self.format != Format::Mp3 => "only mp3 has a constant bitrate",
            _ => return Ok(()),
        };
        Err(InvalidOption::new("bitrate_mode", problem))
    }

    fn check_webhook(&self) -> Result<(), InvalidOption> {
        let Some(url) = &self.webhook else { return Ok(()) };
        if is_https_address(url) {
            return Ok(());
        }
        let wanted = format!("must be an https address of at most {WEBHOOK_BYTES} ASCII characters");
        Err(InvalidOption::new("webhook", format!("{wanted}, without user name and #")))
    }

    fn check_folder(&self) -> Result<(), InvalidOption> {
        let Some(folder) = &self.folder else { return Ok(()) };
        if is_folder(folder) {
            return Ok(());
        }
        let wanted =
            format!("must have 1 to {FOLDER_CHARACTERS} characters, none of them a control character, and");
        Err(InvalidOption::new("folder", format!("{wanted} no blank at its ends")))
    }

    fn check_sound(&self) -> Result<(), InvalidOption> {
        if self.loudness.is_some_and(|loudness| !(-70.0..=-5.0).contains(&loudness)) {
            return Err(InvalidOption::new("loudness", "must be off or -70 to -5"));
        }
        if self.fade.is_some_and(|fade| !(0.0..=LONGEST_FADE).contains(&fade)) {
            return Err(InvalidOption::new("fade", format!("must be 0 to {LONGEST_FADE} seconds")));
        }
        let plain = |track: &String| {
            let ascii = track.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            ascii && (1..=TRACK_CHARACTERS).contains(&track.len())
        };
        if self.track.as_ref().is_some_and(|track| !plain(track)) {
            return Err(InvalidOption::new("track", "must be a number from 0, a language, as eng, or mix"));
        }
        Ok(())
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

/// Whether it may be called, as a webhook: the form only; whether the address is a public one is seen then. ASCII, so that
/// what is stored is what is called; no user name, because nobody wants a password in a list.
#[must_use]
pub fn is_https_address(url: &str) -> bool {
    let host = url.strip_prefix("https://").and_then(|rest| rest.split(['/', '?']).next());
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    plain && url.len() <= WEBHOOK_BYTES && host.is_some_and(|host| !host.is_empty() && !host.contains('@'))
}

/// Whether the text may be the name of a folder.
#[must_use]
pub fn is_folder(name: &str) -> bool {
    is_label(name, FOLDER_CHARACTERS)
}

/// Whether the text may be something's name: 1 to `most` characters, no control character, no blank at its ends.
#[must_use]
pub fn is_label(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control) && text.trim() == text
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests;
