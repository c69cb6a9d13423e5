//! What the result says about itself: texts, cover, chapters.

use std::collections::BTreeMap;

use crate::libav::Picture;
use crate::report::{Chapter, Part};
use crate::settings::Tags;

/// What goes into the result beside its sound.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    /// By libav's common names.
    pub(super) texts: BTreeMap<String, String>,
    pub(super) cover: Option<Picture>,
    /// In the time of the result.
    pub(super) chapters: Vec<Chapter>,
}

impl Metadata {
    /// What one part of it says: its own title, with the whole's as the album, and its number.
    pub(super) fn of_part(&self, part: &Part, wanted: &Tags) -> Self {
        let mut texts = self.texts.clone();
        if wanted.keep {
            let whole = texts.insert("title".into(), part.title.clone());
            if let (Some(whole), None) = (whole, &wanted.album) {
                texts.insert("album".into(), whole);
            }
            texts.insert("track".into(), format!("{}/{}", part.number, part.total));
        }
        Self { texts, cover: self.cover.clone(), chapters: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_its_own_title_and_the_wholes_as_album() {
        let texts = [("title", "Talk"), ("artist", "Somebody"), ("album", "Source's"), ("track", "9")];
        let texts = texts.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let metadata = Metadata { texts, ..Metadata::default() };
        let part = Part { number: 2, total: 3, title: "Two".into() };
        let said = |wanted: Tags| metadata.of_part(&part, &wanted).texts.into_values().collect::<Vec<_>>();
        assert_eq!(said(Tags::default()), ["Talk", "Somebody", "Two", "2/3"]);
        // What was asked for came over the source's texts before.
        let album = Some("Given".into());
        assert_eq!(said(Tags { album, ..Tags::default() }), ["Source's", "Somebody", "Two", "2/3"]);
        assert_eq!(said(Tags { keep: false, ..Tags::default() }), ["Source's", "Somebody", "Talk", "9"]);
    }
}
