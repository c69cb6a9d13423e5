//! One sound stream's decoder.
#![expect(unsafe_code, reason = "calls into libav and reads its structs")]

use std::ptr::{null, null_mut};

use ffmpeg_sys_next as ff;

use super::describe::{known, nanos};
use super::packet::heard;
use super::{Fault, Input, Packet, Sound};
use crate::clock::{Piece, SECOND};

/// A decoder and the frame that it decoded last.
pub(crate) struct Decoder {
    context: *mut ff::AVCodecContext,
    frame: *mut ff::AVFrame,
    stream: u32,
    base: ff::AVRational,
}

/// What [`Decoder::receive`] has.
#[derive(Debug, PartialEq)]
pub(crate) enum Received {
    /// A frame: [`Decoder::frame`].
    Frame,
    /// It needs a packet first.
    Hungry,
    /// All is decoded.
    End,
}

/// A decoded frame.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a>(&'a ff::AVFrame, ff::AVRational);

impl<'a> Frame<'a> {
    /// In Hz; never 0.
    pub(crate) fn sample_rate(self) -> u32 {
        self.0.sample_rate.max(1) as u32
    }

    pub(crate) fn channels(self) -> u32 {
        self.0.ch_layout.nb_channels.max(0) as u32
    }

    /// Of one channel.
    pub(crate) fn samples(self) -> u64 {
        self.0.nb_samples.max(0) as u64
    }

    /// When it is to be heard.
    pub(crate) fn piece(self) -> Piece {
        let at = |time| known(time).map(|time| nanos(time, self.1));
        let length =
            i128::from(self.0.nb_samples.max(0)) * i128::from(SECOND) / i128::from(self.sample_rate());
        let place = Some(self.0.pkt_pos).filter(|place| *place >= 0);
        Piece { at: heard(at(self.0.pts), at(self.0.pkt_dts)), length: length as i64, place }
    }

    pub(super) fn raw(self) -> &'a ff::AVFrame {
        self.0
    }
}

impl Decoder {
    /// For this stream of `input`.
    pub(crate) fn open(input: &Input, sound: Sound) -> Result<Self, Fault> {
        let Sound { index, codec } = sound;
        let stream = input.stream(index).ok_or(Fault::NO_STREAM)?;
        // SAFETY: null pointers are caught before use; `codec` and `stream` outlive the calls.
        unsafe {
            let decoder = Self {
                context: ff::avcodec_alloc_context3(codec),
                frame: ff::av_frame_alloc(),
                stream: index,
                base: stream.time_base,
            };
            if decoder.context.is_null() || decoder.frame.is_null() {
                return Err(Fault::NO_MEMORY);
            }
            Fault::check(ff::avcodec_parameters_to_context(decoder.context, stream.codecpar))?;
            (*decoder.context).pkt_timebase = stream.time_base;
            Fault::check(ff::avcodec_open2(decoder.context, codec, null_mut()))?;
            Ok(decoder)
        }
    }

    /// The index of the stream that it is for.
    pub(crate) fn stream(&self) -> u32 {
        self.stream
    }

    /// How many bits a sample has if the codec loses nothing; 16 if it does.
    pub(crate) fn bits(&self) -> u8 {
        // SAFETY: the context is open; descriptors are static.
        let (context, properties) = unsafe {
            let context = &*self.context;
            let descriptor = ff::avcodec_descriptor_get(context.codec_id).as_ref();
            (context, descriptor.map_or(0, |descriptor| descriptor.props))
        };
        match properties & ff::AV_CODEC_PROP_LOSSLESS {
            0 => 16,
            _ => context.bits_per_raw_sample.max(context.bits_per_coded_sample).clamp(16, 64) as u8,
        }
    }

    /// Takes a packet. Call [`receive`](Decoder::receive) until it is hungry before the next.
    pub(crate) fn send(&mut self, packet: &Packet<'_>) -> Result<(), Fault> {
        // SAFETY: both are valid; libav takes its own reference of the packet's data.
        Fault::check(unsafe { ff::avcodec_send_packet(self.context, packet.as_ptr()) }).map(drop)
    }

    /// Whether its stream's times are exact to the sample.
    pub(crate) fn counts_samples(&self) -> bool {
        // SAFETY: allocated as long as `self`.
        let rate = unsafe { (*self.frame).sample_rate }.max(1);
        self.base.num == 1 && self.base.den % rate == 0
    }

    /// Forgets what it knows of the packets so far: others will follow.
    pub(crate) fn flush(&mut self) {
        // SAFETY: the context is open.
        unsafe { ff::avcodec_flush_buffers(self.context) };
    }

    /// No packet will follow: what is still inside comes out.
    pub(crate) fn finish(&mut self) {
        // SAFETY: a null packet is how libav is told the end. It fails only if told twice, which does no harm.
        unsafe { ff::avcodec_send_packet(self.context, null()) };
    }

    pub(crate) fn receive(&mut self) -> Result<Received, Fault> {
        // SAFETY: both are ours; libav clears the frame first.
        match Fault::check(unsafe { ff::avcodec_receive_frame(self.context, self.frame) }) {
            Ok(_) => Ok(Received::Frame),
            Err(fault) if fault.is_again() => Ok(Received::Hungry),
            Err(fault) if fault.is_end() => Ok(Received::End),
            Err(fault) => Err(fault),
        }
    }

    /// The frame that was received last.
    pub(crate) fn frame(&self) -> Frame<'_> {
        // SAFETY: allocated as long as `self`, and changed only by `receive`, which needs `&mut self`.
        Frame(unsafe { &*self.frame }, self.base)
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: both are ours; freeing null does nothing.
        unsafe {
            ff::av_frame_free(&mut self.frame);
            ff::avcodec_free_context(&mut self.context);
        }
    }
}
