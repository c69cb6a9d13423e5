//! Packets of libav's.
#![expect(unsafe_code, reason = "calls into libav and reads its structs")]

use std::time::Duration;

use ffmpeg_sys_next as ff;

use super::Fault;
use super::describe::{known, nanos};
use crate::clock::Piece;

/// A packet's frame data and where it belongs; valid until the next is read.
pub(crate) struct Packet<'a> {
    pub(super) packet: &'a ff::AVPacket,
    /// Where the packet ends in the time of the file, if it says so.
    pub(crate) end: Option<Duration>,
    /// The part of the file before it, from 0 to 1, if libav says so.
    pub(crate) share: Option<f64>,
    /// When it is to be heard.
    pub(crate) piece: Piece,
    /// Whether it is sound.
    pub(crate) is_sound: bool,
}

impl Packet<'_> {
    /// The stream's index.
    pub(crate) fn stream(&self) -> u32 {
        self.packet.stream_index as u32
    }

    /// Whether its content can't be had without a key.
    pub(crate) fn is_encrypted(&self) -> bool {
        let kind = ff::AVPacketSideDataType::AV_PKT_DATA_ENCRYPTION_INFO;
        // SAFETY: the packet is valid; the pointer is not followed.
        unsafe { !ff::av_packet_get_side_data(self.packet, kind, std::ptr::null_mut()).is_null() }
    }

    /// A packet of its own with the same content.
    pub(crate) fn keep(&self) -> Result<Owned, Fault> {
        let owned = Owned::new()?;
        // SAFETY: both are valid; libav takes a reference of the data, or a copy.
        Fault::check(unsafe { ff::av_packet_ref(owned.0, self.packet) })?;
        Ok(owned)
    }

    pub(super) fn as_ptr(&self) -> *const ff::AVPacket {
        self.packet
    }
}

/// When and where `packet`, which counts time in `base`, is to be heard. Sound is heard when it is decoded: where the two
/// are far apart, the former is wrong.
pub(super) fn piece(packet: &ff::AVPacket, base: ff::AVRational) -> Piece {
    let at = known(packet.pts).map(|pts| nanos(pts, base));
    let decoded = known(packet.dts).map(|dts| nanos(dts, base));
    let place = Some(packet.pos).filter(|place| *place >= 0);
    Piece { at: heard(at, decoded), length: nanos(packet.duration.max(0), base), place }
}

/// As [`piece`] for a packet of sound with these parameters: where a container takes a hole for a part of the packet
/// before, its length is that of what is in it.
pub(super) fn sound(
    packet: &ff::AVPacket,
    base: ff::AVRational,
    parameters: *mut ff::AVCodecParameters,
) -> Piece {
    let piece = piece(packet, base);
    // SAFETY: the parameters are a stream's, which lives; arithmetic on them.
    let real = unsafe {
        let samples = i64::from(ff::av_get_audio_frame_duration2(parameters, packet.size));
        let rate = ff::AVRational { num: 1, den: (*parameters).sample_rate.max(1) };
        nanos(samples, rate)
    };
    // Twice as long is how some count where the upper half of the band is coded apart.
    if real > 0 && piece.length > real.saturating_mul(3) { Piece { length: real, ..piece } } else { piece }
}

/// The time to believe of the one to be heard at and the one to be decoded at.
pub(super) fn heard(at: Option<i64>, decoded: Option<i64>) -> Option<i64> {
    match (at, decoded) {
        (Some(at), Some(decoded)) if at.abs_diff(decoded) > crate::clock::SECOND as u64 => Some(decoded),
        (at, decoded) => at.or(decoded),
    }
}

/// A packet that is kept.
pub(crate) struct Owned(pub(super) *mut ff::AVPacket);

impl Owned {
    pub(super) fn new() -> Result<Self, Fault> {
        // SAFETY: no pointers; null is caught.
        let packet = unsafe { ff::av_packet_alloc() };
        if packet.is_null() { Err(Fault::NO_MEMORY) } else { Ok(Self(packet)) }
    }

    /// In bytes.
    pub(crate) fn size(&self) -> usize {
        // SAFETY: ours.
        unsafe { (*self.0).size.max(0) as usize }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: ours; freeing null does nothing.
        unsafe { ff::av_packet_free(&mut self.0) };
    }
}
