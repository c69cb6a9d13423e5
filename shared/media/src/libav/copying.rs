//! Packets that go over as they are.
#![expect(unsafe_code, reason = "reads and changes libav's packets")]

use ffmpeg_sys_next as ff;

use super::choose::Sound;
use super::describe::NANOSECONDS;
use super::packet::sound;
use super::{Fault, Input, Muxer};
use crate::clock::{Clock, Nanos};

/// The times of packets in the result: a muxer takes none that doesn't get on.
pub(crate) struct Times {
    clock: Clock,
    last: Option<i64>,
    /// How the first packet is coded, where packets say it.
    coded: Option<[u8; 3]>,
    /// Of the last packet.
    length: Nanos,
    missing: Nanos,
}

impl Times {
    /// As `clock` gives them.
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, last: None, coded: None, length: 0, missing: 0 }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// How much is left out, since it is coded in another way than what came first.
    pub(crate) fn missing(&self) -> Nanos {
        self.missing
    }

    /// Whether a packet that was just given its time goes on with the sound: AAC of broadcasts says in each (ADTS) what its
    /// rate and channels are, and a file has a place for one answer only.
    fn is_as_before(&mut self, packet: &ff::AVPacket) -> bool {
        let size = usize::try_from(packet.size).unwrap_or(0);
        if packet.data.is_null() || size < 4 {
            return true;
        }
        // SAFETY: a packet has so many bytes.
        let data = unsafe { std::slice::from_raw_parts(packet.data, size) };
        let &[0xff, sync, config, channels, ..] = data else { return true };
        if sync & 0xf6 != 0xf0 {
            return true;
        }
        let coded = [sync, config & 0xfd, channels & 0xc0];
        let same = *self.coded.get_or_insert(coded) == coded;
        if !same {
            self.missing = self.missing.saturating_add(self.length);
        }
        same
    }

    /// Gives the packet of this stream its time in the result. Where it ends there.
    fn set(&mut self, packet: &mut ff::AVPacket, stream: &ff::AVStream) -> Nanos {
        let base = stream.time_base;
        let piece = sound(packet, base, stream.codecpar);
        let before = self.clock.position();
        self.length = piece.length;
        self.clock.next(piece);
        let start = piece.at.map_or(before, |at| self.clock.within(at));
        // SAFETY: arithmetic.
        let pts = unsafe { ff::av_rescale_q(start, NANOSECONDS, base) };
        let pts = self.last.map_or(pts, |last| pts.max(last.saturating_add(1)));
        (packet.pts, packet.dts) = (pts, pts);
        self.last = Some(pts);
        self.clock.position()
    }
}

impl Input {
    /// Tells the muxer that packets of this stream will come as they are.
    pub(crate) fn announce(&self, index: u32, muxer: &mut Muxer) -> Result<(), Fault> {
        let stream = self.stream(index).ok_or(Fault::NO_STREAM)?;
        // SAFETY: a stream has parameters as long as it lives.
        unsafe { muxer.add_sound(stream.codecpar, stream.time_base) }
    }

    /// Copies the next packet of this sound, as it is but for its times. Where it ends in the result, without what is to be
    /// cut off there; `None` at the end.
    pub(crate) fn copy_packet(
        &mut self,
        of: Sound,
        times: &mut Times,
        muxer: &mut Muxer,
    ) -> Result<Option<Nanos>, Fault> {
        while let Some(packet) = self.next_packet()? {
            if packet.stream() != of.index {
                continue;
            }
            if packet.is_encrypted() {
                return Err(Fault::ENCRYPTED);
            }
            let (packet, stream) = (self.packet, self.stream(of.index).ok_or(Fault::NO_STREAM)?);
            let base = stream.time_base;
            // SAFETY: the packet was just filled and is ours until the next one.
            let end = unsafe {
                if self.container().starts_with("matroska") {
                    trim(&mut *packet, &*stream.codecpar, base);
                }
                times.set(&mut *packet, stream)
            };
            // SAFETY: as above.
            unsafe {
                if times.is_as_before(&*packet) {
                    muxer.write(packet, base)?;
                }
            }
            return Ok(Some(end));
        }
        Ok(None)
    }
}

/// Samples that every decoder of MP3 is late: libav's muxer takes them off what an encoder added, also of nothing.
const MP3_DELAY: u32 = 529;

/// Takes what is to be cut off at the end of a packet off its length: Matroska says it beside the packet.
fn trim(packet: &mut ff::AVPacket, parameters: &ff::AVCodecParameters, base: ff::AVRational) {
    let mut length = 0;
    // SAFETY: the packet is valid, and this one's own; the side data has so many bytes: the samples to skip at both ends,
    // little endian.
    let end = unsafe {
        let kind = ff::AVPacketSideDataType::AV_PKT_DATA_SKIP_SAMPLES;
        let data = ff::av_packet_get_side_data(packet, kind, &mut length);
        if data.is_null() || length < 8 {
            return;
        }
        let data = std::slice::from_raw_parts_mut(data, 8);
        let start = u32::from_le_bytes([data[0], data[1], data[2], data[3]]);
        if parameters.codec_id == ff::AVCodecID::AV_CODEC_ID_MP3 {
            data[..4].copy_from_slice(&start.max(MP3_DELAY).to_le_bytes());
        }
        u32::from_le_bytes([data[4], data[5], data[6], data[7]])
    };
    let samples = ff::AVRational { num: 1, den: parameters.sample_rate.max(1) };
    // SAFETY: arithmetic.
    let cut = unsafe { ff::av_rescale_q(end.into(), samples, base) };
    packet.duration = (packet.duration - cut).max(0);
}
