//! The ID3v2.3 tag at the start of an MP3: Windows and most cars show nothing of a later one.

use std::ops::Range;

use id3::frame::{Chapter as Mark, Comment, Picture, PictureType, TableOfContents};
use id3::{Content, Encoder, Frame, TagLike, Version};

use super::metadata::Metadata;
use crate::libav::Picture as Cover;
use crate::ports::REWRITE_WITHIN;
use crate::protocol::Failure;
use crate::report::Chapter;

/// libav's common names and ID3's (id3.org, "ID3 tag version 2.3.0").
const FRAMES: [(&str, &str); 9] = [
    ("title", "TIT2"),
    ("artist", "TPE1"),
    ("album", "TALB"),
    ("album_artist", "TPE2"),
    ("composer", "TCOM"),
    ("copyright", "TCOP"),
    ("disc", "TPOS"),
    ("genre", "TCON"),
    ("track", "TRCK"),
];
/// The longest tag in bytes: the header frame after it is rewritten, and must be where that can be done.
const LONGEST: usize = REWRITE_WITHIN as usize - 4096;
/// ID3's "no byte offset, look at the times".
const NO_OFFSET: u32 = u32::MAX;

/// The tag's bytes; none if there is nothing to say. A cover that would make it too long is left out.
pub(super) fn id3(metadata: &Metadata) -> Result<Vec<u8>, Failure> {
    let mut tag = texts(metadata);
    marks(&metadata.chapters, &mut tag);
    let without_cover = bytes(&tag)?;
    let Some(cover) = &metadata.cover else { return Ok(without_cover) };
    tag.add_frame(front(cover));
    let whole = bytes(&tag)?;
    Ok(if whole.len() > LONGEST { without_cover } else { whole })
}

/// Whether the tag with this cover is short enough.
pub(super) fn has_room(metadata: &Metadata, cover: &Cover) -> bool {
    let mut tag = texts(metadata);
    marks(&metadata.chapters, &mut tag);
    tag.add_frame(front(cover));
    bytes(&tag).is_ok_and(|bytes| bytes.len() <= LONGEST)
}

fn front(cover: &Cover) -> Picture {
    Picture {
        mime_type: cover.media_type().into(),
        picture_type: PictureType::CoverFront,
        description: String::new(),
        data: cover.data.clone(),
    }
}

fn texts(metadata: &Metadata) -> id3::Tag {
    let mut tag = id3::Tag::new();
    for (name, frame) in FRAMES {
        if let Some(text) = metadata.texts.get(name) {
            tag.set_text(frame, text);
        }
    }
    if let Some(date) = metadata.texts.get("date") {
        day(date, &mut tag);
    }
    if let Some(text) = metadata.texts.get("comment") {
        let (lang, description) = ("und".into(), String::new());
        tag.add_frame(Comment { lang, description, text: text.clone() });
    }
    tag
}

/// `2024` or `2024-03-05...`: a year, and a day and month.
fn day(date: &str, tag: &mut id3::Tag) {
    let digits = |range: Range<usize>| {
        date.get(range).filter(|part: &&str| part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let Some(year) = digits(0..4) else { return };
    tag.set_text("TYER", year);
    if let (Some(month), Some(day)) = (digits(5..7), digits(8..10)) {
        tag.set_text("TDAT", format!("{day}{month}"));
    }
}

/// Chapters and their table of contents (id3.org, "ID3v2 Chapter Frame Addendum").
fn marks(chapters: &[Chapter], tag: &mut id3::Tag) {
    if chapters.is_empty() {
        return;
    }
    let name = |place: usize| format!("chp{place}");
    tag.add_frame(TableOfContents {
        element_id: "toc".into(),
        top_level: true,
        ordered: true,
        elements: (0..chapters.len().min(255)).map(name).collect(),
        frames: Vec::new(),
    });
    for (place, chapter) in chapters.iter().enumerate() {
        let millis = |time: std::time::Duration| time.as_millis().min(u128::from(u32::MAX)) as u32;
        let title = Frame::with_content("TIT2", Content::Text(chapter.title.clone()));
        tag.add_frame(Mark {
            element_id: name(place),
            start_time: millis(chapter.start),
            end_time: millis(chapter.end),
            start_offset: NO_OFFSET,
            end_offset: NO_OFFSET,
            frames: if chapter.title.is_empty() { Vec::new() } else { vec![title] },
        });
    }
}

fn bytes(tag: &id3::Tag) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    if tag.frames().next().is_some() {
        let encoded = Encoder::new().version(Version::Id3v23).encode(tag, &mut bytes);
        encoded.map_err(|error| Failure::Internal(error.to_string()))?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(metadata: &Metadata) -> id3::Tag {
        id3::Tag::read_from2(std::io::Cursor::new(id3(metadata).unwrap())).unwrap()
    }

    #[test]
    fn texts_have_frames_of_their_own() {
        let texts = [("title", "Töne"), ("artist", "Somebody"), ("comment", "hm")];
        let texts = texts.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let tag = read(&Metadata { texts, ..Metadata::default() });
        assert_eq!((tag.title(), tag.artist()), (Some("Töne"), Some("Somebody")));
        assert_eq!(tag.comments().next().unwrap().text, "hm");
        assert_eq!(tag.frames().count(), 3);
    }

    #[test]
    fn a_date_is_a_year_and_a_day() {
        let dated = |date: &str| {
            let texts = [("date".to_owned(), date.to_owned()), ("title".to_owned(), "x".to_owned())].into();
            let tag = read(&Metadata { texts, ..Metadata::default() });
            assert_eq!(tag.version(), Version::Id3v23);
            ["TYER", "TDAT"]
                .map(|name| tag.get(name).and_then(|frame| frame.content().text()).map(str::to_owned))
        };
        let (year, day) = (Some("2024".to_owned()), Some("0503".to_owned()));
        assert_eq!(dated("2024"), [year.clone(), None]);
        assert_eq!(dated("2024-03-05T10:00:00Z"), [year, day]);
        assert_eq!(dated("März"), [None, None]);
    }

    #[test]
    fn chapters_become_marks() {
        let chapter = |start, title: &str| Chapter {
            start: Duration::from_secs(start),
            end: Duration::from_secs(start + 5),
            title: title.into(),
        };
        let chapters = vec![chapter(0, "One"), chapter(5, "")];
        let tag = read(&Metadata { chapters, ..Metadata::default() });
        let marks: Vec<_> = tag.chapters().map(|mark| (mark.start_time, mark.end_time)).collect();
        assert_eq!(marks, [(0, 5000), (5000, 10000)]);
        assert_eq!(tag.tables_of_contents().next().unwrap().elements, ["chp0", "chp1"]);
    }

    #[test]
    fn nothing_to_say_is_no_tag() {
        assert!(id3(&Metadata::default()).unwrap().is_empty());
    }
}
