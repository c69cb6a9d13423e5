//! Which container a file is, by its first bytes. Names and content types from outside are not trusted; whether
//! the rest holds what the beginning promises is for the converter to say.

/// So many bytes of the beginning settle it: three packets of an MPEG transport stream, one with a time code each.
pub(crate) const ENOUGH: usize = 4096;

/// The container, or `None` if it is none that we read.
pub(crate) fn container(head: &[u8]) -> Option<&'static str> {
    by_magic(head).or_else(|| by_structure(head))
}

/// Containers that begin with a fixed word.
fn by_magic(head: &[u8]) -> Option<&'static str> {
    Some(match head {
        [0x1a, 0x45, 0xdf, 0xa3, ..] if contains(&head[..head.len().min(64)], b"webm") => "webm",
        [0x1a, 0x45, 0xdf, 0xa3, ..] => "matroska",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => "avi",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => "wav",
        [b'R', b'F', b'6', b'4', _, _, _, _, b'W', b'A', b'V', b'E', ..] => "wav",
        [b'r', b'i', b'f', b'f', 0x2e, 0x91, 0xcf, 0x11, ..] => "w64",
        [b'F', b'O', b'R', b'M', _, _, _, _, b'A', b'I', b'F', b'F' | b'C', ..] => "aiff",
        [b'F', b'L', b'V', 1, ..] => "flv",
        [0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11, ..] => "asf",
        [b'O', b'g', b'g', b'S', ..] => "ogg",
        [b'f', b'L', b'a', b'C', ..] => "flac",
        [b'c', b'a', b'f', b'f', ..] => "caf",
        [b'#', b'!', b'A', b'M', b'R', ..] => "amr",
        [b'.', b'R', b'M', b'F', ..] => "rm",
        [0, 0, 1, 0xba, ..] => "mpeg-ps",
        [0, 0, 1, 0xb3, ..] => "mpeg",
        [b'I', b'D', b'3', 2..=4, ..] => "mp3",
        [0x7f, 0xfe, 0x80, 0x01, ..] => "dts",
        [0x0b, 0x77, ..] => "ac3",
        [0x06, 0x0e, 0x2b, 0x34, ..] => "mxf",
        [0x1f, 0x07, 0x00, ..] => "dv",
        _ => return None,
    })
}

/// Containers that are told by their structure.
fn by_structure(head: &[u8]) -> Option<&'static str> {
    iso_media(head).or_else(|| transport_stream(head)).or_else(|| frame_sync(head))
}

/// ISO base media (MP4, MOV, 3GP ...): a first box of a sensible type (ISO/IEC 14496-12, 4.2).
fn iso_media(head: &[u8]) -> Option<&'static str> {
    let kind = head.get(4..8)?;
    match kind {
        b"ftyp" => Some(match head.get(8..12)? {
            b"qt  " => "mov",
            [b'3', b'g', ..] => "3gp",
            _ => "mp4",
        }),
        // Old QuickTime files have no ftyp.
        b"moov" | b"mdat" | b"free" | b"skip" | b"wide" | b"pnot" | b"styp" | b"moof" => Some("mov"),
        _ => None,
    }
}

/// MPEG-TS: a sync byte every 188 bytes, or every 192 after a time code (M2TS).
fn transport_stream(head: &[u8]) -> Option<&'static str> {
    let synced =
        |first: usize, step: usize| (0..3).all(|packet| head.get(first + packet * step) == Some(&0x47));
    (synced(0, 188) || synced(4, 192) || synced(0, 204)).then_some("mpeg-ts")
}

/// MPEG audio and AAC without a container: two headers in a row at the distance that the first one tells.
fn frame_sync(head: &[u8]) -> Option<&'static str> {
    let length = adts_length(head)
        .map(|length| ("aac", length))
        .or_else(|| layer3_length(head).map(|length| ("mp3", length)));
    let (name, length) = length?;
    let next = head.get(length..)?;
    let follows = if name == "aac" { adts_length(next) } else { layer3_length(next) };
    follows.map(|_| name)
}

/// ISO/IEC 14496-3, 1.A.2.2.1: `adts_fixed_header` and `aac_frame_length`.
fn adts_length(head: &[u8]) -> Option<usize> {
    match head {
        [0xff, flags, _, high, middle, low, _, ..] if flags & 0xf6 == 0xf0 => {
            let length = usize::from(high & 3) << 11 | usize::from(*middle) << 3 | usize::from(low >> 5);
            (length >= 7).then_some(length)
        }
        _ => None,
    }
}

/// ISO/IEC 11172-3, 2.4.1.3: layer III of MPEG-1, 2 and 2.5; samples per frame / 8 * bitrate / sample rate + padding.
fn layer3_length(head: &[u8]) -> Option<usize> {
    const RATES_1: [usize; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const RATES_2: [usize; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    let [0xff, version, rates, _, ..] = head else { return None };
    // Layer III is 01; layers I and II are rare without a container.
    if version & 0xe6 != 0xe2 {
        return None;
    }
    let (rate_table, divisor, factor) = match version >> 3 & 3 {
        3 => (RATES_1, 1, 144),
        2 => (RATES_2, 2, 72),
        0 => (RATES_2, 4, 72),
        _ => return None,
    };
    let bitrate = rate_table.get(usize::from(rates >> 4).checked_sub(1)?)? * 1000;
    let sample_rate = [44100, 48000, 32000].get(usize::from(rates >> 2 & 3))? / divisor;
    Some(factor * bitrate / sample_rate + usize::from(rates >> 1 & 1))
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixtures_are_told_by_their_bytes() {
        let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/media/fixtures");
        for (name, expected) in [
            ("moov-end.mp4", Some("mp4")),
            ("moov-front.mp4", Some("mp4")),
            ("video.mkv", Some("matroska")),
            ("video.webm", Some("webm")),
            ("video.mov", Some("mov")),
            ("video.avi", Some("avi")),
            ("text.mp4", None),
        ] {
            let bytes = std::fs::read(format!("{fixtures}/{name}")).unwrap();
            assert_eq!(container(&bytes[..bytes.len().min(ENOUGH)]), expected, "{name}");
        }
    }

    #[test]
    fn what_is_told_by_structure_needs_more_than_one_byte_of_luck() {
        let mut stream = vec![0; 188 * 3];
        for packet in 0..3 {
            stream[packet * 188] = 0x47;
        }
        assert_eq!(container(&stream), Some("mpeg-ts"));
        // 128 kbit/s at 44.1 kHz: 417 bytes.
        let mut mp3 = vec![0; 417 + 4];
        mp3[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x00]);
        assert_eq!(container(&mp3), None, "one frame header alone");
        mp3[417..].copy_from_slice(&[0xff, 0xfb, 0x90, 0x00]);
        assert_eq!(container(&mp3), Some("mp3"));
    }

    #[test]
    fn text_pictures_archives_programs_and_noise_are_nothing() {
        let noise: Vec<u8> = (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let others: [&[u8]; 8] = [
            b"",
            b"G",
            b"hello, world, this is text",
            b"<html>",
            b"PK\x03\x04zip file here",
            b"\x7fELF\x02\x01\x01",
            b"\x89PNG\r\n\x1a\n____",
            &noise,
        ];
        for bytes in others {
            assert_eq!(container(bytes), None, "{:?}", &bytes[..bytes.len().min(12)]);
        }
    }
}
