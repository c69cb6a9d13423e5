//! Containers made for streams: wherever one begins to listen, a word or a rhythm that is theirs comes soon.

use super::bits::{after_id3, contains, places, two};

/// MPEG-TS: a packet every 188 bytes, every 192 with a time code (M2TS), every 204 with check bytes. Eight in a row
/// anywhere, or of a short file all but few.
pub(super) fn transport(head: &[u8]) -> Option<&'static str> {
    const STEPS: [usize; 3] = [188, 192, 204];
    let is_packet_at = |at: usize| head.get(at..).is_some_and(is_packet);
    let in_row = |first: usize, step: usize| (0..8).all(|packet| is_packet_at(first + packet * step));
    let mostly = |first: usize, step: usize| {
        let places = (first..head.len().saturating_sub(3)).step_by(step);
        let (all, good) = (places.len(), places.filter(|at| is_packet_at(*at)).count());
        all >= 3 && good * 10 >= all * 9
    };
    let is = |step: usize| {
        (0..step).any(|first| mostly(first, step)) || (0..head.len()).any(|first| in_row(first, step))
    };
    STEPS.into_iter().any(is).then_some("mpeg-ts")
}

/// The sync byte, no error, and a payload or an adaptation field (ISO/IEC 13818-1, 2.4.3.2).
fn is_packet(packet: &[u8]) -> bool {
    matches!(packet, [0x47, high, _, flags, ..] if high & 0x80 == 0 && flags & 0x30 != 0)
}

/// Packets in a row that are proof enough.
const PACKETS: usize = 4;

/// MPEG-PS: pack headers (ISO/IEC 13818-1, 2.5.3.3; ISO/IEC 11172-1, 2.4.3.2), the first two of them anywhere; or
/// packets one after the other; or MPEG video alone.
pub(super) fn program(head: &[u8]) -> Option<&'static str> {
    let is_pack =
        |at: &usize| head.get(at + 4).is_some_and(|byte| byte & 0xc0 == 0x40 || byte & 0xf0 == 0x20);
    let mut packs = places(head, &[0, 0, 1, 0xba]).filter(is_pack);
    match (packs.next(), packs.next()) {
        (Some(0), _) | (_, Some(_)) => return Some("mpeg-ps"),
        _ => {}
    }
    if (0..head.len()).any(|at| packets(head, at) == PACKETS) {
        return Some("mpeg-ps");
    }
    head.starts_with(&[0, 0, 1, 0xb3]).then_some("mpeg")
}

/// How many packets of elementary streams follow each other from `at`, as far as it matters.
fn packets(head: &[u8], mut at: usize) -> usize {
    let mut count = 0;
    while count < PACKETS
        && let Some([0, 0, 1, 0xbb..=0xef]) = head.get(at..at + 4)
        && let Some(length @ 1..) = two(head, at + 4)
    {
        at += 6 + length;
        count += 1;
    }
    count
}

/// SMPTE 377M: the partition pack's key, behind a run-in of less than 64 KiB.
pub(super) fn mxf(head: &[u8]) -> Option<&'static str> {
    contains(head, b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01").then_some("mxf")
}

pub(super) fn flac(head: &[u8]) -> Option<&'static str> {
    after_id3(head).unwrap_or(head).starts_with(b"fLaC").then_some("flac")
}

pub(super) fn dts_hd(head: &[u8]) -> Option<&'static str> {
    head.starts_with(b"DTSHDHDR").then_some("dts")
}

/// ETSI TS 102 114: the sync word of frames of 16 or 14 bits, in either order of bytes, and again.
pub(super) fn dts(head: &[u8]) -> Option<&'static str> {
    const WORDS: [[u8; 4]; 5] = [
        [0x7f, 0xfe, 0x80, 0x01],
        [0xfe, 0x7f, 0x01, 0x80],
        [0x1f, 0xff, 0xe8, 0x00],
        [0xff, 0x1f, 0x00, 0xe8],
        [0x64, 0x58, 0x20, 0x25],
    ];
    let begins = |word: &[u8; 4]| {
        let mut found = places(head, word);
        matches!((found.next(), found.next()), (Some(_), Some(_)))
    };
    WORDS.iter().any(begins).then_some("dts")
}

/// The major sync of Dolby TrueHD and MLP and the signature behind it (Meridian Lossless Packing, format sync).
fn major_sync(head: &[u8], word: [u8; 4]) -> bool {
    places(head, &word).any(|at| two(head, at + 8) == Some(0xb752))
}

pub(super) fn true_hd(head: &[u8]) -> Option<&'static str> {
    major_sync(head, [0xf8, 0x72, 0x6f, 0xba]).then_some("truehd")
}

pub(super) fn mlp(head: &[u8]) -> Option<&'static str> {
    major_sync(head, [0xf8, 0x72, 0x6f, 0xbb]).then_some("mlp")
}

/// DV (IEC 61834-2): the header block of a sequence, and of the next, 150 blocks of 80 bytes later.
pub(super) fn dv(head: &[u8]) -> Option<&'static str> {
    let is_header = |at: usize| matches!(head.get(at..at + 4), Some([0x1f, number, 0, 0x3f | 0xbf]) if number & 0x0f == 7);
    let mut headers = places(head, &[0x1f, 0x07, 0x00]).filter(|at| is_header(*at));
    headers.any(|at| at == 0 || is_header(at + 12_000)).then_some("dv")
}
