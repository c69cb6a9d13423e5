//! The ID3v2.4 tag at the start of an MP3.

use std::collections::BTreeMap;

use id3::frame::Comment;
use id3::{Encoder, TagLike, Version};

use crate::protocol::Failure;
use crate::settings::Tags;

/// libav's common names and ID3's (id3.org, "ID3 tag version 2.4.0 - Native Frames").
const FRAMES: [(&str, &str); 10] = [
    ("title", "TIT2"),
    ("artist", "TPE1"),
    ("album", "TALB"),
    ("album_artist", "TPE2"),
    ("composer", "TCOM"),
    ("copyright", "TCOP"),
    ("date", "TDRC"),
    ("disc", "TPOS"),
    ("genre", "TCON"),
    ("track", "TRCK"),
];

/// The tag's bytes; none if there is nothing to say.
pub(super) fn id3(source: &BTreeMap<String, String>, wanted: &Tags) -> Result<Vec<u8>, Failure> {
    let mut tag = id3::Tag::new();
    if wanted.keep {
        keep(source, &mut tag);
    }
    let texts = [("TIT2", &wanted.title), ("TPE1", &wanted.artist), ("TALB", &wanted.album)];
    for (frame, text) in texts.into_iter().filter_map(|(frame, text)| Some((frame, text.as_ref()?))) {
        tag.set_text(frame, text);
    }
    bytes(&tag).map_err(|error| Failure::Internal(error.to_string()))
}

fn keep(source: &BTreeMap<String, String>, tag: &mut id3::Tag) {
    for (name, frame) in FRAMES {
        if let Some(text) = source.get(name).filter(|text| !text.is_empty()) {
            tag.set_text(frame, text);
        }
    }
    if let Some(text) = source.get("comment").filter(|text| !text.is_empty()) {
        let (lang, description) = ("und".into(), String::new());
        tag.add_frame(Comment { lang, description, text: text.clone() });
    }
}

fn bytes(tag: &id3::Tag) -> id3::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if tag.frames().next().is_some() {
        Encoder::new().version(Version::Id3v24).encode(tag, &mut bytes)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(wanted: Tags) -> id3::Tag {
        let source = [("title", "Töne"), ("artist", "Somebody"), ("comment", "hm"), ("encoder", "Lavf")];
        let source = source.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        id3::Tag::read_from2(std::io::Cursor::new(id3(&source, &wanted).unwrap())).unwrap()
    }

    #[test]
    fn the_sources_tags_are_kept_and_given_ones_win() {
        let tag = read(Tags { title: Some("Mine".into()), ..Tags::default() });
        assert_eq!((tag.title(), tag.artist()), (Some("Mine"), Some("Somebody")));
        assert_eq!(tag.comments().next().unwrap().text, "hm");
        assert_eq!(tag.frames().count(), 3);
    }

    #[test]
    fn without_keeping_only_given_ones_are_there() {
        let tag = read(Tags { keep: false, album: Some("A".into()), ..Tags::default() });
        assert_eq!((tag.title(), tag.album()), (None, Some("A")));
    }

    #[test]
    fn nothing_to_say_is_no_tag() {
        assert!(id3(&BTreeMap::new(), &Tags::default()).unwrap().is_empty());
    }
}
