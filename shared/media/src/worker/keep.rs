//! What of the source's metadata goes into the result.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{metadata::Metadata, tag};
use crate::libav::Input;
use crate::report::{Chapter, Probe, Warning};
use crate::settings::{Chapters, Cover, Format, Settings, Tags};

/// Texts that are worth keeping, by libav's common names.
const KEPT: [&str; 11] = [
    "album",
    "album_artist",
    "artist",
    "comment",
    "composer",
    "copyright",
    "date",
    "disc",
    "genre",
    "title",
    "track",
];

/// What `settings` leave of what the source says, as far as the format has a place for it, and warnings of what it has none for.
pub(super) fn kept(input: &Input, source: &Probe, settings: &Settings) -> (Metadata, Vec<Warning>) {
    let length = source.duration.filter(|_| !input.is_guess());
    let mut metadata = Metadata {
        texts: texts(&source.tags, &settings.tags),
        cover: (settings.cover == Cover::Keep).then(|| input.cover()).flatten(),
        chapters: match settings.chapters {
            Chapters::None => Vec::new(),
            Chapters::Keep | Chapters::Split => within(&source.chapters, length, settings),
        },
    };
    let (had, of) = (settings.cover == Cover::Keep && input.has_picture(), input.chapter_count());
    metadata.cover = metadata.cover.take().filter(|cover| match settings.format {
        Format::Mp3 => tag::has_room(&metadata, cover),
        _ => cover.size().is_some(),
    });
    let place = matches!(settings.format, Format::Mp3 | Format::Flac) || settings.format.is_mp4();
    let lost = (had && place && metadata.cover.is_none()).then_some(Warning::CoverLeftOut);
    let kept = source.chapters.len() as u32;
    let fewer = settings.chapters != Chapters::None && kept < of;
    let fewer = fewer.then_some(Warning::ChaptersLeftOut { kept, of });
    (metadata, lost.into_iter().chain(fewer).collect())
}

/// The source's texts that are worth keeping, and over them those that were given.
fn texts(source: &BTreeMap<String, String>, wanted: &Tags) -> BTreeMap<String, String> {
    let kept = KEPT.into_iter().filter(|_| wanted.keep);
    let kept = kept.filter_map(|name| Some((name.to_owned(), source.get(name)?.clone())));
    let given = [("title", &wanted.title), ("artist", &wanted.artist), ("album", &wanted.album)];
    let given = given.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.clone()?)));
    kept.chain(given).filter(|(_, text)| !text.is_empty()).collect()
}

/// The chapters that the result has a part of, in its own time. The source is of this length, if that is known.
fn within(chapters: &[Chapter], length: Option<Duration>, settings: &Settings) -> Vec<Chapter> {
    let first = settings.start.unwrap_or_default();
    let last = settings.end.unwrap_or(Duration::MAX).min(length.unwrap_or(Duration::MAX)).max(first);
    let moved = chapters.iter().map(|chapter| Chapter {
        start: chapter.start.clamp(first, last) - first,
        end: chapter.end.clamp(first, last) - first,
        title: chapter.title.clone(),
    });
    moved.filter(|chapter| chapter.start < chapter.end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> BTreeMap<String, String> {
        let source = [("title", "Töne"), ("artist", "Somebody"), ("comment", "hm"), ("encoder", "Lavf")];
        source.map(|(name, text)| (name.to_owned(), text.to_owned())).into()
    }

    #[test]
    fn the_sources_texts_are_kept_and_given_ones_win() {
        let texts = texts(&source(), &Tags { title: Some("Mine".into()), ..Tags::default() });
        let texts: Vec<_> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(texts, [("artist", "Somebody"), ("comment", "hm"), ("title", "Mine")]);
    }

    #[test]
    fn without_keeping_only_given_ones_are_there() {
        let texts = texts(&source(), &Tags { keep: false, album: Some("A".into()), ..Tags::default() });
        assert_eq!(texts, BTreeMap::from([("album".into(), "A".into())]));
    }

    #[test]
    fn chapters_are_cut_with_the_sound() {
        let chapter = |start, end| Chapter {
            start: Duration::from_secs(start),
            end: Duration::from_secs(end),
            title: String::new(),
        };
        let (start, end) = (Some(Duration::from_secs(10)), Some(Duration::from_secs(25)));
        let settings = Settings { start, end, ..Settings::default() };
        let chapters = [chapter(0, 10), chapter(10, 20), chapter(20, 30)];
        assert_eq!(within(&chapters, None, &settings), [chapter(0, 10), chapter(10, 15)]);
        let length = Some(Duration::from_secs(18));
        assert_eq!(within(&chapters, length, &settings), [chapter(0, 8)]);
        assert_eq!(within(&chapters, length, &Settings::default()), [chapter(0, 10), chapter(10, 18)]);
    }
}
