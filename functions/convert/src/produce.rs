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
