//! A reader of MP3 frames, written from the standard and not from our encoder.

use std::collections::BTreeMap;
use std::io::Cursor;

/// An MP3 file as its frame headers tell it.
#[derive(Debug, Default)]
pub(crate) struct Mp3 {
    pub(crate) tag: BTreeMap<String, String>,
    /// Without the header frame.
    pub(crate) frames: u64,
    pub(crate) sample_rate: u32,
    pub(crate) channels: u8,
    /// In kbit/s, each that occurs.
    pub(crate) bitrates: Vec<u32>,
    /// From the Xing or Info frame.
    pub(crate) header: Option<Header>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Header {
    pub(crate) vbr: bool,
    pub(crate) frames: u32,
    pub(crate) bytes: u32,
    pub(crate) delay: u32,
    pub(crate) padding: u32,
}

impl Mp3 {
    /// Walks frame by frame and panics if one doesn't begin where the one before ends.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut mp3 = Self { tag: tag(bytes), ..Self::default() };
        let mut rest = &bytes[tag_length(bytes)..];
        while !rest.is_empty() {
            rest = &rest[mp3.frame(rest)..];
        }
        mp3
    }

    /// What the header frame promises, in samples.
    pub(crate) fn samples(&self) -> u64 {
        let header = self.header.as_ref().unwrap();
        self.frames * self.frame_samples() - u64::from(header.delay + header.padding)
    }

    fn frame_samples(&self) -> u64 {
        if self.sample_rate >= 32000 { 1152 } else { 576 }
    }

    fn frame(&mut self, bytes: &[u8]) -> usize {
        assert!(bytes[0] == 0xff && bytes[1] & 0xe6 == 0xe2, "no frame of layer III at {:02x?}", &bytes[..4]);
        let mpeg1 = bytes[1] & 0x18 == 0x18;
        let shift = if mpeg1 {
            0
        } else if bytes[1] & 0x18 == 0x10 {
            1
        } else {
            2
        };
        self.sample_rate = [44100, 48000, 32000][usize::from(bytes[2] >> 2 & 3)] >> shift;
        self.channels = if bytes[3] >> 6 == 3 { 1 } else { 2 };
        let bitrate = bitrate(usize::from(bytes[2] >> 4), mpeg1);
        if !self.bitrates.contains(&bitrate) {
            self.bitrates.push(bitrate);
        }
        self.count(bytes, mpeg1);
        let padding = u32::from(bytes[2] >> 1 & 1);
        ((if mpeg1 { 144_000 } else { 72_000 }) * bitrate / self.sample_rate + padding) as usize
    }

    fn count(&mut self, frame: &[u8], mpeg1: bool) {
        let side = match (mpeg1, self.channels) {
            (true, 2) => 32,
            (true, _) | (false, 2) => 17,
            (false, _) => 9,
        };
        match &frame[4 + side..][..4] {
            kind @ (b"Xing" | b"Info") if self.header.is_none() => {
                self.header = Some(Header::read(kind == b"Xing", &frame[4 + side..]));
            }
            _ => self.frames += 1,
        }
    }
}

impl Header {
    fn read(vbr: bool, bytes: &[u8]) -> Self {
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        // Flags, frames, bytes, table (100), quality; then the LAME part, whose 21st byte starts delay and padding.
        let gap = u32::from_be_bytes([0, bytes[141], bytes[142], bytes[143]]);
        Self { vbr, frames: number(8), bytes: number(12), delay: gap >> 12, padding: gap & 0xfff }
    }
}

fn bitrate(index: usize, mpeg1: bool) -> u32 {
    match mpeg1 {
        true => [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320][index],
        false => [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160][index],
    }
}

fn tag_length(bytes: &[u8]) -> usize {
    match bytes {
        [b'I', b'D', b'3', _, _, _, a, b, c, d, ..] => {
            10 + [a, b, c, d].into_iter().fold(0, |length, byte| length << 7 | usize::from(*byte))
        }
        _ => 0,
    }
}

fn tag(bytes: &[u8]) -> BTreeMap<String, String> {
    let tag = id3::Tag::read_from2(Cursor::new(bytes)).unwrap_or_default();
    tag.frames()
        .filter_map(|frame| Some((frame.id().to_owned(), frame.content().text()?.to_owned())))
        .collect()
}
