//! The demuxer: a container's streams, tags and packets.
#![expect(unsafe_code, reason = "calls into libav and reads its structs")]

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{CStr, c_int};
use std::ptr::{null, null_mut};
use std::rc::Rc;
use std::time::Duration;

use ffmpeg_sys_next as ff;

use super::describe::{self, MICROSECONDS, MOST_CHAPTERS, MOST_STREAMS, kind, known, micros, nanos};
use super::packet::{Owned, Packet, piece};
use super::renew::Renewal;
use super::rest::Rest;
use super::source::{ReadAt, Source};
use super::{Fault, Picture, Sound};
use crate::clock::{Nanos, Trust};
use crate::report::{Kind, Probe, Stream};
use crate::settings::Track;
use crate::{avi, mp4, ts};

/// An opened file.
pub(crate) struct Input {
    pub(super) format: *mut ff::AVFormatContext,
    pub(super) packet: *mut ff::AVPacket,
    /// Packets that were read ahead, or put back.
    pub(super) held: VecDeque<Owned>,
    /// When the first of the pictures was that were read ahead, by their stream.
    pub(super) pictures: Vec<(u32, Nanos)>,
    /// Of a long MP4, what libav doesn't know of its streams of sound.
    pub(super) rests: Vec<Rest>,
    /// The one of these that is wanted.
    pub(super) wanted: Option<Rest>,
    /// The same, when libav's packets are over.
    pub(super) rest: Option<Rest>,
    /// Of a fragmented MP4 that is read as it comes: libav's lengths are those of what it has seen.
    pub(super) fragments: Option<mp4::Fragments>,
    /// The same, where other demuxers go on with it.
    pub(super) renewal: Option<Renewal>,
    /// When the file begins, in microseconds of its own time.
    start: i64,
    /// Whether its length is only what its bytes would come to if all were as many as at the start.
    guess: bool,
    /// Of a transport stream, the streams that need a key, by their PIDs.
    pub(super) scrambled: Vec<u16>,
    /// In bytes.
    size: u64,
    /// Freed after `format`, which reads from it.
    pub(super) source: Source,
}

/// How a file is read.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Way {
    /// As libav likes it.
    Any,
    /// From its start to its end.
    Forward,
    /// An MP4 in fragments, as they come.
    Fragments(mp4::Fragments),
}

impl Input {
    /// Finds out what the file is and what is in it.
    pub(crate) fn open(bytes: impl ReadAt + 'static) -> Result<Self, Fault> {
        Self::open_cut(Rc::new(bytes), mp4::Cut::default())
    }

    /// As [`open`](Input::open), showing libav less of long MP4s, unless it makes something else of that than we do.
    pub(super) fn open_cut(bytes: Rc<dyn ReadAt>, cut: mp4::Cut) -> Result<Self, Fault> {
        if let Some(plan) = mp4::plan(&bytes, cut)
            && let Ok(mut input) = Self::demux(plan.view, Way::Any)
            && let Some(rests) = input.rests(&bytes, &plan.sounds)
        {
            input.rests = rests;
            return Ok(input);
        }
        let long = avi::is_long(&*bytes);
        let way = if long { Way::Forward } else { Way::Any };
        let mut input = Self::demux(mp4::whole(Rc::clone(&bytes)), way)?;
        input.note_no_more(long);
        if input.container() == "mpegts" {
            input.scrambled = ts::scrambled(&*bytes);
        }
        Ok(input)
    }

    /// As [`open`](Input::open), but a fragmented MP4 is not gone through to find out how long it is: to read it once.
    pub(crate) fn open_to_read(bytes: impl ReadAt + 'static) -> Result<Self, Fault> {
        let bytes: Rc<dyn ReadAt> = Rc::new(bytes);
        match mp4::Fragments::of(&bytes) {
            None => Self::open_cut(bytes, mp4::Cut::default()),
            Some(fragments) => {
                let renewal = Renewal::new(&bytes, fragments);
                let mut input = Self::demux(mp4::whole(bytes), Way::Fragments(fragments))?;
                input.renewal = Some(renewal);
                Ok(input)
            }
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

    pub(super) fn demux(bytes: impl ReadAt + 'static, way: Way) -> Result<Self, Fault> {
        let size = bytes.size();
        let source = Source::new(bytes)?;
        if way == Way::Forward {
            source.only_forward();
        }
        let fragments = if let Way::Fragments(fragments) = way { Some(fragments) } else { None };
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
        let mut input = Self {
            format,
            packet,
            held: VecDeque::new(),
            pictures: Vec::new(),
            rests: Vec::new(),
            wanted: None,
            rest: None,
            fragments,
            renewal: None,
            start: 0,
            guess: false,
            scrambled: Vec::new(),
            size,
            source,
        };
        if packet.is_null() {
            return Err(Fault::NO_MEMORY);
        }
        // SAFETY: `format` is open.
        Fault::check(unsafe { ff::avformat_find_stream_info(input.format, null_mut()) })?;
        let format = input.format();
        let (start, method) = (format.start_time, format.duration_estimation_method);
        input.start = known(start).unwrap_or(0);
        input.guess = method == ff::AVDurationEstimationMethod::AVFMT_DURATION_FROM_BITRATE;
        Ok(input)
    }

    /// What is known of the file, bounded so that it fits a message.
    pub(crate) fn probe(&self) -> Probe {
        Probe {
            container: self.container(),
            duration: self.duration(),
            streams: self.streams().take(MOST_STREAMS).map(describe::stream).collect(),
            tags: self.tags(),
            chapters: self.chapters().into_iter().take(MOST_CHAPTERS).map(describe::chapter).collect(),
            cover: self.cover().is_some(),
        }
    }

    /// The picture that stands for the whole file, if there is one.
    pub(crate) fn cover(&self) -> Option<Picture> {
        self.streams().find_map(Picture::attached)
    }

    /// Whether there is a picture at all, of whatever kind.
    pub(crate) fn has_picture(&self) -> bool {
        self.streams().any(Picture::is_one)
    }

    /// How many chapters there are in all.
    pub(crate) fn chapter_count(&self) -> u32 {
        self.format().nb_chapters
    }

    /// When the sound starts, in the file's own time.
    pub(crate) fn starts(&self, sound: Sound) -> Option<Nanos> {
        starts(self.stream(sound.index)?)
    }

    pub(crate) fn describe(&self, sound: Sound) -> Option<Stream> {
        self.stream(sound.index).map(describe::stream)
    }

    /// The next packet of any stream; `None` at the end.
    pub(crate) fn next_packet(&mut self) -> Result<Option<Packet<'_>>, Fault> {
        let read = match (self.held.pop_front(), &mut self.rest) {
            (Some(held), _) => self.take(&held),
            (None, Some(rest)) => rest.read(self.packet)?,
            (None, None) => {
                let read = self.demux_packet()?;
                if read {
                    self.renew();
                }
                read
            }
        };
        // SAFETY: if `packet` was just filled it is borrowed as long as `self`.
        Ok(read.then(|| self.describe_packet(unsafe { &*self.packet })))
    }

    /// Makes a packet that was kept the one at hand.
    fn take(&mut self, held: &Owned) -> bool {
        // SAFETY: both are ours; what was at hand is released.
        unsafe {
            ff::av_packet_unref(self.packet);
            ff::av_packet_move_ref(self.packet, held.0);
        }
        true
    }

    /// These are the next ones that [`next_packet`](Input::next_packet) gives.
    pub(crate) fn put_back(&mut self, packets: Vec<Owned>) {
        packets.into_iter().rev().for_each(|packet| self.held.push_front(packet));
    }

    /// Reads libav's next packet, or the first of the rest where libav's are over; `false` at the end.
    pub(super) fn demux_packet(&mut self) -> Result<bool, Fault> {
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
        let stream = self.stream(packet.stream_index as u32);
        let time_base = stream.map(|stream| stream.time_base);
        let is_sound = stream.is_some_and(|stream| kind(stream) == Kind::Audio);
        let start = known(packet.pts).or(known(packet.dts));
        let end = start.zip(time_base).and_then(|(start, base)| {
            let end = micros(start.saturating_add(packet.duration), base).saturating_sub(self.start);
            u64::try_from(end).ok().map(Duration::from_micros)
        });
        let share = u64::try_from(packet.pos).ok().map(|place| place as f64 / self.size.max(1) as f64);
        let piece = time_base.map(|base| piece(packet, base)).unwrap_or_default();
        Packet { packet, end, share, piece, is_sound }
    }

    /// Leaves the packets of all other streams unread, where the container allows it; where its sounds may take turns,
    /// only those that are none.
    pub(crate) fn select(&mut self, index: u32) {
        let turns = self.trust() == Trust::Running;
        for stream in self.pointers() {
            // SAFETY: the pointer is valid, and `&mut self` says that nobody else looks at the stream.
            let stream = unsafe { &mut **stream };
            if stream.index != index as c_int && !(turns && kind(stream) == Kind::Audio) {
                stream.discard = ff::AVDiscard::AVDISCARD_ALL;
            }
        }
        self.follow(index);
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

    /// Whether that is only what its bytes would come to if all were as many as at the start.
    pub(crate) fn is_guess(&self) -> bool {
        self.guess
    }

    /// The length that the stream itself declares.
    pub(crate) fn stream_duration(&self, index: u32) -> Option<Duration> {
        let stream = self.stream(index)?;
        let known = known(stream.duration).filter(|_| self.fragments.is_none());
        describe::duration(known?, stream.time_base)
    }

    /// When the pictures start, in the file's own time. Cover pictures don't count.
    pub(crate) fn pictures_start(&self) -> Option<Nanos> {
        let start = |stream: &ff::AVStream| {
            let seen = self.pictures.iter().find(|(index, _)| *index == stream.index as u32);
            seen.map(|(_, at)| *at).or_else(|| starts(stream))
        };
        self.streams().filter(is_moving).filter_map(start).min()
    }

    /// How far its times are to be believed.
    pub(crate) fn trust(&self) -> Trust {
        let container = self.container();
        let is_one_of = |names: &[&str]| container.split(',').any(|name| names.contains(&name));
        if is_one_of(&["mov", "matroska", "mxf"]) {
            Trust::Written
        } else if is_one_of(&["mpegts", "mpeg", "flv", "ogg"]) {
            Trust::Running
        } else {
            // ASF and RealMedia give times of their own to groups of packets, which libav tells of the wrong ones.
            Trust::Counted
        }
    }

    /// Whether the file says something under this name.
    pub(super) fn has_tag(&self, name: &CStr) -> bool {
        describe::has_tag(self.format().metadata, name)
    }

    /// Its short name.
    pub(super) fn container(&self) -> String {
        // SAFETY: an open context has an input format, whose name is a static string.
        unsafe { describe::text((*(*self.format).iformat).name) }
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

    pub(super) fn streams(&self) -> impl Iterator<Item = &ff::AVStream> + Clone {
        // SAFETY: libav's pointers to streams are valid as long as `format`.
        self.pointers().iter().map(|stream| unsafe { &**stream })
    }

    fn chapters(&self) -> Vec<&ff::AVChapter> {
        let format = self.format();
        // SAFETY: libav keeps so many valid pointers there.
        (0..format.nb_chapters as usize).map(|place| unsafe { &**format.chapters.add(place) }).collect()
    }

    pub(super) fn pointers(&self) -> &[*mut ff::AVStream] {
        let format = self.format();
        if format.nb_streams == 0 {
            return &[];
        }
        // SAFETY: libav keeps so many pointers there.
        unsafe { std::slice::from_raw_parts(format.streams, format.nb_streams as usize) }
    }
}

pub(super) fn starts(stream: &ff::AVStream) -> Option<Nanos> {
    Some(nanos(known(stream.start_time)?, stream.time_base))
}

/// Whether it is pictures, and more than a cover.
pub(super) fn is_moving(stream: &&ff::AVStream) -> bool {
    kind(stream) == Kind::Video && stream.disposition & ff::AV_DISPOSITION_ATTACHED_PIC as c_int == 0
}

impl Drop for Input {
    fn drop(&mut self) {
        // SAFETY: both are ours; closing also clears the pointers. `source` is freed afterwards.
        unsafe {
            ff::av_packet_free(&mut self.packet);
            ff::avformat_close_input(&mut self.format);
        }
    }
}
