//! The demuxer: a container's streams, tags and packets.
#![expect(unsafe_code, reason = "calls into libav and reads its structs")]

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::ptr::{null, null_mut};
use std::rc::Rc;
use std::time::Duration;

use ffmpeg_sys_next as ff;

use super::clock::{Clock, trim};
use super::describe::{self, MICROSECONDS, MOST_CHAPTERS, MOST_STREAMS, kind, known, micros};
use super::rest::Rest;
use super::source::{ReadAt, Source};
use super::{Fault, Muxer, Picture};
use crate::mp4;
use crate::report::{Kind, Probe, Stream};
use crate::settings::Track;

/// An opened file.
pub(crate) struct Input {
    format: *mut ff::AVFormatContext,
    packet: *mut ff::AVPacket,
    clock: Clock,
    /// Of a long MP4, what libav doesn't know of its streams of sound.
    pub(super) rests: Vec<Rest>,
    /// The one of these that is wanted.
    wanted: Option<Rest>,
    /// The same, when libav's packets are over.
    rest: Option<Rest>,
    /// Of a fragmented MP4 that is read as it comes: libav's lengths are those of what it has seen.
    fragments: Option<mp4::Fragments>,
    /// In bytes.
    size: u64,
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
    /// The part of the file before it, from 0 to 1, if libav says so.
    pub(crate) share: Option<f64>,
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
        Self::open_cut(Rc::new(bytes), mp4::Cut::default())
    }

    /// As [`open`](Input::open), showing libav less of long MP4s, unless it makes something else of that than we do.
    pub(super) fn open_cut(bytes: Rc<dyn ReadAt>, cut: mp4::Cut) -> Result<Self, Fault> {
        if let Some(plan) = mp4::plan(&bytes, cut)
            && let Ok(mut input) = Self::demux(plan.view, None)
            && let Some(rests) = input.rests(&bytes, &plan.sounds)
        {
            input.rests = rests;
            if input.streams().filter(|stream| kind(stream) == Kind::Audio).count() > 1 {
                input.set_bit_rates(&bytes, &plan.sounds);
            }
            return Ok(input);
        }
        Self::demux(mp4::View::whole(bytes), None)
    }

    /// As [`open`](Input::open), but a fragmented MP4 is not gone through to find out how long it is: to read it once.
    pub(crate) fn open_to_read(bytes: impl ReadAt + 'static) -> Result<Self, Fault> {
        let bytes: Rc<dyn ReadAt> = Rc::new(bytes);
        match mp4::Fragments::of(&bytes) {
            None => Self::open_cut(bytes, mp4::Cut::default()),
            fragments => Self::demux(mp4::View::whole(bytes), fragments),
        }
    }

    /// What is left of each of the shortened tracks.
    fn rests(&self, bytes: &Rc<dyn ReadAt>, sounds: &[mp4::Sound]) -> Option<Vec<Rest>> {
        let tags = describe::tags(self.format().metadata);
        let of = |sound: &mp4::Sound| {
            let mut same = self.streams().filter(|stream| stream.id.cast_unsigned() == sound.track.id);
            let stream = same.next().filter(|_| same.next().is_none())?;
            Rest::new(bytes, sound, stream, tags.get("encoder").map(String::as_str))
        };
        sounds.iter().map(of).collect()
    }

    /// Among several sounds, libav finds the one with the most bits best; it has counted those of a few packets.
    fn set_bit_rates(&mut self, bytes: &Rc<dyn ReadAt>, sounds: &[mp4::Sound]) {
        for (rest, sound) in self.rests.iter().zip(sounds) {
            if let (Some(stream), Some(rate)) = (self.stream(rest.stream()), sound.track.bit_rate(bytes)) {
                // SAFETY: a stream has parameters as long as it lives, and nobody else looks at them.
                unsafe { (*stream.codecpar).bit_rate = rate };
            }
        }
    }

    fn demux(bytes: impl ReadAt + 'static, fragments: Option<mp4::Fragments>) -> Result<Self, Fault> {
        let size = bytes.size();
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
            (*format).flags |= if fragments.is_some() { ff::AVFMT_FLAG_IGNIDX as c_int } else { 0 };
            Fault::check(ff::avformat_open_input(&mut format, null(), null(), null_mut()))?;
            (format, ff::av_packet_alloc())
        };
        let clock = Clock::default();
        let input = Self {
            format,
            packet,
            clock,
            rests: Vec::new(),
            wanted: None,
            rest: None,
            fragments,
            size,
            _source: source,
        };
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
        let read = match &mut self.rest {
            Some(rest) => rest.read(self.packet)?,
            None => self.demux_packet()?,
        };
        // SAFETY: if `packet` was just filled it is borrowed as long as `self`.
        Ok(read.then(|| self.describe_packet(unsafe { &*self.packet })))
    }

    /// Reads libav's next packet, or the first of the rest where libav's are over; `false` at the end.
    fn demux_packet(&mut self) -> Result<bool, Fault> {
        // SAFETY: both are ours; unref of an empty packet does nothing.
        let read = unsafe {
            ff::av_packet_unref(self.packet);
            Fault::check(ff::av_read_frame(self.format, self.packet))
        };
        // SAFETY: `packet` is ours, filled or empty.
        let over = |rest: &mut Rest| read.is_err() || rest.begins_with(unsafe { &*self.packet });
        match read {
            Err(fault) if !fault.is_end() => Err(fault),
            _ => match self.wanted.take_if(over) {
                Some(rest) => self.rest.insert(rest).read(self.packet),
                None => Ok(read.is_ok()),
            },
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
        let share = u64::try_from(packet.pos).ok().map(|place| place as f64 / self.size.max(1) as f64);
        Packet { packet, end, share }
    }

    /// Leaves the packets of all other streams unread, where the container allows it.
    pub(crate) fn select(&mut self, index: u32) {
        for stream in self.pointers() {
            // SAFETY: the pointer is valid, and `&mut self` says that nobody else looks at the stream.
            let stream = unsafe { &mut **stream };
            if stream.index != index as c_int {
                stream.discard = ff::AVDiscard::AVDISCARD_ALL;
            }
        }
        self.wanted = std::mem::take(&mut self.rests).into_iter().find(|rest| rest.stream() == index);
    }

    pub(super) fn stream(&self, index: u32) -> Option<&ff::AVStream> {
        self.streams().nth(index as usize)
    }

    /// The length that the container declares.
    pub(crate) fn duration(&self) -> Option<Duration> {
        match self.fragments {
            Some(fragments) => fragments.length,
            None => describe::duration(known(self.format().duration)?, MICROSECONDS),
        }
    }

    /// The length that the stream itself declares.
    pub(crate) fn stream_duration(&self, index: u32) -> Option<Duration> {
        let stream = self.stream(index)?;
        let known = known(stream.duration).filter(|_| self.fragments.is_none());
        describe::duration(known?, stream.time_base)
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
        let mut tags = describe::tags(self.format().metadata);
        let sound = self.sound(&Track::Best).ok().flatten().and_then(|sound| self.stream(sound.index));
        for (name, text) in sound.map(|sound| describe::tags(sound.metadata)).unwrap_or_default() {
            if tags.len() < describe::MOST_TAGS {
                tags.entry(name).or_insert(text);
            }
        }
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
