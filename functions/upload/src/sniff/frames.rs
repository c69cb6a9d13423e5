//! Sound without a container: frames that tell how long they are, so that the next one must be there. Two in a row at
//! the beginning are proof enough, four elsewhere.

use super::bits::{after_id3, two};

/// A frame: its length, and what all frames of a file have in common.
type Frame = (usize, u32);

/// Frames in a row that are proof enough anywhere.
const ENOUGH: usize = 4;

/// How many frames follow each other from `at`, as far as it matters.
fn chain(head: &[u8], mut at: usize, frame: fn(&[u8]) -> Option<Frame>) -> usize {
    let (mut count, mut common) = (0, None);
    while let Some((length, same)) = head.get(at..).and_then(frame) {
        if count == ENOUGH || *common.get_or_insert(same) != same {
            break;
        }
        count += 1;
        at += length;
    }
    count
}

fn is_of(head: &[u8], frame: fn(&[u8]) -> Option<Frame>) -> bool {
    chain(head, 0, frame) >= 2 || (0..head.len()).any(|at| chain(head, at, frame) == ENOUGH)
}

/// AAC with a header to each frame.
pub(super) fn adts(head: &[u8]) -> Option<&'static str> {
    is_of(head, adts_frame).then_some("aac")
}

/// AAC in LATM, as in broadcasts.
pub(super) fn loas(head: &[u8]) -> Option<&'static str> {
    is_of(head, loas_frame).then_some("latm")
}

/// MP3 and its elders. A tag in front tells it too: it may be longer than the beginning that we see.
pub(super) fn mpeg_audio(head: &[u8]) -> Option<&'static str> {
    (after_id3(head).is_some() || is_of(head, mpeg_audio_frame)).then_some("mp3")
}

/// Dolby Digital.
pub(super) fn ac3(head: &[u8]) -> Option<&'static str> {
    // A short file may be one frame.
    (is_of(head, ac3_frame) || head.starts_with(&[0x0b, 0x77])).then_some("ac3")
}

/// Dolby Digital Plus.
pub(super) fn e_ac3(head: &[u8]) -> Option<&'static str> {
    is_of(head, e_ac3_frame).then_some("eac3")
}

/// ISO/IEC 14496-3, 1.A.2.2.1: `adts_fixed_header` and `aac_frame_length`.
fn adts_frame(head: &[u8]) -> Option<Frame> {
    let [0xff, flags, rate, high, middle, low, _, ..] = head else { return None };
    // A reserved sampling frequency is none.
    if flags & 0xf6 != 0xf0 || rate >> 2 & 15 > 12 {
        return None;
    }
    let length = usize::from(high & 3) << 11 | usize::from(*middle) << 3 | usize::from(low >> 5);
    let common = u32::from(*flags) << 16 | u32::from(*rate) << 8 | u32::from(high & 0xc0);
    (length >= 7).then_some((length, common))
}

/// ISO/IEC 14496-3, 1.7.2: `AudioSyncStream`.
fn loas_frame(head: &[u8]) -> Option<Frame> {
    let [0x56, high, low, ..] = head else { return None };
    let length = usize::from(high & 0x1f) << 8 | usize::from(*low);
    (high & 0xe0 == 0xe0 && length > 0).then_some((length + 3, 0))
}

/// ISO/IEC 11172-3, 2.4.1.3, and 13818-3: samples per frame / 8 * bitrate / sample rate + padding; layer I counts slots of
/// four bytes.
fn mpeg_audio_frame(head: &[u8]) -> Option<Frame> {
    let [0xff, version, rates, _, ..] = head else { return None };
    let layer = match version >> 1 & 3 {
        3 => 1,
        2 => 2,
        1 => 3,
        _ => return None,
    };
    let divisor = match (version & 0xe0, version >> 3 & 3) {
        (0xe0, 3) => 1,
        (0xe0, 2) => 2,
        (0xe0, 0) => 4,
        _ => return None,
    };
    let place = usize::from(rates >> 4).checked_sub(1)?;
    let bitrate = BITRATES[bitrates_of(layer, divisor)].get(place)? * 1000;
    let sample_rate = [44100, 48000, 32000].get(usize::from(rates >> 2 & 3))? / divisor;
    let padding = usize::from(rates >> 1 & 1);
    let length = match layer {
        1 => (12 * bitrate / sample_rate + padding) * 4,
        3 if divisor > 1 => 72 * bitrate / sample_rate + padding,
        _ => 144 * bitrate / sample_rate + padding,
    };
    // The last bit of `version` tells of a checksum, which may come and go.
    Some((length, u32::from(version >> 1) << 8 | u32::from(rates & 0x0c)))
}

/// In kbit/s: layer I, II and III of MPEG-1, layer I of MPEG-2, layers II and III of MPEG-2.
const BITRATES: [[usize; 14]; 5] = [
    [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

fn bitrates_of(layer: usize, divisor: usize) -> usize {
    match (layer, divisor) {
        (_, 1) => layer - 1,
        (1, _) => 3,
        _ => 4,
    }
}

/// ETSI TS 102 366, 5.3.1 and table 5.18: words of two bytes; 44.1 kHz alternates between two lengths.
fn ac3_frame(head: &[u8]) -> Option<Frame> {
    const BITRATES: [usize; 19] =
        [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];
    let [0x0b, 0x77, _, _, codes, version, ..] = head else { return None };
    let bitrate = *BITRATES.get(usize::from(codes & 0x3f) / 2)?;
    let words = match codes >> 6 {
        0 => bitrate * 2,
        1 => bitrate * 320 / 147 + usize::from(codes & 1),
        2 => bitrate * 3,
        _ => return None,
    };
    (version >> 3 <= 10).then_some((words * 2, u32::from(codes >> 6)))
}

/// ETSI TS 102 366, E.1.2.2: `bsid` above 10, the length in `frmsiz`.
fn e_ac3_frame(head: &[u8]) -> Option<Frame> {
    let [0x0b, 0x77, _, _, _, version, ..] = head else { return None };
    let length = (two(head, 2)? & 0x07ff) * 2 + 2;
    ((11..=16).contains(&(version >> 3)) && length > 6).then_some((length, 0))
}
