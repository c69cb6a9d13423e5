//! The MP3 encoder LAME, in safe clothes. Two builds of it are linked (`build.rs`); the processor decides.
#![expect(unsafe_code, reason = "calls into LAME and gives it buffers")]

use std::ffi::{c_int, c_ulong, c_void};
use std::ptr::NonNull;

use crate::settings::Rate;

/// LAME's own worst case for a call: 1.25 bytes a sample and this much.
const MARGIN: usize = 7200;
/// Samples of one channel a call, so that the buffer stays small.
const AT_ONCE: usize = 16 * 1152;
/// LAME's `-q` for variable rates. Below 5 all are the same. 5 takes 0.86x of their time and 1.2 % more bytes; measured
/// on a minute of speech and tones at V2 its error is the same to 0.01 dB, as it is and against a masking threshold. 7
/// is 3 to 5 dB worse.
const VBR_EFFORT: c_int = 5;
/// `vbr_default` of lame.h.
const VBR_MTRH: c_int = 4;
/// `vbr_abr` of lame.h.
const VBR_ABR: c_int = 3;

/// What all encoders of one result have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Config {
    pub(crate) rate: Rate,
    /// In Hz; that of the samples and of the result.
    pub(crate) sample_rate: u32,
    /// 1 or 2.
    pub(crate) channels: u8,
    /// Whether a frame may use what earlier ones left over. Without it frames stand alone, for 6 % more bytes.
    pub(crate) reservoir: bool,
}

impl Config {
    /// Samples of one channel in a frame (ISO/IEC 11172-3, 13818-3).
    pub(crate) fn frame(&self) -> usize {
        if self.sample_rate >= 32000 { 1152 } else { 576 }
    }
}

/// An encoder for one track or a part of it.
pub(crate) struct Lame {
    calls: &'static Calls,
    context: NonNull<c_void>,
    channels: usize,
    buffer: Vec<u8>,
}

/// LAME refuses: a setting that it doesn't have, or no memory.
#[derive(Debug, thiserror::Error)]
#[error("LAME error {0}")]
pub(crate) struct Refused(c_int);

impl Lame {
    /// With a `tag`, the first frame is a place for [`header`](Lame::header).
    pub(crate) fn new(config: &Config, tag: bool) -> Result<Self, Refused> {
        let calls = Calls::best();
        // SAFETY: no arguments; null is caught.
        let context = NonNull::new(unsafe { (calls.init)() }).ok_or(Refused(-2))?;
        let buffer = vec![0; AT_ONCE * 5 / 4 + MARGIN];
        let lame = Self { calls, context, channels: config.channels.into(), buffer };
        lame.set(config, tag)?;
        Ok(lame)
    }

    fn set(&self, config: &Config, tag: bool) -> Result<(), Refused> {
        let (calls, raw, rate) = (self.calls, self.context.as_ptr(), config.sample_rate as c_int);
        // SAFETY: `raw` is the context just made; each call sets one number.
        unsafe {
            done((calls.set_in_samplerate)(raw, rate))?;
            // LAME would choose a lower one for low rates, and the length would no longer be exact.
            done((calls.set_out_samplerate)(raw, rate))?;
            done((calls.set_num_channels)(raw, config.channels.into()))?;
            done((calls.set_write_tag)(raw, tag.into()))?;
            done((calls.set_disable_reservoir)(raw, (!config.reservoir).into()))?;
            match config.rate {
                Rate::Vbr(quality) => {
                    done((calls.set_vbr)(raw, VBR_MTRH))?;
                    done((calls.set_vbr_quality)(raw, quality.into()))?;
                    done((calls.set_quality)(raw, VBR_EFFORT))?;
                }
                Rate::Cbr(kbits) => drop(done((calls.set_cbr_kbits)(raw, kbits as c_int))?),
                Rate::Abr(kbits) => {
                    done((calls.set_vbr)(raw, VBR_ABR))?;
                    done((calls.set_abr_kbits)(raw, kbits as c_int))?;
                }
            }
            done((calls.init_params)(raw))?;
        }
        Ok(())
    }

    /// Goes on with the lengths of frames as if `frames` lay behind; constant rates alternate between two lengths.
    pub(crate) fn skip_frames(&mut self, frames: u64) {
        // SAFETY: arithmetic on the context's state.
        unsafe { (self.calls.skip_frames)(self.context.as_ptr(), frames) };
    }

    /// Encodes interleaved samples, appending what is ready to `out`.
    pub(crate) fn encode(&mut self, pcm: &[f32], out: &mut Vec<u8>) -> Result<(), Refused> {
        for piece in pcm.chunks(AT_ONCE * self.channels) {
            let (samples, room) = ((piece.len() / self.channels) as c_int, self.buffer.len() as c_int);
            let (raw, pcm, buffer) = (self.context.as_ptr(), piece.as_ptr(), self.buffer.as_mut_ptr());
            // SAFETY: `pcm` holds `samples` for each channel, `buffer` has `room`.
            let written = unsafe {
                match self.channels {
                    1 => (self.calls.encode_mono)(raw, pcm, pcm, samples, buffer, room),
                    _ => (self.calls.encode_stereo)(raw, pcm, samples, buffer, room),
                }
            };
            out.extend_from_slice(&self.buffer[..done(written)? as usize]);
        }
        Ok(())
    }

    /// Appends the rest of the frames that are encoded, filled up, so that what comes next stands alone. Samples that
    /// wait for their frame stay inside.
    pub(crate) fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), Refused> {
        self.last(self.calls.flush_bits, out)
    }

    /// Encodes what stayed inside, appending it to `out`.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Refused> {
        self.last(self.calls.flush, out)
    }

    fn last(&mut self, flush: Flush, out: &mut Vec<u8>) -> Result<(), Refused> {
        let (buffer, room) = (self.buffer.as_mut_ptr(), self.buffer.len() as c_int);
        // SAFETY: `buffer` has `room`.
        let written = unsafe { flush(self.context.as_ptr(), buffer, room) };
        out.extend_from_slice(&self.buffer[..done(written)? as usize]);
        Ok(())
    }

    /// The Xing/LAME frame to put in the place of the first one, as far as this encoder knows. Empty if there is none.
    pub(crate) fn header(&mut self) -> &[u8] {
        let (buffer, room) = (self.buffer.as_mut_ptr(), self.buffer.len());
        // SAFETY: `buffer` has `room`; LAME writes nothing if that is too little, and returns what it needs.
        let written = unsafe { (self.calls.tag_frame)(self.context.as_ptr(), buffer, room) };
        self.buffer.get(..written).unwrap_or_default()
    }
}

impl Drop for Lame {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { (self.calls.close)(self.context.as_ptr()) };
    }
}

/// LAME's convention: negative is an error.
fn done(code: c_int) -> Result<c_int, Refused> {
    if code < 0 { Err(Refused(code)) } else { Ok(code) }
}

type Context = *mut c_void;
type Set = unsafe extern "C" fn(Context, c_int) -> c_int;
type Flush = unsafe extern "C" fn(Context, *mut u8, c_int) -> c_int;

/// One build of LAME: `struct lame_table` of native/all-of-lame.c.
#[repr(C)]
struct Calls {
    init: unsafe extern "C" fn() -> Context,
    close: unsafe extern "C" fn(Context) -> c_int,
    set_in_samplerate: Set,
    set_out_samplerate: Set,
    set_num_channels: Set,
    set_quality: Set,
    set_write_tag: Set,
    set_disable_reservoir: Set,
    set_vbr: Set,
    set_vbr_quality: Set,
    set_cbr_kbits: Set,
    set_abr_kbits: Set,
    init_params: unsafe extern "C" fn(Context) -> c_int,
    skip_frames: unsafe extern "C" fn(Context, c_ulong),
    encode_mono: unsafe extern "C" fn(Context, *const f32, *const f32, c_int, *mut u8, c_int) -> c_int,
    encode_stereo: unsafe extern "C" fn(Context, *const f32, c_int, *mut u8, c_int) -> c_int,
    flush: Flush,
    flush_bits: Flush,
    tag_frame: unsafe extern "C" fn(Context, *mut u8, usize) -> usize,
}

impl Calls {
    /// The fastest build that this processor can run.
    fn best() -> &'static Self {
        #[cfg(target_arch = "x86_64")]
        if has_v3() {
            // SAFETY: a constant table of C.
            return unsafe { &media_lame_v3 };
        }
        // SAFETY: as above.
        unsafe { &media_lame_baseline }
    }
}

/// All that x86-64-v3 asks for (the psABI's micro-architecture levels).
#[cfg(target_arch = "x86_64")]
fn has_v3() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("avx2")
        && has!("bmi1")
        && has!("bmi2")
        && has!("f16c")
        && has!("fma")
        && has!("lzcnt")
        && has!("movbe")
}

unsafe extern "C" {
    static media_lame_baseline: Calls;
    #[cfg(target_arch = "x86_64")]
    static media_lame_v3: Calls;
}
