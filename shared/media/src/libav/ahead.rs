//! What is read of a file out of turn: ahead, until something shows up, and from another place.
#![expect(unsafe_code, reason = "calls into libav and reads its structs")]

use std::ffi::c_int;

use ffmpeg_sys_next as ff;

use super::describe::NANOSECONDS;
use super::input::{is_moving, starts};
use super::{Fault, Input, Sound};
use crate::clock::Nanos;

/// Of what is read ahead, in packets and bytes.
const MOST_AHEAD: usize = 200;
const MOST_AHEAD_BYTES: usize = 8 << 20;

impl Input {
    /// Reads ahead until it is known when the pictures start: of Matroska's libav doesn't tell, or tells the sound's start.
    pub(crate) fn look_ahead(&mut self) {
        let untold = self.container().starts_with("matroska");
        let unknown = |stream: &&ff::AVStream| is_moving(stream) && (untold || starts(stream).is_none());
        let mut unknown: Vec<u32> =
            self.streams().filter(unknown).map(|stream| stream.index as u32).collect();
        let (mut ahead, mut bytes) = (Vec::new(), 0);
        while !unknown.is_empty() && ahead.len() < MOST_AHEAD && bytes < MOST_AHEAD_BYTES {
            let Ok(Some(packet)) = self.next_packet() else { break };
            let (stream, at, kept) = (packet.stream(), packet.piece.at, packet.keep());
            let Ok(kept) = kept else { break };
            bytes += kept.size();
            ahead.push(kept);
            if let (Some(at), Some(place)) = (at, unknown.iter().position(|of| *of == stream)) {
                unknown.remove(place);
                self.pictures.push((stream, at));
            }
        }
        self.put_back(ahead);
    }

    /// Reads on until a sound shows up that can be decoded: some containers don't list their streams in front.
    pub(crate) fn await_sound(&mut self) -> Result<Option<Sound>, Fault> {
        // SAFETY: open as long as `self`.
        if unsafe { (*self.format).ctx_flags } & ff::AVFMTCTX_NOHEADER == 0 {
            return Ok(None);
        }
        while let Some(packet) = self.next_packet()? {
            let (index, is_sound) = (packet.stream(), packet.is_sound);
            let kept = if is_sound { packet.keep()? } else { continue };
            if let Some(sound) = self.sound_at(index) {
                self.put_back(vec![kept]);
                return Ok(Some(sound));
            }
        }
        Ok(None)
    }

    /// Whether [`seek`](Input::seek) costs less than reading on, and finds its place, for the sound of this stream. Behind a
    /// jump, frames of FLAC and ALAC have the times of others.
    pub(crate) fn can_seek(&self, index: u32) -> bool {
        let container = self.container();
        let known = container.split(',').any(|name| ["mov", "matroska", "mpegts"].contains(&name));
        // SAFETY: a stream has parameters as long as it lives.
        let codec = self.stream(index).map(|stream| unsafe { (*stream.codecpar).codec_id });
        let odd = [ff::AVCodecID::AV_CODEC_ID_FLAC, ff::AVCodecID::AV_CODEC_ID_ALAC];
        known && self.fragments.is_none() && codec.is_some_and(|codec| !odd.contains(&codec))
    }

    /// Goes on at `at`, in the file's own time, or somewhat before it, for the sound of this stream.
    pub(crate) fn seek(&mut self, index: u32, at: Nanos) -> Result<(), Fault> {
        self.held.clear();
        let in_units = |base: ff::AVRational| {
            // SAFETY: arithmetic.
            unsafe { ff::av_rescale_q(at, NANOSECONDS, base) }
        };
        let base = self.stream(index).ok_or(Fault::NO_STREAM)?.time_base;
        if let Some(mut rest) = self.wanted.take() {
            if rest.go_to(in_units(base))? {
                self.rest = Some(rest);
                return Ok(());
            }
            self.wanted = Some(rest);
        } else if self.rest.is_some() {
            // Its walk goes one way.
            return Err(Fault::IMPLAUSIBLE);
        }
        // The index of Matroska is commonly one of its pictures.
        let guide = self.streams().find(is_moving).filter(|_| self.container().starts_with("matroska"));
        let (guide, base) =
            guide.map_or((index as c_int, base), |pictures| (pictures.index, pictures.time_base));
        let flags = ff::AVSEEK_FLAG_BACKWARD as c_int;
        // SAFETY: `format` is open.
        Fault::check(unsafe { ff::av_seek_frame(self.format, guide, in_units(base), flags) }).map(drop)
    }
}
