//! libav's encoders, from interleaved floats to a muxer.
#![expect(unsafe_code, reason = "calls into libav and fills its frames")]

use std::ffi::{CStr, c_int};
use std::ptr::null_mut;

use ffmpeg_sys_next as ff;

use super::muxer::Muxer;
use super::{Fault, Shape};

/// Samples a frame for encoders that take any number.
const ANY: usize = 4096;

/// An encoder and the samples that don't fill a frame yet.
pub(crate) struct Encoder {
    context: *mut ff::AVCodecContext,
    frame: *mut ff::AVFrame,
    packet: *mut ff::AVPacket,
    channels: usize,
    pending: Vec<f32>,
    /// Samples of one channel that a frame has.
    size: usize,
    position: i64,
}

/// How many bits are spent, in the encoders' words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Spend {
    /// On average, in bit/s.
    Bits(u32),
    /// The encoder's own quality.
    Quality(i8),
    /// There is no choice: PCM, FLAC. Bits a sample are 16 or 24.
    Lossless(u8),
}

impl Encoder {
    /// The encoder that libav calls `name`.
    pub(crate) fn new(name: &CStr, shape: Shape, spend: Spend, muxer: &Muxer) -> Result<Self, Fault> {
        // SAFETY: null pointers are caught before use; the codec is static.
        unsafe {
            let codec = ff::avcodec_find_encoder_by_name(name.as_ptr());
            let mut encoder = Self {
                context: ff::avcodec_alloc_context3(codec),
                frame: ff::av_frame_alloc(),
                packet: ff::av_packet_alloc(),
                channels: shape.channels.into(),
                pending: Vec::new(),
                size: ANY,
                position: 0,
            };
            if codec.is_null()
                || encoder.context.is_null()
                || encoder.frame.is_null()
                || encoder.packet.is_null()
            {
                return Err(Fault::NO_MEMORY);
            }
            encoder.set(&*codec, shape, spend);
            if muxer.wants_global_headers() {
                (*encoder.context).flags |= ff::AV_CODEC_FLAG_GLOBAL_HEADER as c_int;
            }
            (*encoder.context).flags |= ff::AV_CODEC_FLAG_BITEXACT as c_int;
            Fault::check(ff::avcodec_open2(encoder.context, codec, null_mut()))?;
            if let size @ 1.. = (*encoder.context).frame_size {
                encoder.size = size as usize;
            }
            Ok(encoder)
        }
    }

    fn set(&mut self, codec: &ff::AVCodec, shape: Shape, spend: Spend) {
        // SAFETY: the context is not open yet, and the codec's list of formats, if there is one, is not empty.
        unsafe {
            let context = &mut *self.context;
            context.sample_rate = shape.rate as c_int;
            context.time_base = ff::AVRational { num: 1, den: shape.rate as c_int };
            ff::av_channel_layout_default(&mut context.ch_layout, shape.channels.into());
            context.sample_fmt = *codec.sample_fmts;
            match spend {
                Spend::Bits(rate) => context.bit_rate = rate.into(),
                Spend::Quality(quality) => {
                    context.flags |= ff::AV_CODEC_FLAG_QSCALE as c_int;
                    context.global_quality = c_int::from(quality) * ff::FF_QP2LAMBDA as c_int;
                }
                Spend::Lossless(16) => context.sample_fmt = ff::AVSampleFormat::AV_SAMPLE_FMT_S16,
                Spend::Lossless(bits) => {
                    context.sample_fmt = ff::AVSampleFormat::AV_SAMPLE_FMT_S32;
                    context.bits_per_raw_sample = bits.into();
                }
            }
        }
    }

    /// Tells the muxer what will come.
    pub(crate) fn announce(&self, muxer: &mut Muxer) -> Result<(), Fault> {
        // SAFETY: the context is open; parameters are freed after the muxer has its copy.
        unsafe {
            let mut parameters = ff::avcodec_parameters_alloc();
            if parameters.is_null() {
                return Err(Fault::NO_MEMORY);
            }
            let announced = Fault::check(ff::avcodec_parameters_from_context(parameters, self.context))
                .and_then(|_| muxer.add_sound(parameters, (*self.context).time_base));
            ff::avcodec_parameters_free(&mut parameters);
            announced
        }
    }

    /// Encodes interleaved samples.
    pub(crate) fn encode(&mut self, pcm: &[f32], muxer: &mut Muxer) -> Result<(), Fault> {
        self.pending.extend_from_slice(pcm);
        let length = self.size * self.channels;
        let whole = self.pending.len() / length * length;
        for start in (0..whole).step_by(length) {
            self.fill(start, self.size)?;
            self.run(muxer, false)?;
        }
        self.pending.drain(..whole);
        Ok(())
    }

    /// Encodes the rest.
    pub(crate) fn finish(&mut self, muxer: &mut Muxer) -> Result<(), Fault> {
        let samples = self.pending.len() / self.channels;
        if samples > 0 {
            self.fill(0, samples)?;
            self.run(muxer, false)?;
        }
        self.run(muxer, true)
    }

    /// Puts `samples` of each channel, from `start` in `pending`, into the frame.
    fn fill(&mut self, start: usize, samples: usize) -> Result<(), Fault> {
        // SAFETY: the frame gets a buffer for just this shape and format before it is filled.
        unsafe {
            let (context, frame) = (&*self.context, &mut *self.frame);
            ff::av_frame_unref(frame);
            frame.nb_samples = samples as c_int;
            frame.format = context.sample_fmt as c_int;
            frame.sample_rate = context.sample_rate;
            frame.pts = self.position;
            Fault::check(ff::av_channel_layout_copy(&mut frame.ch_layout, &context.ch_layout))?;
            Fault::check(ff::av_frame_get_buffer(frame, 0))?;
        }
        self.position += samples as i64;
        self.copy(&self.pending[start..start + samples * self.channels], samples);
        Ok(())
    }

    /// Converts interleaved floats to what the encoder takes. 16 and 24 bits fit into a float without loss, and come out
    /// as they went in.
    fn copy(&self, pcm: &[f32], samples: usize) {
        use ff::AVSampleFormat as Of;
        // SAFETY: `fill` made room for `pcm` in the frame, in planes of `samples` where the format has planes.
        unsafe {
            let planes = (*self.frame).extended_data;
            match (*self.context).sample_fmt {
                Of::AV_SAMPLE_FMT_FLTP => {
                    for channel in 0..self.channels {
                        let plane: &mut [f32] = slice(*planes.add(channel), samples);
                        let from = pcm.iter().skip(channel).step_by(self.channels);
                        plane.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
                    }
                }
                Of::AV_SAMPLE_FMT_FLT => slice(*planes, pcm.len()).copy_from_slice(pcm),
                Of::AV_SAMPLE_FMT_S16 => convert(pcm, slice(*planes, pcm.len()), |from| {
                    (from * 32768.0).round_ties_even().clamp(-32768.0, 32767.0) as i16
                }),
                // 24 bits stand in the upper part.
                _ => convert(pcm, slice(*planes, pcm.len()), |from| {
                    let whole = (f64::from(from) * 8_388_608.0).round_ties_even();
                    (whole.clamp(-8_388_608.0, 8_388_607.0) as i32) << 8
                }),
            }
        }
    }

    /// Gives the frame, or the end, to the encoder and what comes out to the muxer.
    fn run(&mut self, muxer: &mut Muxer, end: bool) -> Result<(), Fault> {
        // SAFETY: all are ours; a null frame is the end.
        unsafe {
            let frame = if end { null_mut() } else { self.frame };
            Fault::check(ff::avcodec_send_frame(self.context, frame))?;
            loop {
                match Fault::check(ff::avcodec_receive_packet(self.context, self.packet)) {
                    Ok(_) => muxer.write(self.packet, (*self.context).time_base)?,
                    Err(fault) if fault.is_again() || fault.is_end() => return Ok(()),
                    Err(fault) => return Err(fault),
                }
            }
        }
    }
}

/// # Safety
/// `plane` holds `length` numbers, which nobody else looks at.
unsafe fn slice<'a, T>(plane: *mut u8, length: usize) -> &'a mut [T] {
    // SAFETY: by contract; libav aligns its buffers for more than any number needs.
    unsafe { std::slice::from_raw_parts_mut(plane.cast(), length) }
}

fn convert<T>(from: &[f32], to: &mut [T], number: impl Fn(f32) -> T) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = number(*from));
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: all are ours; freeing null does nothing.
        unsafe {
            ff::av_packet_free(&mut self.packet);
            ff::av_frame_free(&mut self.frame);
            ff::avcodec_free_context(&mut self.context);
        }
    }
}
