//! Real media files, small, from `shared/media/fixtures`.

use std::{ops::Range, path::PathBuf, time::Duration};

use bytes::Bytes;
use futures_util::Stream;

use crate::Random;

/// Where a fixture is.
#[must_use]
pub fn fixture_path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/media/fixtures")).join(name)
}

/// A fixture's bytes.
///
/// # Panics
/// If there is none of this name.
#[must_use]
pub fn fixture(name: &str) -> Bytes {
    std::fs::read(fixture_path(name)).expect(name).into()
}

const PIECE: u64 = 64 * 1024;

/// A real MP4 with its index in front, followed by a `free` box that brings it to `bytes` bytes: a large file that
/// needs no large fixture. Given in pieces of 64 KiB.
pub fn mp4_of(bytes: u64) -> impl Iterator<Item = Bytes> + Send {
    let (head, rest) = mp4_head(bytes);
    let zeros = Bytes::from(vec![0; 64 * 1024]);
    let body = (0..rest.div_ceil(PIECE)).map(move |n| {
        let len = (rest - n * PIECE).min(PIECE);
        zeros.slice(..usize::try_from(len).unwrap())
    });
    std::iter::once(head).chain(body)
}

/// A real MP4 up to what is in its `free` box, and how many bytes those are.
fn mp4_head(bytes: u64) -> (Bytes, u64) {
    let mut head = fixture("moov-front.mp4").to_vec();
    let padding = bytes.saturating_sub(head.len() as u64).max(16);
    // A box with a 64-bit size: size 1, type, then the size (ISO/IEC 14496-12, 4.2).
    head.extend_from_slice(&[0, 0, 0, 1]);
    head.extend_from_slice(b"free");
    head.extend_from_slice(&padding.to_be_bytes());
    (head.into(), padding - 16)
}

/// A large MP4 as [`mp4_of`] makes it, but of noise: each byte differs from what stands elsewhere, so that a part in
/// the wrong place is seen. Any part of it is made when it is asked for.
#[derive(Clone, Debug)]
pub struct NoisyMp4 {
    head: Bytes,
    bytes: u64,
    seed: u64,
}

impl NoisyMp4 {
    /// The same seed gives the same noise.
    #[must_use]
    pub fn new(bytes: u64, seed: u64) -> Self {
        Self { head: mp4_head(bytes).0, bytes, seed }
    }

    /// Its bytes in this range, in pieces of 64 KiB at most.
    pub fn pieces(&self, range: Range<u64>) -> impl Iterator<Item = Bytes> + Send + 'static {
        let range = range.start..range.end.min(self.bytes);
        let (all, numbers) = (self.clone(), range.start / PIECE..range.end.div_ceil(PIECE));
        numbers.map(move |n| {
            let within = |at: u64| usize::try_from(at.clamp(n * PIECE, (n + 1) * PIECE) - n * PIECE).unwrap();
            all.piece(n).slice(within(range.start)..within(range.end))
        })
    }

    fn piece(&self, n: u64) -> Bytes {
        let mut piece = vec![0; 64 * 1024];
        Random::new(self.seed.wrapping_add(n)).fill(&mut piece);
        let head = self.head.get(usize::try_from(n * PIECE).unwrap()..).unwrap_or_default();
        let shared = head.len().min(piece.len());
        piece[..shared].copy_from_slice(&head[..shared]);
        piece.into()
    }
}

/// A WAV file of silence with a click each second (8 kHz, mono, 16 bit), streamed: long audio that needs no fixture.
pub fn long_wav(length: Duration) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    const RATE: u32 = 8000;
    let seconds = u32::try_from(length.as_secs()).unwrap();
    let data = seconds * RATE * 2;
    let mut head = Vec::new();
    head.extend_from_slice(b"RIFF");
    head.extend_from_slice(&(36 + data).to_le_bytes());
    head.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    head.extend_from_slice(&RATE.to_le_bytes());
    head.extend_from_slice(&(RATE * 2).to_le_bytes());
    head.extend_from_slice(b"\x02\0\x10\0data");
    head.extend_from_slice(&data.to_le_bytes());
    let mut second = vec![0; RATE as usize * 2];
    second[1] = 0x40;
    let second = Bytes::from(second);
    let pieces = std::iter::once(Bytes::from(head)).chain((0..seconds).map(move |_| second.clone()));
    futures_util::stream::iter(pieces.map(Ok))
}
