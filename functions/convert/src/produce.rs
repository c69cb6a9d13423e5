//! The engine with a job's options: one file, or a zip of one for each chapter.

use std::{io, time::Duration};

use contracts::{BitrateMode, ChapterPolicy, CoverPolicy, Options, SilencePolicy, TagPolicy};
use media::{
    Chapters, Cover, Engine, Error, Format, Progress, Rate, Settings, Silence, Sink, Source, Summary, Tags,
    Track,
};

use crate::zip::Zip;

/// Takes the sound out of `source` and writes to `sink` what `options` ask for. As [`Engine::convert`], but that
/// `sink` must take a rewrite at any place.
///
/// # Errors
/// As [`Engine::convert`]; a zip beyond 4 GiB is [`Error::TooLarge`].
pub async fn produce<S: Source + Send + Sync, K: Sink + Send>(
    engine: &Engine,
    source: &S,
    options: &Options,
    sink: &mut K,
    progress: impl FnMut(Progress) + Send,
) -> Result<Summary, Error> {
    let settings = settings(options);
    if settings.chapters != Chapters::Split {
        return engine.convert(source, &settings, sink, progress).await;
    }
    let mut zip = Zip::new(sink, options.format.extension());
    let summary = engine.convert(source, &settings, &mut zip, progress).await.map_err(too_large)?;
    let bytes = zip.finish().await.map_err(|error| too_large(Error::Sink(error)))?;
    Ok(Summary { bytes, ..summary })
}

/// What the zip says is not the store's fault.
fn too_large(error: Error) -> Error {
    match error {
        Error::Sink(error) if error.kind() == io::ErrorKind::FileTooLarge => Error::TooLarge,
        error => error,
    }
}

/// The job's options in the words of the engine.
fn settings(options: &Options) -> Settings {
    Settings {
        format: format(options.format),
        rate: match (options.bitrate, options.quality) {
            (Some(bitrate), _) if options.bitrate_mode == Some(BitrateMode::Average) => Rate::Abr(bitrate),
            (Some(bitrate), _) => Rate::Cbr(bitrate),
            (None, Some(quality)) => Rate::Vbr(quality),
            (None, None) => Rate::default(),
        },
        copy: options.bitrate.is_none() && options.quality.is_none(),
        track: options.track.as_deref().map_or(Track::Best, track),
        sample_rate: options.sample_rate,
        channels: options.channels,
        start: options.start.map(Duration::from_secs_f64),
        end: options.end.map(Duration::from_secs_f64),
        loudness: options.loudness,
        silence: match options.silence {
            SilencePolicy::Keep => Silence::Keep,
            SilencePolicy::Trim => Silence::Trim,
            SilencePolicy::Shorten => Silence::Shorten,
        },
        fade: options.fade.filter(|fade| *fade > 0.0).map(Duration::from_secs_f64),
        peaks: options.peaks,
        tags: Tags {
            keep: options.tags == TagPolicy::Keep,
            title: options.title.clone(),
            artist: options.artist.clone(),
            album: options.album.clone(),
        },
        cover: match options.cover {
            CoverPolicy::Keep => Cover::Keep,
            CoverPolicy::None => Cover::None,
        },
        chapters: match options.chapters {
            ChapterPolicy::Keep => Chapters::Keep,
            ChapterPolicy::Split => Chapters::Split,
            ChapterPolicy::None => Chapters::None,
        },
    }
}

fn format(format: contracts::Format) -> Format {
    match format {
        contracts::Format::Mp3 => Format::Mp3,
        contracts::Format::M4a => Format::M4a,
        contracts::Format::M4b => Format::M4b,
        contracts::Format::Opus => Format::Opus,
        contracts::Format::Ogg => Format::Ogg,
        contracts::Format::Flac => Format::Flac,
        contracts::Format::Wav => Format::Wav,
    }
}

fn track(name: &str) -> Track {
    if name.eq_ignore_ascii_case("mix") {
        return Track::Mix;
    }
    name.parse().map_or_else(|_| Track::Language(name.to_owned()), Track::Number)
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;

    use super::*;

    /// All that an enumeration knows, as serde tells who writes something else.
    fn words<T: DeserializeOwned + std::fmt::Debug>() -> Vec<String> {
        let told = serde_json::from_value::<T>("no such word".into()).unwrap_err().to_string();
        told.split('`').skip(3).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn the_formats_that_can_be_asked_for_are_those_that_the_engine_has() {
        let names = words::<contracts::Format>();
        assert_eq!(names, words::<Format>());
        assert!(names.len() >= 7, "{names:?}");
        for name in names {
            let asked: contracts::Format = serde_json::from_value(name.as_str().into()).unwrap();
            let made: Format = serde_json::from_value(name.as_str().into()).unwrap();
            assert_eq!((format(asked), asked.extension()), (made, name.as_str()));
        }
    }

    #[test]
    fn what_is_taken_for_a_format_is_what_the_engine_can_make_of_it() {
        let rates = [None, Some(7350), Some(44_101), Some(384_000)].into_iter().chain(
            [
                8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000,
                176_400, 192_000,
            ]
            .map(Some),
        );
        for sample_rate in rates {
            for name in words::<contracts::Format>() {
                for bitrate in (0..=520).map(Some).chain([None]) {
                    let format = serde_json::from_value(name.as_str().into()).unwrap();
                    let options = Options { format, sample_rate, bitrate, ..Options::default() };
                    let (taken, made) = (options.check().is_ok(), settings(&options).check().is_ok());
                    assert_eq!(taken, made, "{name}, {sample_rate:?} Hz, {bitrate:?} kbit/s");
                }
            }
        }
    }
}
