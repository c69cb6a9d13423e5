//! The times of packets that go over as they are.
#![expect(unsafe_code, reason = "reads side data of libav's packets")]

use ffmpeg_sys_next as ff;

use super::describe::known;

/// Makes times of packets that a muxer takes: known, from 0 on, never going back.
#[derive(Default)]
pub(super) struct Clock {
    /// Where the packet before ended.
    next: Option<i64>,
    decoded: Option<i64>,
}

impl Clock {
    /// `first` is the stream's own time of its start. Where the packet ends, without what is to be cut off there.
    pub(super) fn set(&mut self, packet: &mut ff::AVPacket, first: i64) -> i64 {
        let pts = known(packet.pts).or(known(packet.dts)).map(|pts| pts.saturating_sub(first));
        let pts = pts.or(self.next).unwrap_or(0);
        let pts = self.decoded.map_or(pts, |last| pts.max(last.saturating_add(1)));
        (packet.pts, packet.dts) = (pts, pts);
        self.decoded = Some(pts);
        let end = pts.saturating_add(packet.duration.max(0));
        self.next = Some(end);
        end
    }
}

/// Takes what is to be cut off at the end of a packet off its length: Matroska says it beside the packet.
pub(super) fn trim(packet: &mut ff::AVPacket, parameters: &ff::AVCodecParameters, base: ff::AVRational) {
    let mut length = 0;
    // SAFETY: the packet is valid; the side data has so many bytes: the samples to skip at both ends, little endian.
    let end = unsafe {
        let kind = ff::AVPacketSideDataType::AV_PKT_DATA_SKIP_SAMPLES;
        let data = ff::av_packet_get_side_data(packet, kind, &mut length);
        if data.is_null() || length < 8 {
            return;
        }
        let data = std::slice::from_raw_parts(data, 8);
        u32::from_le_bytes([data[4], data[5], data[6], data[7]])
    };
    let samples = ff::AVRational { num: 1, den: parameters.sample_rate.max(1) };
    // SAFETY: arithmetic.
    let cut = unsafe { ff::av_rescale_q(end.into(), samples, base) };
    packet.duration = (packet.duration - cut).max(0);
}
