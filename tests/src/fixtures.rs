//! Real media files, small, from `shared/media/fixtures`.

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use futures_util::Stream;

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

/// A real MP4 with its index in front, followed by a `free` box that brings it to `bytes` bytes: a large file that
/// needs no large fixture. Given in pieces of 64 KiB.
pub fn mp4_of(bytes: u64) -> impl Iterator<Item = Bytes> + Send {
    const PIECE: u64 = 64 * 1024;
    let video = fixture("moov-front.mp4");
    let padding = bytes.saturating_sub(video.len() as u64).max(16);
    // A box with a 64-bit size: size 1, type, then the size (ISO/IEC 14496-12, 4.2).
    let mut head = vec![0, 0, 0, 1];
    head.extend_from_slice(b"free");
    head.extend_from_slice(&padding.to_be_bytes());
    let (zeros, rest) = (Bytes::from(vec![0; 64 * 1024]), padding - 16);
    let body = (0..rest.div_ceil(PIECE)).map(move |n| {
        let len = (rest - n * PIECE).min(PIECE);
        zeros.slice(..usize::try_from(len).unwrap())
    });
    [video, Bytes::from(head)].into_iter().chain(body)
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
