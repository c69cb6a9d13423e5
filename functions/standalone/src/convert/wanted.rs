//! The options of a conversion on the command line: the same as over HTTP, with the same checks.

use clap::Args;
use contracts::{InvalidOption, Options};

#[derive(Args)]
pub(crate) struct Wanted {
    /// What it is for. It sets what the other options leave open.
    #[arg(long, value_parser = ["music", "podcast", "lecture", "audiobook", "small", "lossless"])]
    preset: Option<String>,
    /// The audio's format; mp3 if nothing is said. `convert` takes it from the output's name.
    #[arg(long, value_parser = ["mp3", "m4a", "m4b", "opus", "ogg", "flac", "wav"])]
    format: Option<String>,
    /// Bitrate in kbit/s, as 192: for mp3 constant, if --bitrate-mode doesn't say otherwise.
    #[arg(long, value_parser = whole)]
    bitrate: Option<String>,
    /// OutputOptions the bitrate is meant: constant or average.
    #[arg(long, value_parser = ["constant", "average"])]
    bitrate_mode: Option<String>,
    /// Quality, 0 (best) to 9 (smallest); 2 if nothing is said.
    #[arg(long, value_parser = whole)]
    quality: Option<String>,
    /// Sample rate in Hz.
    #[arg(long, value_parser = whole)]
    sample_rate: Option<String>,
    /// 1 or 2.
    #[arg(long, value_parser = whole)]
    channels: Option<String>,
    /// Where to begin: seconds or h:mm:ss.
    #[arg(long)]
    start: Option<String>,
    /// Where to end: seconds or h:mm:ss.
    #[arg(long)]
    end: Option<String>,
    /// Loudness of the whole in LUFS, as -16, or off.
    #[arg(long, allow_hyphen_values = true)]
    loudness: Option<String>,
    /// Which of several sounds: its number, from 0, its language, as eng, or mix for all of them.
    #[arg(long)]
    track: Option<String>,
    /// Pauses: keep, trim (those at both ends), or shorten (all that are longer than a second).
    #[arg(long, value_parser = ["keep", "trim", "shorten"])]
    silence: Option<String>,
    /// Seconds to come up at the start and to go down at the end.
    #[arg(long)]
    fade: Option<String>,
    /// Make the waveform, too: min and max of each pixel, as audiowaveform does. `convert` writes it beside each output as
    /// OUTPUT.json, a server keeps it for its page.
    #[arg(long)]
    peaks: bool,
    /// keep or none.
    #[arg(long, value_parser = ["keep", "none"])]
    tags: Option<String>,
    /// Title tag.
    #[arg(long)]
    title: Option<String>,
    /// Artist tag.
    #[arg(long)]
    artist: Option<String>,
    /// Album tag.
    #[arg(long)]
    album: Option<String>,
    /// Cover picture: keep or none.
    #[arg(long, value_parser = ["keep", "none"])]
    cover: Option<String>,
    /// Chapters: keep, none, or split: a file for each of them, in a zip.
    #[arg(long, value_parser = ["keep", "none", "split"])]
    chapters: Option<String>,
}

/// Which numbers there are depends on the format: that is said when all options are known.
fn whole(text: &str) -> Result<String, String> {
    match text.parse::<u32>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("expected a whole number without a unit".into()),
    }
}

impl Wanted {
    /// The format, if it doesn't depend on the output's name.
    pub(super) fn format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    /// `format` is what the output's name says.
    pub(crate) fn options(&self, format: Option<String>) -> Result<Options, InvalidOption> {
        let named = format.filter(|_| self.format.is_none()).map(|format| ("format", format));
        let fields: Vec<_> = self.fields().into_iter().chain(named).collect();
        Options::from_fields(fields.iter().map(|(name, value)| (*name, value.as_str())))
    }

    /// What was given, by its name in a form.
    pub(crate) fn fields(&self) -> Vec<(&'static str, String)> {
        let peaks = self.peaks.then(|| "true".to_owned());
        let fields = [
            ("preset", &self.preset),
            ("format", &self.format),
            ("bitrate", &self.bitrate),
            ("bitrate_mode", &self.bitrate_mode),
            ("quality", &self.quality),
            ("sample_rate", &self.sample_rate),
            ("channels", &self.channels),
            ("start", &self.start),
            ("end", &self.end),
            ("loudness", &self.loudness),
            ("track", &self.track),
            ("silence", &self.silence),
            ("fade", &self.fade),
            ("peaks", &peaks),
            ("tags", &self.tags),
            ("title", &self.title),
            ("artist", &self.artist),
            ("album", &self.album),
            ("cover", &self.cover),
            ("chapters", &self.chapters),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
    }
}
