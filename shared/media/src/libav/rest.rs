//! The packets of a long MP4 that libav's demuxer is not told of: see [`mp4`].
#![expect(unsafe_code, reason = "calls into libav, and fills its packets")]

use std::ffi::c_int;
use std::rc::Rc;

use ffmpeg_sys_next as ff;

use super::describe;
use super::{Fault, ReadAt};
use crate::mp4::{self, Frame, Frames};

/// The packets of one stream, from the last one on that libav knows.
pub(super) struct Rest {
    frames: Frames,
    stream: c_int,
    /// When that last one is decoded, in the stream's units.
    from: i64,
    /// The next one, where it was gone to.
    next: Option<Frame>,
}

impl Rest {
    /// For the stream that libav made of `sound`. `None` if it isn't what `sound` says, or if its packets may not be its
    /// samples. `encoder` is the file's tag.
    pub(super) fn new(
        bytes: &Rc<dyn ReadAt>,
        sound: &mp4::Sound,
        stream: &ff::AVStream,
        encoder: Option<&str>,
    ) -> Option<Self> {
        let last = last_entry(stream)?;
        let base = ff::AVRational { num: 1, den: sound.track.timescale.cast_signed() };
        let same = last.pos.cast_unsigned() == sound.last.offset && stream.time_base == base;
        let packets = packets(stream, sound, encoder).filter(|_| same)?;
        describe::duration(stream.duration, base)?;
        let end = (packets == Packets::Samples).then_some(stream.duration);
        let frames = Frames::new(bytes, sound, last.timestamp, end).ok()?;
        Some(Self { frames, stream: stream.index, from: last.timestamp, next: None })
    }

    /// The stream's index.
    pub(super) fn stream(&self) -> u32 {
        self.stream.cast_unsigned()
    }

    /// Whether this packet of libav's is the last one, whose length libav can't know.
    pub(super) fn begins_with(&self, packet: &ff::AVPacket) -> bool {
        packet.stream_index == self.stream && packet.dts >= self.from
    }

    /// Goes to the packet that is heard at `time`, in the stream's units. `false` if that is one that libav knows.
    pub(super) fn go_to(&mut self, time: i64) -> Result<bool, Fault> {
        if time <= self.from {
            return Ok(false);
        }
        while let Some(frame) = self.frames.next().map_err(|_| Fault::IO)? {
            if frame.time.saturating_add(frame.length) > time {
                self.next = Some(frame);
                return Ok(true);
            }
        }
        Err(Fault::IMPLAUSIBLE)
    }

    /// Fills `packet` with the next one; `false` at the end, which is also where the file is cut off.
    pub(super) fn read(&mut self, packet: *mut ff::AVPacket) -> Result<bool, Fault> {
        loop {
            let next = match self.next.take() {
                None => self.frames.next().map_err(|_| Fault::IO)?,
                next => next,
            };
            let Some(frame) = next else { return Ok(false) };
            let there = self.frames.there(frame);
            if there == 0 && frame.size > 0 {
                return Ok(false);
            }
            // A decoder would take an empty packet for the end.
            if there > 0 {
                return self.fill(packet, frame, there).map(|()| true);
            }
        }
    }

    fn fill(&mut self, packet: *mut ff::AVPacket, frame: Frame, size: u32) -> Result<(), Fault> {
        let length = c_int::try_from(size).map_err(|_| Fault::IMPLAUSIBLE)?;
        // SAFETY: the packet is the caller's; `av_new_packet` gives it so many bytes, which are set before they are seen.
        let (packet, data) = unsafe {
            ff::av_packet_unref(packet);
            Fault::check(ff::av_new_packet(packet, length))?;
            let packet = &mut *packet;
            packet.data.write_bytes(0, size as usize);
            let data = std::slice::from_raw_parts_mut(packet.data, size as usize);
            (packet, data)
        };
        if self.frames.read(frame, data).map_err(|_| Fault::IO)? < frame.size as usize {
            packet.flags |= ff::AV_PKT_FLAG_CORRUPT;
        }
        packet.stream_index = self.stream;
        (packet.pts, packet.dts, packet.duration) = (frame.time, frame.time, frame.length);
        packet.pos = i64::try_from(frame.offset).unwrap_or(-1);
        packet.flags |= ff::AV_PKT_FLAG_KEY;
        Ok(())
    }
}

/// The last sample that libav knows of a stream.
fn last_entry(stream: &ff::AVStream) -> Option<ff::AVIndexEntry> {
    let stream = std::ptr::from_ref(stream);
    // SAFETY: the stream is valid; libav checks the number and gives a pointer that is valid until the next packet is read.
    unsafe {
        let count = ff::avformat_index_get_entries_count(stream);
        ff::avformat_index_get_entry(stream.cast_mut(), count - 1).as_ref().copied()
    }
}

/// What libav's packets are.
#[derive(PartialEq)]
enum Packets {
    Samples,
    /// What a parser finds in the samples: the same, but that it knows the length of the last.
    Parsed,
}

/// `None` if packets may be something else: a part of a sample, or several. Of MP3, libav doesn't tell whether it trusts
/// the samples (`mov_read_trak` and `mov_read_header` in its `mov.c`).
fn packets(stream: &ff::AVStream, sound: &mp4::Sound, encoder: Option<&str>) -> Option<Packets> {
    use ff::AVCodecID::{
        AV_CODEC_ID_AAC, AV_CODEC_ID_AC3, AV_CODEC_ID_ALAC, AV_CODEC_ID_AMR_NB, AV_CODEC_ID_AMR_WB,
        AV_CODEC_ID_EAC3, AV_CODEC_ID_FLAC, AV_CODEC_ID_MP3, AV_CODEC_ID_OPUS,
    };
    let careless = encoder.is_some_and(|encoder| encoder.starts_with("HandBrake"));
    // SAFETY: the stream is valid, and so are its parameters.
    match unsafe { (*stream.codecpar).codec_id } {
        AV_CODEC_ID_AAC | AV_CODEC_ID_ALAC | AV_CODEC_ID_OPUS | AV_CODEC_ID_FLAC => Some(Packets::Samples),
        AV_CODEC_ID_AMR_NB | AV_CODEC_ID_AMR_WB => Some(Packets::Samples),
        AV_CODEC_ID_AC3 | AV_CODEC_ID_EAC3 => Some(Packets::Parsed),
        AV_CODEC_ID_MP3 if sound.track.has_even_times() && !careless => Some(Packets::Samples),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
