//! What writes from the texts of strangers, and reads what an encoder wrote: for fuzzing.

use std::time::Duration;

use super::metadata::Metadata;
use super::seam::Piece;
use super::tag::id3;
use crate::report::Chapter;

/// An MP3's tag with these texts, by libav's names, and chapters of a second each; `None` if it can't be written.
#[must_use]
pub fn tag(texts: &[(&str, &str)], chapters: &[&str]) -> Option<Vec<u8>> {
    let chapter = |(place, title): (u64, &&str)| Chapter {
        start: Duration::from_secs(place),
        end: Duration::from_secs(place + 1),
        title: (*title).to_owned(),
    };
    let texts = texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    id3(&Metadata { texts, cover: None, chapters: (0..).zip(chapters).map(chapter).collect() }).ok()
}

/// The own frames of two pieces of MP3 that have so many frames in common, one behind the other. `None` if they are no
/// frames, or can't be joined.
#[must_use]
pub fn joined(first: &[u8], second: &[u8], late: usize, early: usize) -> Option<Vec<u8>> {
    let mut first = Piece::new(first.to_vec(), 0, late)?;
    let mut second = Piece::new(second.to_vec(), early, 0)?;
    first.join(&mut second)?;
    Some([first.own()?, second.own()?].concat())
}
