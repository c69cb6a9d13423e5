//! Many packets of sound to libav's muxer as one: see [`Index`].
#![expect(unsafe_code, reason = "calls into libav and reads its structs")]

use std::ffi::c_int;

use ffmpeg_sys_next as ff;

use super::index::{self, Index};
use super::{Fault, Muxer};

/// Of packets and bytes in one.
const MOST: u32 = 256;
const LARGEST: usize = 64 * 1024;

/// The packets that libav has not seen yet.
#[derive(Default)]
pub(super) struct Group {
    index: Index,
    bytes: Vec<u8>,
    packets: u32,
    start: i64,
    end: i64,
}

impl Muxer {
    /// A packet, in the stream's own time.
    ///
    /// # Safety
    /// `packet` is valid.
    pub(super) unsafe fn write_grouped(
        &mut self,
        mut group: Box<Group>,
        packet: *mut ff::AVPacket,
    ) -> Result<(), Fault> {
        // SAFETY: by contract.
        let done = unsafe { self.add(&mut group, packet) };
        self.group = Some(group);
        done
    }

    unsafe fn add(&mut self, group: &mut Group, packet: *mut ff::AVPacket) -> Result<(), Fault> {
        // SAFETY: by contract; a packet has so many bytes.
        let (at, length, data) = unsafe {
            let ff::AVPacket { dts, duration, data, size, .. } = *packet;
            let size = if data.is_null() { 0 } else { usize::try_from(size).unwrap_or(0) };
            (dts, duration, if size == 0 { &[][..] } else { std::slice::from_raw_parts(data, size) })
        };
        let header = adts(data);
        if group.index.is_empty() {
            // SAFETY: the header was written, for a sound that is stream 0.
            let (usual, rounding) = unsafe { rounding(*(*self.format).streams) };
            group.index.rounded(usual, rounding);
        }
        let at = group.index.note(data.len() - header, at, length).ok_or(Fault::IMPLAUSIBLE)?;
        if group.index.is_empty() {
            // The first one says how all are coded, maybe beside its bytes.
            group.index.grouped(1);
            // SAFETY: by contract.
            return Fault::check(unsafe { ff::av_write_frame(self.format, packet) }).map(drop);
        }
        // libav takes off the header of what it is given.
        let header = if group.packets == 0 { 0 } else { header };
        if group.packets == 0 {
            group.start = at;
        }
        group.bytes.extend_from_slice(&data[header..]);
        (group.packets, group.end) = (group.packets + 1, at.saturating_add(length));
        if group.packets >= MOST || group.bytes.len() >= LARGEST { self.flush(group) } else { Ok(()) }
    }

    fn flush(&mut self, group: &mut Group) -> Result<(), Fault> {
        if group.packets == 0 {
            return Ok(());
        }
        group.index.grouped(std::mem::take(&mut group.packets));
        // SAFETY: the packet is ours, and gets so many bytes; libav makes its own reference.
        unsafe {
            let mut packet = ff::av_packet_alloc();
            if packet.is_null() {
                return Err(Fault::NO_MEMORY);
            }
            let new = Fault::check(ff::av_new_packet(packet, group.bytes.len() as c_int));
            let written = new.and_then(|_| {
                (*packet).data.copy_from_nonoverlapping(group.bytes.as_ptr(), group.bytes.len());
                ((*packet).pts, (*packet).dts) = (group.start, group.start);
                (*packet).duration = group.end.saturating_sub(group.start);
                (*packet).flags |= ff::AV_PKT_FLAG_KEY as c_int;
                Fault::check(ff::av_write_frame(self.format, packet))
            });
            ff::av_packet_free(&mut packet);
            group.bytes.clear();
            written.map(drop)
        }
    }

    /// After the last packet: writes the index, with all of them in it.
    pub(super) fn finish_grouped(&mut self, mut group: Box<Group>) -> Result<(), Fault> {
        self.flush(&mut group)?;
        group.index.finish().ok_or(Fault::IMPLAUSIBLE)?;
        // SAFETY: the header was written; what was written is ours between libav's calls.
        let written = unsafe {
            Fault::check(ff::av_write_trailer(self.format))?;
            &mut *self.written
        };
        if group.index.is_empty() {
            return Ok(());
        }
        let place = index::place(&written.head).ok_or(Fault::IMPLAUSIBLE)?;
        let taken = written.end - written.ready.len() as u64;
        let place = place.checked_sub(taken).and_then(|place| usize::try_from(place).ok());
        let place = place.filter(|place| *place <= written.ready.len()).ok_or(Fault::IMPLAUSIBLE)?;
        let moov = written.ready.split_off(place);
        group.index.rewrite(&moov, &mut written.ready).ok_or(Fault::IMPLAUSIBLE)
    }
}

/// How long packets of this sound usually are, AAC without and with SBR, and a millisecond; in its own time.
///
/// # Safety
/// `stream` is valid.
unsafe fn rounding(stream: *const ff::AVStream) -> ([i64; 2], i64) {
    // SAFETY: by contract; a stream has parameters as long as it lives.
    let (base, parameters) = unsafe { ((*stream).time_base, &*(*stream).codecpar) };
    let aac = parameters.codec_id == ff::AVCodecID::AV_CODEC_ID_AAC;
    if !aac || base.num != 1 || base.den != parameters.sample_rate {
        return ([0; 2], 0);
    }
    ([1024, 2048], i64::from(base.den) / 1000)
}

/// How long the header is that AAC of broadcasts has in each packet (ISO/IEC 13818-7, ADTS).
fn adts(data: &[u8]) -> usize {
    match data {
        [0xff, second, ..] if second & 0xf6 == 0xf0 => (if second & 1 == 1 { 7 } else { 9 }).min(data.len()),
        _ => 0,
    }
}
