//! From what a decoder gives to what an encoder takes: interleaved floats at one rate, one or two channels.
//!
//! Rates are changed by swresample with its own settings: a polyphase filter of 32 taps at the lower rate, Kaiser window
//! (beta 9), cut off at 0.97 of the band, exact ratios.
#![expect(unsafe_code, reason = "calls into libav and gives it buffers")]

use std::ffi::c_int;
use std::ops::RangeInclusive;
use std::ptr::{null, null_mut};

use ffmpeg_sys_next as ff;

use super::Fault;
use super::decoder::Frame;

/// Sound as interleaved floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// In Hz.
    pub(crate) rate: u32,
    /// 1 or 2.
    pub(crate) channels: u8,
}

/// Source rates in Hz that are no mistake: a file that says 1 Hz would become 8000 times as long on its way to an MP3.
const PLAUSIBLE: RangeInclusive<c_int> = 1000..=768_000;

/// Of more channels than this, the standard mix would leave some out.
const STANDARD: c_int = 8;

/// 96 dB above full scale: floats that somebody scaled as integers are still sound.
const LOUDEST: f32 = 65_536.0;

/// Most samples of silence at once.
pub(crate) const SILENCE: u32 = 4096;

/// Converts frames of one kind. Another kind needs another resampler.
pub(crate) struct Resampler {
    context: *mut ff::SwrContext,
    to: Shape,
    from: From,
}

/// What tells frames apart.
#[derive(PartialEq, Eq)]
struct From {
    rate: c_int,
    format: c_int,
    channels: c_int,
    layout: u64,
}

impl From {
    fn of(frame: Frame<'_>) -> Self {
        let frame = frame.raw();
        let layout = &frame.ch_layout;
        // SAFETY: every variant of the union is as large as the mask.
        let mask = unsafe { layout.u.mask };
        Self { rate: frame.sample_rate, format: frame.format, channels: layout.nb_channels, layout: mask }
    }
}

impl Resampler {
    pub(crate) fn new(frame: Frame<'_>, to: Shape) -> Result<Self, Fault> {
        let channels = frame.raw().ch_layout.nb_channels;
        if channels <= STANDARD {
            match Self::mixing(frame, to, false) {
                Err(fault) if !fault.is_memory() && channels > 2 => {}
                done => return done,
            }
        }
        Self::mixing(frame, to, true)
    }

    /// `all` mixes every channel in, without asking where it belongs; else that is the standard's to say.
    fn mixing(frame: Frame<'_>, to: Shape, all: bool) -> Result<Self, Fault> {
        let mut resampler = Self { context: null_mut(), to, from: From::of(frame) };
        let frame = frame.raw();
        if !PLAUSIBLE.contains(&frame.sample_rate) {
            return Err(Fault::IMPLAUSIBLE);
        }
        // SAFETY: layouts live during the calls, which copy them; a decoded frame's format is one of libav's; on failure
        // the context stays null or is freed by drop.
        unsafe {
            let (mut output, mut input) = (layout(to.channels.into()), frame.ch_layout);
            if all {
                input = unspecified(input.nb_channels);
            } else if input.order == ff::AVChannelOrder::AV_CHANNEL_ORDER_UNSPEC {
                input = layout(input.nb_channels);
            }
            Fault::check(ff::swr_alloc_set_opts2(
                &mut resampler.context,
                &mut output,
                ff::AVSampleFormat::AV_SAMPLE_FMT_FLT,
                to.rate as c_int,
                &mut input,
                std::mem::transmute::<c_int, ff::AVSampleFormat>(frame.format),
                frame.sample_rate,
                0,
                null_mut(),
            ))?;
            if all {
                let matrix = matrix(frame.ch_layout, to.channels);
                Fault::check(ff::swr_set_matrix(resampler.context, matrix.as_ptr(), input.nb_channels))?;
            } else if to.channels == 1 {
                // Two channels are the standard's mix at full level (ITU-R BS.775), for the limiter to look after; one
                // is the mean, so that what is the same in both channels stays as loud.
                let name = c"rematrix_maxval".as_ptr();
                Fault::check(ff::av_opt_set_double(resampler.context.cast(), name, 1.0, 0))?;
            }
            Fault::check(ff::swr_init(resampler.context))?;
        }
        Ok(resampler)
    }

    /// Whether it can convert `frame`.
    pub(crate) fn fits(&self, frame: Frame<'_>) -> bool {
        self.from == From::of(frame)
    }

    /// Appends the converted frame to `pcm`, without its first samples, of which there are fewer than it has. A little
    /// stays inside until more comes.
    pub(crate) fn convert(
        &mut self,
        frame: Frame<'_>,
        without: u32,
        pcm: &mut Vec<f32>,
    ) -> Result<(), Fault> {
        let frame = frame.raw();
        let without = (without as c_int).clamp(0, (frame.nb_samples - 1).max(0));
        if without == 0 {
            return self.run(frame.extended_data.cast(), frame.nb_samples, pcm);
        }
        // SAFETY: a decoded frame's format is one of libav's; it has as many planes of `nb_samples` each.
        let planes: Vec<*const u8> = unsafe {
            let format = std::mem::transmute::<c_int, ff::AVSampleFormat>(frame.format);
            let planar = ff::av_sample_fmt_is_planar(format) == 1;
            let (planes, each) = if planar { (self.from.channels, 1) } else { (1, self.from.channels) };
            let bytes = (without * each * ff::av_get_bytes_per_sample(format)) as usize;
            (0..planes as usize)
                .map(|plane| (*frame.extended_data.add(plane)).add(bytes).cast_const())
                .collect()
        };
        self.run(planes.as_ptr(), frame.nb_samples - without, pcm)
    }

    /// Appends so many samples of silence at the source's rate, converted.
    pub(crate) fn silence(&mut self, samples: u32, pcm: &mut Vec<f32>) -> Result<(), Fault> {
        let samples = samples.min(SILENCE);
        // SAFETY: arithmetic on a format that the resampler took.
        let (bytes, planar, zero) = unsafe {
            let format = std::mem::transmute::<c_int, ff::AVSampleFormat>(self.from.format);
            let packed = ff::av_get_packed_sample_fmt(format);
            let zero = if packed == ff::AVSampleFormat::AV_SAMPLE_FMT_U8 { 0x80 } else { 0 };
            (ff::av_get_bytes_per_sample(format), ff::av_sample_fmt_is_planar(format) == 1, zero)
        };
        let (planes, each) = if planar { (self.from.channels, 1) } else { (1, self.from.channels) };
        // As 64-bit words, so that it is aligned for any sample.
        let plane = vec![
            u64::from_ne_bytes([zero; 8]);
            (samples as usize * bytes as usize * each as usize).div_ceil(8)
        ];
        let planes = vec![plane.as_ptr().cast::<u8>(); planes as usize];
        self.run(planes.as_ptr(), samples as c_int, pcm)
    }

    /// Appends what stayed inside.
    pub(crate) fn finish(&mut self, pcm: &mut Vec<f32>) -> Result<(), Fault> {
        self.run(null(), 0, pcm)
    }

    /// `input` is null or has as many planes of `samples` as this resampler's kind of frame has.
    fn run(&mut self, input: *const *const u8, samples: c_int, pcm: &mut Vec<f32>) -> Result<(), Fault> {
        let channels = usize::from(self.to.channels);
        // SAFETY: arithmetic on the context's state.
        let room = Fault::check(unsafe { ff::swr_get_out_samples(self.context, samples) })?;
        let start = pcm.len();
        pcm.resize(start + room as usize * channels, 0.0);
        // SAFETY: `output` has room for `room` samples of each channel, `input` is as libav gave it.
        let written = unsafe {
            let mut output = pcm.as_mut_ptr().add(start).cast::<u8>();
            Fault::check(ff::swr_convert(self.context, &mut output, room, input.cast_mut(), samples))?
        };
        pcm.truncate(start + written as usize * channels);
        silence_nonsense(&mut pcm[start..]);
        Ok(())
    }
}

/// How much of each channel goes into each of the result's, row by row. Of ambisonics the first channel is what comes from
/// everywhere and the second left less right (AmbiX); of the tracks of a recorder nobody knows where they belong, so that
/// each goes everywhere, as loud as if they had nothing to do with each other.
fn matrix(from: ff::AVChannelLayout, to: u8) -> Vec<f64> {
    let channels = from.nb_channels.max(1) as usize;
    let sphere = from.order == ff::AVChannelOrder::AV_CHANNEL_ORDER_AMBISONIC && channels > 1;
    let row = |side: f64| {
        let level = if sphere { 0.0 } else { 1.0 / (channels as f64).sqrt() };
        let mut row = vec![level; channels];
        if sphere {
            (row[0], row[1]) = (std::f64::consts::FRAC_1_SQRT_2, side);
        }
        row
    };
    let side = if to == 1 { 0.0 } else { std::f64::consts::FRAC_1_SQRT_2 };
    (0..to).flat_map(|channel| row(if channel == 0 { side } else { -side })).collect()
}

/// Files of floats may hold what is no number, or is beyond all measure; encoders are not made for that.
fn silence_nonsense(pcm: &mut [f32]) {
    for sample in pcm {
        *sample = if sample.abs() <= LOUDEST { *sample } else { 0.0 };
    }
}

/// The usual layout of so many channels.
fn layout(channels: c_int) -> ff::AVChannelLayout {
    // SAFETY: a zeroed layout is a valid empty one, which libav fills; the usual ones own no memory.
    unsafe {
        let mut layout = std::mem::zeroed();
        ff::av_channel_layout_default(&mut layout, channels);
        layout
    }
}

/// So many channels of which nothing is known.
fn unspecified(channels: c_int) -> ff::AVChannelLayout {
    // SAFETY: a zeroed layout is a valid empty one.
    let mut layout: ff::AVChannelLayout = unsafe { std::mem::zeroed() };
    (layout.order, layout.nb_channels) = (ff::AVChannelOrder::AV_CHANNEL_ORDER_UNSPEC, channels);
    layout
}

impl Drop for Resampler {
    fn drop(&mut self) {
        // SAFETY: ours; freeing null does nothing.
        unsafe { ff::swr_free(&mut self.context) };
    }
}
