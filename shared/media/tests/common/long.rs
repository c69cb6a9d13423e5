//! Files of as many frames of AAC as ten hours at 44.1 kHz have. Each frame is silence, and 1024 samples at 8 kHz.

use super::matroska::{element, float, number};

/// So many.
pub(crate) const FRAMES: u32 = 1515 * 1024;
const FRAME: [u8; 6] = [0x00, 0xc8, 0x00, 0x80, 0x23, 0x80];
/// Of one, in milliseconds.
const MILLIS: u32 = 128;
/// AAC-LC, 8 kHz, one channel (ISO/IEC 14496-3, AudioSpecificConfig).
const CONFIG: [u8; 2] = [0x15, 0x88];

/// FLV: a tag for each frame.
pub(crate) fn flv() -> Vec<u8> {
    let mut file = b"FLV\x01\x04\0\0\0\x09\0\0\0\0".to_vec();
    let mut tag = |time: u32, content: &[u8]| {
        let size = content.len() as u32;
        let [_, length @ ..] = size.to_be_bytes();
        let [high, low @ ..] = time.to_be_bytes();
        file.push(8);
        file.extend(length);
        file.extend(low);
        file.extend([high, 0, 0, 0]);
        file.extend(content);
        file.extend((size + 11).to_be_bytes());
    };
    tag(0, &[&[0xaf, 0], &CONFIG[..]].concat());
    for place in 0..FRAMES {
        tag(place * MILLIS, &[&[0xaf, 1], &FRAME[..]].concat());
    }
    file
}

fn chunk(kind: &[u8; 4], content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    [kind.as_slice(), &(content.len() as u32).to_le_bytes(), &content].concat()
}

/// Little-endian numbers, in a row.
fn little(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// AVI: a chunk for each of so many frames, and its index.
pub(crate) fn avi(frames: u32) -> Vec<u8> {
    let header = chunk(b"avih", &[&little(&[128_000, 0, 0, 0x10, frames, 0, 1, 0, 0, 0, 0, 0, 0, 0])]);
    // Scale, rate, start, length: a chunk is 1024 of 8000 samples a second.
    let strh = [&b"auds\0\0\0\0"[..], &little(&[0, 0, 0, 1024, 8000, 0, frames, 0, 0, 0, 0, 0])].concat();
    let format = [&[0xff, 0, 1, 0][..], &little(&[8000, 48]), &[0, 4, 16, 0, 2, 0], &CONFIG].concat();
    let stream = chunk(b"LIST", &[b"strl", &chunk(b"strh", &[&strh]), &chunk(b"strf", &[&format])]);
    let headers = chunk(b"LIST", &[b"hdrl", &header, &stream]);
    let one = chunk(b"00wb", &[&FRAME]);
    let movi = chunk(b"LIST", &[b"movi", &one.repeat(frames as usize)]);
    let entry = |place: u32| [&b"00wb"[..], &little(&[0x10, 4 + place * one.len() as u32, 6])].concat();
    let index = chunk(b"idx1", &[&(0..frames).flat_map(entry).collect::<Vec<u8>>()]);
    chunk(b"RIFF", &[b"AVI ", &headers, &movi, &index])
}

/// A box of an MP4 (ISO/IEC 14496-12, 4.2).
pub(crate) fn boxed(kind: &[u8; 4], content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    [&(content.len() as u32 + 8).to_be_bytes(), &kind[..], &content].concat()
}

/// Big-endian numbers, in a row.
pub(crate) fn big(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// An MP4 with these tables in its index, and this behind its tracks.
pub(crate) fn moov(tables: &[&[u8]], more: &[u8]) -> Vec<u8> {
    let length = FRAMES * 1024;
    let esds = b"\0\0\0\0\x03\x19\0\x01\0\x04\x11\x40\x15\0\0\0\0\0\0\0\0\0\0\0\x05\x02\x15\x88\x06\x01\x02";
    let entry = [&big(&[0, 1, 0, 0, 0x1_0010, 0, 8000 << 16])[..], &boxed(b"esds", &[esds])].concat();
    let stsd = boxed(b"stsd", &[&big(&[0, 1]), &boxed(b"mp4a", &[&entry])]);
    let stbl = boxed(b"stbl", &[&[stsd.as_slice()], tables].concat());
    let dref = boxed(b"dref", &[&big(&[0, 1]), &boxed(b"url ", &[&big(&[1])])]);
    let minf = boxed(b"minf", &[&boxed(b"smhd", &[&[0; 8]]), &boxed(b"dinf", &[&dref]), &stbl]);
    let times = big(&[0, 0, 0, 8000, if more.is_empty() { length } else { 0 }]);
    let hdlr = boxed(b"hdlr", &[&[0; 8], b"soun", &[0; 13]]);
    let mdia = boxed(b"mdia", &[&boxed(b"mdhd", &[&times, &[0x55, 0xc4, 0, 0]]), &hdlr, &minf]);
    let tkhd = boxed(b"tkhd", &[&big(&[3, 0, 0, 1, 0, length]), &[0; 60]]);
    boxed(b"moov", &[&boxed(b"mvhd", &[&times, &[0; 80]]), &boxed(b"trak", &[&tkhd, &mdia]), more])
}

/// An MP4 in fragments of 1024 frames.
pub(crate) fn fragments() -> Vec<u8> {
    let empty = |kind| boxed(kind, &[&big(&[0, 0])]);
    let tables = [empty(b"stts"), empty(b"stsc"), boxed(b"stsz", &[&big(&[0, 0, 0])]), empty(b"stco")];
    let extends = boxed(b"mvex", &[&boxed(b"trex", &[&big(&[0, 1, 1, 1024, 6, 0])])]);
    let tables: Vec<&[u8]> = tables.iter().map(Vec::as_slice).collect();
    let mut file = [boxed(b"ftyp", &[b"iso5\0\0\0\0"]), moov(&tables, &extends)].concat();
    let data = boxed(b"mdat", &[&FRAME.repeat(1024)]);
    for place in 0..FRAMES / 1024 {
        let fragment = |offset: u32| {
            // Its data begin behind itself; sizes and lengths are those that hold for all.
            let tfhd = boxed(b"tfhd", &[&big(&[0x2_0000, 1])]);
            let tfdt = boxed(b"tfdt", &[&big(&[0, place * 1024 * 1024])]);
            let trun = boxed(b"trun", &[&big(&[1, 1024, offset])]);
            let traf = boxed(b"traf", &[&tfhd, &tfdt, &trun]);
            boxed(b"moof", &[&boxed(b"mfhd", &[&big(&[0, place + 1])]), &traf])
        };
        file.extend(fragment(fragment(0).len() as u32 + 8));
        file.extend(&data);
    }
    file
}

/// Matroska in clusters of 215 frames, at 44.1 kHz: its times are whole milliseconds.
pub(crate) fn matroska() -> Vec<u8> {
    let millis = |place: u32| (f64::from(place) * 1024.0 / 44.1).round() as u64;
    let audio = [float(0xb5, 44_100.0), number(0x9f, 1)].concat();
    let entry = [
        number(0xd7, 1),
        number(0x73c5, 1),
        number(0x83, 2),
        element(0x86, b"A_AAC"),
        element(0x63a2, &[0x12, 0x08]),
        element(0xe1, &audio),
    ];
    let head = element(0x1a45_dfa3, &element(0x4282, b"matroska"));
    let info =
        element(0x1549_a966, &[number(0x2a_d7b1, 1_000_000), float(0x4489, millis(FRAMES) as f64)].concat());
    let mut body = [info, element(0x1654_ae6b, &element(0xae, &entry.concat()))].concat();
    for first in (0..FRAMES).step_by(215) {
        let block = |place: u32| {
            let [high, low] = ((millis(place) - millis(first)) as u16).to_be_bytes();
            element(0xa3, &[&[0x81, high, low, 0x80], &FRAME[..]].concat())
        };
        let blocks = (first..(first + 215).min(FRAMES)).flat_map(block);
        body.extend(element(
            0x1f43_b675,
            &number(0xe7, millis(first)).into_iter().chain(blocks).collect::<Vec<_>>(),
        ));
    }
    [head, element(0x1853_8067, &body)].concat()
}
