//! The MP3 encoder LAME, in safe clothes.
#![expect(unsafe_code, reason = "calls into LAME and gives it buffers")]

use std::ffi::c_int;
use std::ptr::NonNull;

use mp3lame_sys as sys;

use crate::settings::Rate;

/// LAME's own worst case for a call: 1.25 bytes a sample and this much.
const MARGIN: usize = 7200;
/// Samples of one channel a call, so that the buffer stays small.
const AT_ONCE: usize = 16 * 1152;

/// An encoder for one track.
pub(crate) struct Lame {
    context: NonNull<sys::lame_global_flags>,
    channels: usize,
    buffer: Vec<u8>,
}

/// LAME refuses: a setting that it doesn't have, or no memory.
#[derive(Debug)]
pub(crate) struct Refused(c_int);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LAME error {}", self.0)
    }
}

impl Lame {
    /// `sample_rate` in Hz is that of the samples and of the result; `channels` is 1 or 2.
    pub(crate) fn new(rate: Rate, sample_rate: u32, channels: u8) -> Result<Self, Refused> {
        // SAFETY: no arguments; null is caught.
        let context = NonNull::new(unsafe { sys::lame_init() }).ok_or(Refused(-2))?;
        let lame = Self { context, channels: channels.into(), buffer: vec![0; AT_ONCE * 5 / 4 + MARGIN] };
        let raw = lame.context.as_ptr();
        // SAFETY: `raw` is the context just made; each call sets one number.
        unsafe {
            done(sys::lame_set_in_samplerate(raw, sample_rate as c_int))?;
            // LAME would choose a lower one for low rates, and the length would no longer be exact.
            done(sys::lame_set_out_samplerate(raw, sample_rate as c_int))?;
            done(sys::lame_set_num_channels(raw, channels.into()))?;
            // The tag is ours (crate::worker::tag), the Xing header is LAME's.
            sys::lame_set_write_id3tag_automatic(raw, 0);
            match rate {
                Rate::Vbr(quality) => {
                    done(sys::lame_set_VBR(raw, sys::vbr_mode::vbr_default))?;
                    done(sys::lame_set_VBR_q(raw, quality.into()))?;
                }
                Rate::Cbr(kbits) => drop(done(sys::lame_set_brate(raw, kbits as c_int))?),
            }
            done(sys::lame_init_params(raw))?;
        }
        Ok(lame)
    }

    /// Encodes interleaved samples, appending what is ready to `out`.
    pub(crate) fn encode(&mut self, pcm: &[f32], out: &mut Vec<u8>) -> Result<(), Refused> {
        for piece in pcm.chunks(AT_ONCE * self.channels) {
            let (samples, room) = ((piece.len() / self.channels) as c_int, self.buffer.len() as c_int);
            let (raw, pcm, buffer) = (self.context.as_ptr(), piece.as_ptr(), self.buffer.as_mut_ptr());
            // SAFETY: `pcm` holds `samples` for each channel, `buffer` has `room`.
            let written = unsafe {
                match self.channels {
                    1 => sys::lame_encode_buffer_ieee_float(raw, pcm, pcm, samples, buffer, room),
                    _ => sys::lame_encode_buffer_interleaved_ieee_float(raw, pcm, samples, buffer, room),
                }
            };
            out.extend_from_slice(&self.buffer[..done(written)? as usize]);
        }
        Ok(())
    }

    /// Encodes what stayed inside, appending it to `out`.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Refused> {
        let (buffer, room) = (self.buffer.as_mut_ptr(), self.buffer.len() as c_int);
        // SAFETY: `buffer` has `room`.
        let written = unsafe { sys::lame_encode_flush(self.context.as_ptr(), buffer, room) };
        out.extend_from_slice(&self.buffer[..done(written)? as usize]);
        Ok(())
    }

    /// The Xing/LAME frame to put in the place of the first one: counts, table of contents, delay and padding.
    /// Right only after [`finish`](Lame::finish). Empty if LAME wrote none.
    pub(crate) fn header(&mut self) -> &[u8] {
        let (buffer, room) = (self.buffer.as_mut_ptr(), self.buffer.len());
        // SAFETY: `buffer` has `room`; LAME writes nothing if that is too little, and returns what it needs.
        let written = unsafe { sys::lame_get_lametag_frame(self.context.as_ptr(), buffer, room) };
        self.buffer.get(..written).unwrap_or_default()
    }
}

impl Drop for Lame {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { sys::lame_close(self.context.as_ptr()) };
    }
}

/// LAME's convention: negative is an error.
fn done(code: c_int) -> Result<c_int, Refused> {
    if code < 0 { Err(Refused(code)) } else { Ok(code) }
}
