//! What the result says about itself: texts, cover, chapters.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::libav::{Input, Picture};
use crate::report::{Chapter, Probe};
use crate::settings::{Chapters, Cover, Settings, Tags};

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

/// What goes into the result beside its sound.
#[derive(Debug, Default)]
pub(super) struct About {
    /// By libav's common names.
    pub(super) texts: BTreeMap<String, String>,
    pub(super) cover: Option<Picture>,
    /// In the time of the result.
    pub(super) chapters: Vec<Chapter>,
}

impl About {
    /// What `settings` leave of what the source says.
    pub(super) fn new(input: &Input, source: &Probe, settings: &Settings) -> Self {
        Self {
            texts: texts(&source.tags, &settings.tags),
            cover: (settings.cover == Cover::Keep).then(|| input.cover()).flatten(),
            chapters: match settings.chapters {
                Chapters::None => Vec::new(),
                Chapters::Keep => within(&source.chapters, settings),
            },
        }
    }
}

/// The source's texts that are worth keeping, and over them those that were given.
fn texts(source: &BTreeMap<String, String>, wanted: &Tags) -> BTreeMap<String, String> {
    let kept = KEPT.into_iter().filter(|_| wanted.keep);
    let kept = kept.filter_map(|name| Some((name.to_owned(), source.get(name)?.clone())));
    let given = [("title", &wanted.title), ("artist", &wanted.artist), ("album", &wanted.album)];
    let given = given.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.clone()?)));
    kept.chain(given).filter(|(_, text)| !text.is_empty()).collect()
}

/// The chapters that the result has a part of, in its own time.
fn within(chapters: &[Chapter], settings: &Settings) -> Vec<Chapter> {
    let (first, last) = (settings.start.unwrap_or_default(), settings.end.unwrap_or(Duration::MAX));
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
        assert_eq!(within(&chapters, &settings), [chapter(0, 10), chapter(10, 15)]);
    }
}
