//! The demuxer: a container's streams, tags and packets.
#![expect(unsafe_code, reason = "calls into libav and reads its structs")]

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::ptr::{null, null_mut};
use std::time::Duration;

use ffmpeg_sys_next as ff;

use super::Fault;
use super::describe::{self, MICROSECONDS, MOST_STREAMS, kind, known, micros};
use super::source::{ReadAt, Source};
use crate::report::{Kind, Probe};

/// An opened file.
pub(crate) struct Input {
    format: *mut ff::AVFormatContext,
    packet: *mut ff::AVPacket,
    /// Freed after `format`, which reads from it.
    _source: Source,
}

/// A packet's frame data and where it belongs; valid until the next is read.
pub(crate) struct Packet<'a> {
    packet: &'a ff::AVPacket,
    /// Where the packet ends in the time of the file, if it says so.
    pub(crate) end: Option<Duration>,
}

impl Packet<'_> {
    /// The stream's index.
    pub(crate) fn stream(&self) -> u32 {
        self.packet.stream_index as u32
    }

    pub(super) fn as_ptr(&self) -> *const ff::AVPacket {
        self.packet
    }
}

impl Input {
    /// Finds out what the file is and what is in it.
    pub(crate) fn open(bytes: impl ReadAt + 'static) -> Result<Self, Fault> {
        let source = Source::new(bytes)?;
        // SAFETY: the context is ours until `avformat_open_input`, which frees it when it fails.
        let (format, packet) = unsafe {
            let mut format = ff::avformat_alloc_context();
            if format.is_null() {
                return Err(Fault::NO_MEMORY);
            }
            (*format).pb = source.context();
            // Frame rates are of no interest, and measuring them needs many packets.
            (*format).fps_probe_size = 0;
            Fault::check(ff::avformat_open_input(&mut format, null(), null(), null_mut()))?;
            (format, ff::av_packet_alloc())
        };
        let input = Self { format, packet, _source: source };
        if packet.is_null() {
            return Err(Fault::NO_MEMORY);
        }
        // SAFETY: `format` is open.
        Fault::check(unsafe { ff::avformat_find_stream_info(input.format, null_mut()) })?;
        Ok(input)
    }

    /// What is known of the file, bounded so that it fits a message.
    pub(crate) fn probe(&self) -> Probe {
        Probe {
            // SAFETY: an open context has an input format, whose name is a static string.
            container: unsafe { describe::text((*(*self.format).iformat).name) },
            duration: self.duration(),
            streams: self.streams().take(MOST_STREAMS).map(describe::stream).collect(),
            tags: self.tags(),
        }
    }

    /// The sound stream to take, and its decoder: the one that libav finds best. `None` if there is none;
    /// `Err` has the codec's name if none can be decoded.
    pub(super) fn best_audio(&self) -> Result<Option<(u32, &'static ff::AVCodec)>, String> {
        let mut codec = null();
        let sound = ff::AVMediaType::AVMEDIA_TYPE_AUDIO;
        // SAFETY: `format` is open; the codec that is found, if any, is static.
        let (found, codec) = unsafe {
            let found = ff::av_find_best_stream(self.format, sound, -1, -1, &mut codec, 0);
            (Fault::check(found), codec.as_ref())
        };
        match (found, codec) {
            (Ok(index), Some(codec)) => Ok(Some((index as u32, codec))),
            (Err(fault), _) if fault.is_no_stream() => Ok(None),
            _ => Err(self.first_audio_codec()),
        }
    }

    fn first_audio_codec(&self) -> String {
        let codec = self.streams().find(|stream| kind(stream) == Kind::Audio);
        codec.map_or_else(|| "something unknown".into(), |stream| describe::stream(stream).codec)
    }

    /// The next packet of any stream; `None` at the end.
    pub(crate) fn next_packet(&mut self) -> Result<Option<Packet<'_>>, Fault> {
        // SAFETY: both are ours; unref of an empty packet does nothing.
        let read = unsafe {
            ff::av_packet_unref(self.packet);
            Fault::check(ff::av_read_frame(self.format, self.packet))
        };
        match read {
            Err(fault) if fault.is_end() => Ok(None),
            Err(fault) => Err(fault),
            // SAFETY: `packet` was just filled and is borrowed as long as `self`.
            Ok(_) => Ok(Some(self.describe_packet(unsafe { &*self.packet }))),
        }
    }

    fn describe_packet<'a>(&self, packet: &'a ff::AVPacket) -> Packet<'a> {
        let time_base = self.stream(packet.stream_index as u32).map(|stream| stream.time_base);
        let start = known(packet.pts).or(known(packet.dts));
        let first = known(self.format().start_time).unwrap_or(0);
        let end = start.zip(time_base).and_then(|(start, base)| {
            let end = micros(start.saturating_add(packet.duration), base).saturating_sub(first);
            u64::try_from(end).ok().map(Duration::from_micros)
        });
        Packet { packet, end }
    }

    /// Leaves the packets of all other streams unread, where the container allows it.
    pub(crate) fn only(&mut self, index: u32) {
        for stream in self.pointers() {
            // SAFETY: the pointer is valid, and `&mut self` says that nobody else looks at the stream.
            let stream = unsafe { &mut **stream };
            if stream.index != index as c_int {
                stream.discard = ff::AVDiscard::AVDISCARD_ALL;
            }
        }
    }

    pub(super) fn stream(&self, index: u32) -> Option<&ff::AVStream> {
        self.streams().nth(index as usize)
    }

    /// The length that the container declares.
    pub(crate) fn duration(&self) -> Option<Duration> {
        describe::duration(known(self.format().duration)?, MICROSECONDS)
    }

    /// The length that the stream itself declares.
    pub(crate) fn stream_duration(&self, index: u32) -> Option<Duration> {
        let stream = self.stream(index)?;
        describe::duration(known(stream.duration)?, stream.time_base)
    }

    /// When the pictures start, in microseconds of the file's own time. Cover pictures don't count.
    pub(crate) fn pictures_start(&self) -> Option<i64> {
        let moving = |stream: &&ff::AVStream| {
            kind(stream) == Kind::Video && stream.disposition & ff::AV_DISPOSITION_ATTACHED_PIC as c_int == 0
        };
        let start = |stream: &ff::AVStream| Some(micros(known(stream.start_time)?, stream.time_base));
        self.streams().filter(moving).filter_map(start).min()
    }

    /// `pts` of a stream in microseconds of the file's own time.
    pub(crate) fn micros(&self, index: u32, pts: i64) -> Option<i64> {
        Some(micros(pts, self.stream(index)?.time_base))
    }

    /// The file's tags, and those of the sound where the file itself has none, as in Ogg.
    fn tags(&self) -> BTreeMap<String, String> {
        let mut tags = BTreeMap::new();
        if let Ok(Some((index, _))) = self.best_audio() {
            tags.extend(self.stream(index).map(|stream| describe::tags(stream.metadata)).unwrap_or_default());
        }
        tags.extend(describe::tags(self.format().metadata));
        tags
    }

    fn format(&self) -> &ff::AVFormatContext {
        // SAFETY: open as long as `self`.
        unsafe { &*self.format }
    }

    fn streams(&self) -> impl Iterator<Item = &ff::AVStream> {
        // SAFETY: libav's pointers to streams are valid as long as `format`.
        self.pointers().iter().map(|stream| unsafe { &**stream })
    }

    fn pointers(&self) -> &[*mut ff::AVStream] {
        let format = self.format();
        if format.nb_streams == 0 {
            return &[];
        }
        // SAFETY: libav keeps so many pointers there.
        unsafe { std::slice::from_raw_parts(format.streams, format.nb_streams as usize) }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        // SAFETY: both are ours; closing also clears the pointers. `_source` is freed afterwards.
        unsafe {
            ff::av_packet_free(&mut self.packet);
            ff::avformat_close_input(&mut self.format);
        }
    }
}
