//! The result, in one part or several: each has an encoder, a tag and a header of its own.

use std::collections::VecDeque;
use std::time::Duration;

use super::encode::{Encoder, Source};
use super::metadata::Metadata;
use super::output::Output;
use super::pool::Pool;
use super::tag;
use super::timeline::samples;
use crate::protocol::{Failure, MOST_PARTS};
use crate::report::{Chapter, Part};
use crate::settings::{Chapters, Format, Settings};

/// The result under way.
pub(super) struct Parts<'a> {
    settings: &'a Settings,
    sound: Source,
    metadata: Metadata,
    pool: &'a Pool,
    output: Output<'a>,
    coming: VecDeque<Cut>,
    encoder: Option<Encoder<'a>>,
}

/// Where a part begins.
#[derive(Debug, PartialEq)]
struct Cut {
    /// Of the result's samples.
    first: u64,
    /// `None` is the whole.
    part: Option<Part>,
}

impl<'a> Parts<'a> {
    pub(super) fn new(
        settings: &'a Settings,
        sound: Source,
        metadata: Metadata,
        pool: &'a Pool,
        output: Output<'a>,
    ) -> Self {
        let coming = match settings.chapters {
            Chapters::Split => cuts(&metadata, sound.shape.rate),
            Chapters::Keep | Chapters::None => [Cut { first: 0, part: None }].into(),
        };
        Self { settings, sound, metadata, pool, output, coming, encoder: None }
    }

    /// Takes interleaved samples: each goes into the part that it belongs to.
    pub(super) fn encode(&mut self, mut pcm: &[f32]) -> Result<(), Failure> {
        let channels = usize::from(self.sound.shape.channels);
        while !pcm.is_empty() {
            let position = self.output.samples();
            if let Some(cut) = self.coming.pop_front_if(|cut| cut.first <= position) {
                self.end()?;
                self.begin(cut)?;
            }
            let left = self.coming.front().map_or(u64::MAX, |cut| cut.first - position);
            let count = left.min((pcm.len() / channels) as u64);
            let (now, later) = pcm.split_at(count as usize * channels);
            if let Some(encoder) = &mut self.encoder {
                self.output.write(encoder.encode(now)?)?;
            }
            self.output.progress(count)?;
            pcm = later;
        }
        Ok(())
    }

    /// How long all of it will be, as far as is known by now.
    pub(super) fn expect(&mut self, total: Option<Duration>) {
        self.output.expect(total);
    }

    /// Ends the last part; how many samples there are in all.
    pub(super) fn finish(mut self) -> Result<u64, Failure> {
        self.end()?;
        Ok(self.output.samples())
    }

    fn begin(&mut self, cut: Cut) -> Result<(), Failure> {
        let metadata = match cut.part {
            Some(part) => {
                let metadata = self.metadata.of_part(&part, &self.settings.tags);
                self.output.begin(part)?;
                metadata
            }
            None => std::mem::take(&mut self.metadata),
        };
        if self.settings.format == Format::Mp3 {
            self.output.write(&tag::id3(&metadata)?)?;
        }
        let encoder = Encoder::new(self.settings, self.sound, &metadata, self.output.written(), self.pool)?;
        self.encoder = Some(encoder);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Failure> {
        let Some(mut encoder) = self.encoder.take() else { return Ok(()) };
        self.output.write(encoder.finish()?)?;
        self.output.finish(encoder.header())
    }
}

/// A part for each chapter, at a rate in Hz. No sound is without a part: the first begins with the sound, and each
/// lasts until the next. Of chapters that begin together the first one counts.
fn cuts(metadata: &Metadata, rate: u32) -> VecDeque<Cut> {
    let begins = |chapter: &Chapter| (samples(chapter.start, rate), chapter.title.clone());
    let mut parts: Vec<_> = metadata.chapters.iter().map(begins).collect();
    parts.sort_by_key(|(first, _)| *first);
    parts.dedup_by_key(|(first, _)| *first);
    parts.truncate(MOST_PARTS as usize);
    match parts.first_mut() {
        Some((first, _)) => *first = 0,
        None => parts.push((0, metadata.texts.get("title").cloned().unwrap_or_default())),
    }
    let total = parts.len() as u32;
    let cuts = (1..).zip(parts).map(|(number, (first, title))| {
        let title = if title.is_empty() { format!("Chapter {number}") } else { title };
        Cut { first, part: Some(Part { number, total, title }) }
    });
    cuts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chapter(start: u64, end: u64, title: &str) -> Chapter {
        let time = Duration::from_millis;
        Chapter { start: time(start), end: time(end), title: title.into() }
    }

    /// First samples and titles, at 1000 Hz.
    fn cut(chapters: Vec<Chapter>) -> Vec<(u64, String)> {
        let texts = [("title".to_owned(), "Talk".to_owned())].into();
        let cuts = cuts(&Metadata { texts, chapters, ..Metadata::default() }, 1000);
        let total = cuts.len() as u32;
        let named = (1..).zip(cuts).map(|(number, Cut { first, part })| {
            let part = part.unwrap();
            assert_eq!((part.number, part.total), (number, total));
            (first, part.title)
        });
        named.collect()
    }

    #[test]
    fn no_sound_is_without_a_part() {
        let chapters = vec![chapter(500, 1000, "One"), chapter(2000, 3000, "Two")];
        assert_eq!(cut(chapters), [(0, "One".into()), (2000, "Two".into())]);
    }

    #[test]
    fn chapters_without_a_title_are_numbered_and_those_that_begin_together_are_one() {
        let chapters = vec![chapter(2000, 3000, "Late"), chapter(0, 3000, ""), chapter(0, 1000, "Within")];
        assert_eq!(cut(chapters), [(0, "Chapter 1".into()), (2000, "Late".into())]);
    }

    #[test]
    fn without_chapters_there_is_one_part_with_the_title_of_the_whole() {
        assert_eq!(cut(vec![]), [(0, "Talk".into())]);
    }

    #[test]
    fn there_is_a_most_of_parts() {
        let chapters = (0..300).map(|place| chapter(place * 10, place * 10 + 10, "")).collect();
        assert_eq!(cut(chapters).last(), Some(&(2550, "Chapter 256".into())));
    }
}
