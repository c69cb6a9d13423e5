//! Options that commonly go together, under one name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

use super::{Format, Options, SilencePolicy};

/// What the audio is for. It sets other options, where those are not given themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Every preset.
    pub const ALL: [Self; 6] =
        [Self::Music, Self::Podcast, Self::Lecture, Self::Audiobook, Self::Small, Self::Lossless];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Music => "music",
            Self::Podcast => "podcast",
            Self::Lecture => "lecture",
            Self::Audiobook => "audiobook",
            Self::Small => "small",
            Self::Lossless => "lossless",
        }
    }

    /// The options that it sets where nothing else is given, as a form would give them.
    #[must_use]
    pub fn sets(self) -> BTreeMap<String, String> {
        let fields = |options: &Options| match serde_json::to_value(options) {
            Ok(Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        let before = fields(&Options::default());
        let mut options = Options::default();
        self.apply(&mut options, |_| false);
        let set = fields(&options).into_iter().filter(|(name, value)| before.get(name) != Some(value));
        set.map(|(name, value)| (name, written(&value))).collect()
    }

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

/// A value without the quotes of a text, and without the point of a whole number.
fn written(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

impl PartialSchema for Preset {
    fn schema() -> RefOr<Schema> {
        let says = |preset: Self| {
            let sets: Vec<_> =
                preset.sets().iter().map(|(option, value)| format!("{option} {value}")).collect();
            format!("`{}`: {}", preset.as_str(), sets.join(", "))
        };
        let all = Self::ALL.map(says).join("; ");
        let description = format!(
            "What the audio is for. It sets other options, where those are not given themselves. {all}."
        );
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(Self::ALL.map(Self::as_str)))
            .description(Some(description))
            .into()
    }
}

impl ToSchema for Preset {}
