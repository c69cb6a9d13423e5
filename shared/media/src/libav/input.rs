//! The demuxer: a container's streams, tags and packets.
#![expect(unsafe_code, reason = "calls into libav and reads its structs")]

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::ptr::{null, null_mut};
use std::time::Duration;

use ffmpeg_sys_next as ff;

use super::describe::{self, MICROSECONDS, MOST_CHAPTERS, MOST_STREAMS, kind, known, micros};
use super::source::{ReadAt, Source};
use super::{Fault, Muxer, Picture};
use crate::report::{Kind, Probe, Stream};
use crate::settings::Track;

/// An opened file.
pub(crate) struct Input {
    format: *mut ff::AVFormatContext,
    packet: *mut ff::AVPacket,
    clock: Clock,
    /// Freed after `format`, which reads from it.
    _source: Source,
}

/// A sound stream that can be decoded.
#[derive(Clone, Copy)]
pub(crate) struct Sound {
    /// The stream's.
    pub(crate) index: u32,
    pub(super) codec: &'static ff::AVCodec,
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

/// Makes times of packets that a muxer takes: known, from 0 on, never going back.
#[derive(Default)]
struct Clock {
    /// Where the packet before ended.
    next: Option<i64>,
    decoded: Option<i64>,
}

impl Clock {
    /// `first` is the stream's own time of its start. Where the packet ends, without what is to be cut off there.
    fn set(&mut self, packet: &mut ff::AVPacket, first: i64) -> i64 {
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
fn trim(packet: &mut ff::AVPacket, parameters: &ff::AVCodecParameters, base: ff::AVRational) {
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
        let input = Self { format, packet, clock: Clock::default(), _source: source };
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
            chapters: self.chapters().into_iter().take(MOST_CHAPTERS).map(describe::chapter).collect(),
            cover: self.cover().is_some(),
        }
    }

    /// The sound stream to take, and its decoder. `None` if there is none; `Err` has the codec's name if it can't be
    /// decoded.
    pub(crate) fn sound(&self, track: &Track) -> Result<Option<Sound>, String> {
        let mut sounds = self.streams().filter(|stream| kind(stream) == Kind::Audio);
        let wanted = match track {
            Track::Best => None,
            Track::Number(number) => match sounds.nth(*number as usize) {
                None => return Ok(None),
                found => found,
            },
            Track::Language(language) => {
                let spoken = |stream: &&ff::AVStream| {
                    let of = describe::stream(stream).language;
                    of.is_some_and(|of| of.eq_ignore_ascii_case(language))
                };
                let default =
                    |stream: &&ff::AVStream| stream.disposition & ff::AV_DISPOSITION_DEFAULT as c_int;
                match sounds.filter(spoken).min_by_key(|stream| std::cmp::Reverse(default(stream))) {
                    None => return Ok(None),
                    found => found,
                }
            }
        };
        self.decodable(wanted)
    }

    /// As [`sound`](Input::sound) for `wanted`, or for the stream that libav finds best.
    fn decodable(&self, wanted: Option<&ff::AVStream>) -> Result<Option<Sound>, String> {
        let mut codec = null();
        let sound = ff::AVMediaType::AVMEDIA_TYPE_AUDIO;
        let index = wanted.map_or(-1, |stream| stream.index);
        // SAFETY: `format` is open; the codec that is found, if any, is static.
        let (found, codec) = unsafe {
            let found = ff::av_find_best_stream(self.format, sound, index, -1, &mut codec, 0);
            (Fault::check(found), codec.as_ref())
        };
        match (found, codec) {
            (Ok(index), Some(codec)) => Ok(Some(Sound { index: index as u32, codec })),
            (Err(fault), _) if fault.is_no_stream() => Ok(None),
            _ => {
                let stream = wanted.or_else(|| self.streams().find(|stream| kind(stream) == Kind::Audio));
                Err(stream
                    .map_or_else(|| "something unknown".into(), |stream| describe::stream(stream).codec))
            }
        }
    }

    /// The picture that stands for the whole file, if there is one.
    pub(crate) fn cover(&self) -> Option<Picture> {
        self.streams().find_map(Picture::attached)
    }

    /// Tells the muxer that packets of this stream will come as they are.
    pub(crate) fn announce(&self, index: u32, muxer: &mut Muxer) -> Result<(), Fault> {
        let stream = self.stream(index).ok_or(Fault::NO_STREAM)?;
        // SAFETY: a stream has parameters as long as it lives.
        unsafe { muxer.add_sound(stream.codecpar, stream.time_base) }
    }

    /// Copies the next packet of `sound`, as it is but for its times, which begin at 0. Where it ends in the result;
    /// `None` at the end.
    pub(crate) fn copy_packet(&mut self, sound: Sound, muxer: &mut Muxer) -> Result<Option<Duration>, Fault> {
        while let Some(packet) = self.next_packet()? {
            if packet.stream() != sound.index {
                continue;
            }
            let (packet, stream) = (self.packet, self.stream(sound.index).ok_or(Fault::NO_STREAM)?);
            // What is before 0 is there to be cut off again.
            let (base, first) = (stream.time_base, known(stream.start_time).unwrap_or(0).max(0));
            // SAFETY: the packet was just filled and is ours until the next one.
            let end = unsafe {
                if describe::text((*(*self.format).iformat).name).starts_with("matroska") {
                    trim(&mut *packet, &*stream.codecpar, base);
                }
                self.clock.set(&mut *packet, first)
            };
            // SAFETY: as above.
            unsafe { muxer.write(packet, base)? };
            return Ok(Some(Duration::from_micros(u64::try_from(micros(end, base)).unwrap_or(0))));
        }
        Ok(None)
    }

    /// When the sound starts, in microseconds of the file's own time.
    pub(crate) fn starts(&self, sound: Sound) -> Option<i64> {
        let stream = self.stream(sound.index)?;
        Some(micros(known(stream.start_time)?, stream.time_base))
    }

    pub(crate) fn describe(&self, sound: Sound) -> Option<Stream> {
        self.stream(sound.index).map(describe::stream)
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
        if let Ok(Some(sound)) = self.sound(&Track::Best) {
            tags.extend(
                self.stream(sound.index).map(|stream| describe::tags(stream.metadata)).unwrap_or_default(),
            );
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

    fn chapters(&self) -> Vec<&ff::AVChapter> {
        let format = self.format();
        // SAFETY: libav keeps so many valid pointers there.
        (0..format.nb_chapters as usize).map(|place| unsafe { &**format.chapters.add(place) }).collect()
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
