//! What files say, and what a worker says of them.

use std::path::PathBuf;

use crate::input::{Input, text};

/// A file of the engine's tests.
fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(name)).unwrap()
}

pub(crate) fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/media/fixtures")
}

/// A container is told by the beginning alone.
pub(super) fn sniff(bytes: &[u8]) {
    let told = upload::fuzz::container(bytes);
    let mut longer = bytes[..bytes.len().min(upload::fuzz::ENOUGH)].to_vec();
    if longer.len() == upload::fuzz::ENOUGH {
        longer.extend_from_slice(&[0x47; 1000]);
    }
    assert_eq!(upload::fuzz::container(&longer), told);
}

pub(super) fn sniff_seeds() -> Vec<Vec<u8>> {
    let frames = |header: &[u8], length: usize| {
        let mut frame = header.to_vec();
        frame.resize(length, 0xd5);
        frame.repeat(5)
    };
    let head = |name: &str| fixture(name)[..200].to_vec();
    vec![
        head("moov-front.mp4"),
        head("video.mkv"),
        head("video.avi"),
        head("amr-nb.amr"),
        b"\0\0\0\x10free________\0\0\0\x01free\0\0\0\0\0\0\0\x18________\0\0\0\x18ftypisom".to_vec(),
        [&b"ID3\x04\0\x10\0\0\0\x0a"[..], &[0; 20], &frames(&[0xff, 0xfb, 0x90, 0], 417)].concat(),
        frames(&[0xff, 0xf1, 0x50, 0x80, 0x20, 0x1f, 0xfc], 256),
        frames(&[0x0b, 0x77, 0, 0, 0x14, 0x40], 768),
        frames(&[0x0b, 0x77, 0x01, 0x7f, 0x3f, 0x80], 768),
        frames(&[0x47, 0x01, 0, 0x10], 188),
        frames(&[0x56, 0xe0, 0xfd], 256),
        frames(&[0, 0, 1, 0xe0, 1, 250], 512),
    ]
}

/// A view of an MP4 is as long as the file, and its frames are in the file, one after the other in time.
pub(super) fn mp4(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (above, keep) = (input.byte(), input.byte());
    let file = input.rest().to_vec();
    let length = file.len() as u64;
    let read = ::media::fuzz::mp4(file, above.into(), keep.into(), 1000);
    assert_eq!(read.shown.unwrap().len() as u64, length);
    for frames in &read.frames {
        for &(offset, size, _, time) in frames {
            assert!(size == 0 || offset + u64::from(size) <= length, "{offset} + {size} of {length}");
            assert!(time >= 0, "{time}");
        }
        assert!(frames.is_sorted_by_key(|(.., time, _)| *time), "{frames:?}");
    }
    let file = &bytes[bytes.len().min(2)..];
    assert!(read.begin.is_empty() || read.fragments.is_some(), "{:?}", read.begin);
    assert!(read.begin.is_sorted_by(|earlier, later| earlier < later), "{:?}", read.begin);
    for place in &read.begin {
        let kind = file.get(*place as usize + 4..*place as usize + 8);
        assert_eq!(kind, Some(&b"moof"[..]), "at {place}");
    }
}

pub(super) fn mp4_seeds() -> Vec<Vec<u8>> {
    let names = ["moov-front.mp4", "he-aac-v2.mp4", "amr-nb.3gp", "cut.mp4", "video.mov"];
    let indexes = names.map(fixture).map(|file| [&b"\x14\x05"[..], &index(&file)].concat());
    let fragments = b"\0\0\0\0\x10ftypiso5____\0\0\0\x8cmoov\0\0\0\x6cmvhd";
    let mut fragmented = [&[0x14, 5], &fragments[1..]].concat();
    fragmented.extend([&[0; 12][..], &1000_u32.to_be_bytes(), &[0; 84]].concat());
    fragmented.extend(b"\0\0\0\x18mvex\0\0\0\x10mehd\0\0\0\0\0\x01\x5f\x90");
    let mut more = fragmented.clone();
    for place in 0..3 {
        more.extend(b"\0\0\0\x10moof\0\0\0\x08traf\0\0\0\x0cmdat____\0\0\0\x01free\0\0\0\0\0\0\0");
        more.push(0x10 + place);
        more.resize(more.len() + usize::from(place), 0);
    }
    indexes.into_iter().chain([fragmented, more]).collect()
}

/// Scrambled streams are told once each, by a PID that one of the packets has.
pub(super) fn ts(bytes: &[u8]) {
    let streams = ::media::fuzz::scrambled(bytes.to_vec());
    assert!(streams.is_sorted_by(|earlier, later| earlier < later), "{streams:?}");
    for stream in streams {
        let [high, low] = stream.to_be_bytes();
        let is_packet = |four: &[u8]| four[0] == 0x47 && four[1] & 0x1f == high && four[2] == low;
        assert!(bytes.windows(4).any(is_packet), "{stream}");
    }
}

pub(super) fn ts_seeds() -> Vec<Vec<u8>> {
    let packet = |before: usize, behind: usize, place: u8| {
        let head = [0x47, 1, place % 3, 0x10 | if place % 3 == 1 { 0xc0 } else { 0 }];
        [vec![place; before], head.to_vec(), vec![place; 184 + behind]].concat()
    };
    let packets = |before, behind| (0..20).flat_map(|place| packet(before, behind, place)).collect();
    vec![packets(0, 0), packets(4, 0), packets(0, 16), [vec![9; 77], packets(0, 0)].concat()]
}

/// Only what says that it is an AVI is taken for a long one.
pub(super) fn avi(bytes: &[u8]) {
    if ::media::fuzz::is_long_avi(bytes.to_vec()) {
        assert!(bytes.starts_with(b"RIFF") && bytes[8..].starts_with(b"AVI "));
    }
}

pub(super) fn avi_seeds() -> Vec<Vec<u8>> {
    let chunk = |kind: &[u8; 4], content: &[u8]| {
        [kind.as_slice(), &(content.len() as u32).to_le_bytes(), content].concat()
    };
    let lists = [chunk(b"LIST", b"hdrl"), chunk(b"LIST", b"movi________"), chunk(b"JUNK", b"___")].concat();
    let part = chunk(b"RIFF", &[b"AVI ", &lists[..], b"\0", &chunk(b"idx1", &[0; 64])].concat());
    let mut long = part.clone();
    let size = long.len() - 68;
    long[size..size + 4].copy_from_slice(&0x7f_ffff_u32.to_le_bytes());
    vec![fixture("video.avi")[..2048].to_vec(), [&part[..], &part].concat(), part, long]
}

/// The file without what its boxes of samples hold.
fn index(file: &[u8]) -> Vec<u8> {
    let (mut index, mut rest) = (Vec::new(), file);
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let length = (u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize).max(8) - 8;
        let (body, after) = after.split_at(length.min(after.len()));
        if &head[4..] == b"mdat" {
            index.extend_from_slice(b"\0\0\0\x08mdat");
        } else {
            index.extend_from_slice(head);
            index.extend_from_slice(body);
        }
        rest = after;
    }
    index
}

/// A message means the same when it is written again.
pub(super) fn worker(bytes: &[u8]) {
    for read in [::media::fuzz::from_worker, ::media::fuzz::to_worker] {
        if let Some(again) = read(bytes.to_vec()) {
            assert_eq!(read(again.clone()), Some(again));
        }
    }
}

pub(super) fn worker_seeds() -> Vec<Vec<u8>> {
    [
        &b"\x01\0\0\0\0\0\0\0\x10\0\x01\0\0"[..],
        b"\x02sound",
        b"\x03\x10\0\0\0\0\0\0\0sound",
        b"\x04\0\0\0\0\0\0\x10\0\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x05{\"Converted\":{\"source\":{\"container\":\"mov\",\"duration\":{\"secs\":3,\"nanos\":0},\"streams\":[],\"tags\":{},\"chapters\":[],\"cover\":false},\"codec\":\"mp3\",\"sample_rate\":44100,\"channels\":2,\"samples\":1,\"warnings\":[]}}",
        b"\x06{\"Unreadable\":\"why\"}",
        b"\x07{\"number\":1,\"total\":2,\"title\":\"One\"}",
        b"\x08{\"secs\":3,\"nanos\":999999999}",
        b"\x01{\"task\":\"Probe\",\"size\":1,\"cpu\":{\"secs\":1,\"nanos\":0},\"memory_bytes\":1,\"threads\":1}",
    ]
    .map(<[u8]>::to_vec)
    .to_vec()
}

/// A tag is as long as it says, pieces of MP3 are joined to whole frames, and pictures have a size or none.
pub(super) fn mp3(bytes: &[u8]) {
    let _ = ::media::fuzz::picture(bytes);
    let mut input = Input::new(bytes);
    let (late, early, cut) = (input.byte(), input.byte(), input.byte());
    let lines: Vec<String> = input.head().into_iter().map(text).collect();
    let names = ["title", "artist", "album", "date", "comment", "genre", "track"];
    let texts: Vec<_> = names.into_iter().zip(lines.iter().map(String::as_str)).collect();
    let chapters: Vec<_> = lines.iter().skip(names.len()).map(String::as_str).collect();
    let tag = ::media::fuzz::tag(&texts, &chapters).unwrap();
    if let Some(head) = tag.first_chunk::<10>() {
        assert!(head.starts_with(b"ID3\x03\0"), "{head:?}");
        let length = head[6..].iter().fold(0, |sum, byte| sum << 7 | usize::from(*byte));
        assert_eq!(length + 10, tag.len());
    }
    let rest = input.rest();
    let (first, second) = rest.split_at((usize::from(cut) * 417).min(rest.len()));
    if let Some(joined) = ::media::fuzz::joined(first, second, late.into(), early.into()) {
        assert!(joined.len() <= rest.len());
    }
}

pub(super) fn mp3_seeds() -> Vec<Vec<u8>> {
    let frame = |back: u8| [&[0xff, 0xfb, 0x90, 0, back, 0][..], &[7; 411]].concat();
    let frames = [0, 5, 10, 15, 0, 0, 20, 15].map(frame).concat();
    let texts = b"T\xc3\xb6ne\nSomebody\nAlbum\n2024-03-05T10:00:00Z\nhm\nRock\n1/2\nOne\nTwo\n\n";
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x01\0\0\0\x01\0";
    let jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF\0________\xff\xc0\0\x11\x08\0\x10\0\x10";
    vec![[&[2, 2, 4][..], texts, &frames].concat(), png.to_vec(), jpeg.to_vec()]
}
