//! The cover picture in the tag of an MP3, for podcast apps that show one for each episode.

use std::io::Cursor;

use blobs::Reader;
use id3::{Content, Tag};

/// The head of an ID3v2 tag.
const HEAD: u64 = 10;
/// Largest tag that is read: what is in memory for a request.
const LARGEST: u64 = 4 << 20;

/// A picture of a type that browsers show.
#[derive(Debug, PartialEq)]
pub(crate) struct Picture {
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// The picture; `None` if there is none, or a very large one.
pub(crate) async fn of(audio: &Reader) -> blobs::Result<Option<Picture>> {
    let head = audio.read_at(0, HEAD as usize).await?;
    let Some(size) = tag_size(&head).filter(|size| *size <= LARGEST.min(audio.size())) else {
        return Ok(None);
    };
    let mut tag = Vec::new();
    while (tag.len() as u64) < size {
        let piece = audio.read_at(tag.len() as u64, size as usize - tag.len()).await?;
        if piece.is_empty() {
            return Ok(None);
        }
        tag.extend_from_slice(&piece);
    }
    Ok(picture(&tag))
}

/// Of the whole tag with its head (id3.org, ID3v2.4, 3.1): seven bits in each byte.
fn tag_size(head: &[u8]) -> Option<u64> {
    let size = head.strip_prefix(b"ID3")?.get(3..7)?;
    let plain = size.iter().all(|byte| *byte < 0x80);
    plain.then(|| HEAD + size.iter().fold(0, |size, byte| size << 7 | u64::from(*byte)))
}

fn picture(tag: &[u8]) -> Option<Picture> {
    let tag = Tag::read_from2(Cursor::new(tag)).ok()?;
    let bytes =
        tag.frames().filter(|frame| frame.id() == "APIC").find_map(|frame| match frame.content() {
            Content::Picture(picture) => Some(picture.data.clone()),
            Content::Unknown(frame) => image(&frame.data).map(<[u8]>::to_vec),
            _ => None,
        })?;
    Some(Picture { media_type: sniffed(&bytes)?, bytes })
}

/// What an `APIC` frame holds behind encoding, media type, kind and description (ID3v2.4 frames, 4.14).
fn image(frame: &[u8]) -> Option<&[u8]> {
    let (encoding, rest) = frame.split_first()?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    let rest = rest.get(end + 2..)?;
    // UTF-16 ends with two zeros at an even place, the others with one.
    let end = match encoding {
        1 | 2 => 2 + 2 * rest.chunks_exact(2).position(|pair| pair == [0, 0])?,
        _ => 1 + rest.iter().position(|byte| *byte == 0)?,
    };
    rest.get(end..)
}

/// By its first bytes: what the tag says may be anything.
fn sniffed(image: &[u8]) -> Option<&'static str> {
    let known: [(&[u8], &str); 3] =
        [(b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"GIF8", "image/gif")];
    known.into_iter().find(|(magic, _)| image.starts_with(magic)).map(|(_, media_type)| media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

    /// A tag of version 2.4 with one frame.
    fn tag(frame: &[u8]) -> Vec<u8> {
        let seven = |size: usize| [21, 14, 7, 0].map(|shift| (size >> shift & 0x7f) as u8);
        let frame = [b"APIC", &seven(frame.len())[..], &[0, 0], frame].concat();
        [b"ID3\x04\x00\x00", &seven(frame.len())[..], &frame].concat()
    }

    #[test]
    fn a_picture_is_found_behind_every_description() {
        for head in [
            &b"\0image/png\0\x03\0"[..],
            b"\x03image/png\0\x03f\xc3\xbcr\0",
            b"\x01image/png\0\x03\xff\xfeX\0\0\0",
        ] {
            let tag = tag(&[head, PNG].concat());
            assert_eq!(tag_size(&tag), Some(tag.len() as u64));
            assert_eq!(
                picture(&tag),
                Some(Picture { media_type: "image/png", bytes: PNG.to_vec() }),
                "{head:?}"
            );
        }
    }

    #[test]
    fn what_is_no_picture_is_none() {
        for frame in [
            &b""[..],
            b"\0",
            b"\0image/png",
            b"\0image/png\0\x03",
            b"\0image/png\0\x03\0<svg>",
            b"\x01image/png\0\x03\xff\xfeX\0",
        ] {
            assert_eq!(picture(&tag(frame)), None, "{frame:?}");
        }
        assert_eq!(tag_size(b"ID3\x04\0\0\xff\0\0\0"), None);
        assert_eq!(tag_size(b"\xff\xfb"), None);
    }
}
