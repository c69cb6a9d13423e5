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
    /// Places in 256ths of the bytes, for each hundredth of the time.
    pub(crate) table: Vec<u8>,
    music_crc: u16,
    tag_crc: u16,
    /// Of this frame, in bytes, and where its own checksum stands in it.
    length: usize,
    tag_end: usize,
}

impl Mp3 {
    /// Walks frame by frame and panics if one doesn't begin where the one before ends.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut mp3 = Self { tag: tag(bytes), ..Self::default() };
        let frames = &bytes[tag_length(bytes)..];
        let mut rest = frames;
        while !rest.is_empty() {
            rest = &rest[mp3.frame(rest)..];
        }
        mp3.verify(frames);
        mp3
    }

    /// Holds what the header frame says against what is there.
    fn verify(&self, bytes: &[u8]) {
        let header = self.header.as_ref().unwrap();
        assert_eq!((u64::from(header.frames), header.bytes as usize), (self.frames, bytes.len()));
        assert!(header.table.is_sorted() && header.table[0] == 0, "{:?}", header.table);
        assert_eq!(header.music_crc, crc(&bytes[header.length..]), "checksum of the music");
        assert_eq!(header.tag_crc, crc(&bytes[..header.tag_end]), "checksum of the header frame");
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
        let padding = u32::from(bytes[2] >> 1 & 1);
        let length = ((if mpeg1 { 144_000 } else { 72_000 }) * bitrate / self.sample_rate + padding) as usize;
        self.count(bytes, mpeg1, length);
        length
    }

    fn count(&mut self, frame: &[u8], mpeg1: bool, length: usize) {
        let side = match (mpeg1, self.channels) {
            (true, 2) => 32,
            (true, _) | (false, 2) => 17,
            (false, _) => 9,
        };
        match &frame[4 + side..][..4] {
            kind @ (b"Xing" | b"Info") if self.header.is_none() => {
                self.header = Some(Header::read(kind == b"Xing", &frame[4 + side..], length, 4 + side));
            }
            _ => self.frames += 1,
        }
    }
}

impl Header {
    fn read(vbr: bool, bytes: &[u8], length: usize, start: usize) -> Self {
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        let short = |at: usize| u16::from_be_bytes(bytes[at..at + 2].try_into().unwrap());
        // Flags, frames, bytes, table (100), quality; then the LAME part, whose 21st byte starts delay and padding.
        let gap = u32::from_be_bytes([0, bytes[141], bytes[142], bytes[143]]);
        Self {
            vbr,
            frames: number(8),
            bytes: number(12),
            delay: gap >> 12,
            padding: gap & 0xfff,
            table: bytes[16..116].to_vec(),
            music_crc: short(152),
            tag_crc: short(154),
            length,
            tag_end: start + 154,
        }
    }
}

fn bitrate(index: usize, mpeg1: bool) -> u32 {
    match mpeg1 {
        true => [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320][index],
        false => [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160][index],
    }
}

/// CRC-16/ARC, bit by bit.
fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xa001 } else { crc >> 1 })
    })
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
