//! The Xing/LAME frame at the start of an MP3: how long it is, where to seek to, what to cut off for gapless play.
//!
//! LAME writes one, but knows only what a single encoder has seen. Of the first segment's frame we keep what is true of
//! all (version, lowpass, method) and set the rest anew. Layout: gabriel.mp3-tech.org/mp3infotag.html.

use super::frame;

/// Samples that decoders are to leave out at the start: LAME's own delay.
const DELAY: u64 = 576;
/// Positions that are kept for the table of contents; at twice as many every second one goes.
const POSITIONS: usize = 512;

/// Places in the frame, counted from `Xing`.
mod place {
    pub(super) const FRAMES: usize = 8;
    pub(super) const BYTES: usize = 12;
    pub(super) const TABLE: usize = 16;
    pub(super) const GAP: usize = 141;
    pub(super) const LENGTH: usize = 148;
    pub(super) const MUSIC_CRC: usize = 152;
    pub(super) const TAG_CRC: usize = 154;
    pub(super) const END: usize = 156;
}

/// Watches the frames go by.
pub(super) struct Header {
    /// As LAME wrote it.
    frame: Vec<u8>,
    /// Frames and bytes of music, without this frame.
    frames: u64,
    bytes: u64,
    crc: u16,
    /// Where every `step`th frame starts.
    positions: Vec<u64>,
    step: u64,
}

impl Header {
    /// `frame` is the first encoder's own.
    pub(super) fn new(mut frame: Vec<u8>) -> Self {
        // How the last frame coded its channels says nothing of this one.
        if let Some(modes) = frame.get_mut(3) {
            *modes &= !0x30;
        }
        Self { frame, frames: 0, bytes: 0, crc: 0, positions: Vec::new(), step: 1 }
    }

    /// Whole frames that come next. `None` if they are none.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Option<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (frame, next) = rest.split_at_checked(frame::length(rest)?)?;
            self.note();
            self.bytes += frame.len() as u64;
            rest = next;
        }
        self.crc = crc(self.crc, bytes);
        Some(())
    }

    fn note(&mut self) {
        if self.frames.is_multiple_of(self.step) {
            self.positions.push(self.bytes);
        }
        self.frames += 1;
        if self.positions.len() == 2 * POSITIONS {
            let mut place = 0_usize;
            self.positions.retain(|_| {
                place += 1;
                place % 2 == 1
            });
            self.step *= 2;
        }
    }

    /// The finished frame, for so many samples of one channel in frames of `length` samples each. Empty if LAME wrote
    /// none.
    pub(super) fn frame(&self, samples: u64, length: usize) -> Vec<u8> {
        let mut frame = self.frame.clone();
        let Some(xing) = place_of_xing(&frame) else { return Vec::new() };
        let total = self.bytes + frame.len() as u64;
        let padding = (self.frames * length as u64).saturating_sub(samples + DELAY);
        let gap = (DELAY << 12 | padding.min(0xfff)) as u32;
        let mut put =
            |place: usize, bytes: &[u8]| frame[xing + place..][..bytes.len()].copy_from_slice(bytes);
        put(place::FRAMES, &(self.frames as u32).to_be_bytes());
        put(place::BYTES, &(total as u32).to_be_bytes());
        put(place::TABLE, &self.table(total));
        put(place::GAP, &gap.to_be_bytes()[1..]);
        put(place::LENGTH, &(total as u32).to_be_bytes());
        put(place::MUSIC_CRC, &self.crc.to_be_bytes());
        let tag = crc(0, &frame[..xing + place::TAG_CRC]);
        frame[xing + place::TAG_CRC..][..2].copy_from_slice(&tag.to_be_bytes());
        frame
    }

    /// For each hundredth of the time, where it is in 256ths of the bytes.
    fn table(&self, total: u64) -> [u8; 100] {
        let mut table = [0; 100];
        for (percent, entry) in (0..).zip(&mut table) {
            let index = self.frames * percent / 100 / self.step;
            let position =
                self.positions.get(index as usize).map_or(0, |music| music + self.frame.len() as u64);
            *entry = (256 * position / total).min(255) as u8;
        }
        table[0] = 0;
        table
    }
}

/// Where `Xing` or `Info` stands: behind the header and the side information.
fn place_of_xing(frame: &[u8]) -> Option<usize> {
    let place = frame::prefix(frame)?;
    (frame.len() >= place + place::END).then_some(place)
}

/// CRC-16 with the polynomial x^16 + x^15 + x^2 + 1, lowest bit first, as LAME has it.
fn crc(start: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(start, |crc, byte| crc >> 8 ^ CRCS[usize::from(crc as u8 ^ byte)])
}

const CRCS: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut crc, mut bit) = (byte as u16, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xa001 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_crc_16_arc() {
        assert_eq!(crc(0, b"123456789"), 0xbb3d);
    }

    #[test]
    fn the_table_goes_up_evenly_however_many_frames_there_are() {
        for frames in [100_u64, 1023, 1024, 100_000] {
            let mut header = Header::new(vec![0; 417]);
            for _ in 0..frames {
                header.add(&[&[0xff, 0xfb, 0x90, 0][..], &[0; 413]].concat()).unwrap();
            }
            let table = header.table(header.bytes + 417);
            assert!(header.positions.len() < 2 * POSITIONS);
            for (percent, entry) in (0..).zip(table) {
                assert!((i32::from(entry) - percent * 256 / 100).abs() <= 3, "{frames}: {percent} {entry}");
            }
        }
    }
}
