//! MP3 on all cores: the sound is cut into segments, each is encoded by itself, and the pieces fit.
//!
//! A segment's encoder starts a few frames early, so that what it remembers when its own first frame comes is what one
//! encoder for all would remember. Those frames are thrown away, and the bits that frames save for later ones
//! (the reservoir) are used up at each end. Variable rates don't feel it: against one encoder for all, the error around a seam
//! is louder by less than 0.01 dB. Constant rates start each segment without that reserve: 0.5 dB for a tenth of a
//! second. Where the cuts are depends on the sound alone, never on the number of threads,
//! so the result is the same on 1 core and on 64.

use std::collections::VecDeque;

use super::pool::{Pending, Pool};
use super::xing::Header;
use crate::lame::{Config, Lame, Refused};
use crate::settings::Rate;

/// Frames in a segment: 10 s at 44.1 kHz. Shorter ones spend more on their early start, longer ones more memory.
pub(super) const SEGMENT: usize = 384;
/// Frames before a segment that are encoded and thrown away. With one or none there are clicks.
const WARM_UP: usize = 5;
/// The same for constant rates, where the encoder remembers 19 (`pefirbuf` of LAME's encoder.c).
const CBR_WARM_UP: usize = 20;
/// Samples beyond its end that a frame needs, to see what comes next (`mf_needed` of LAME's lame.c, less a frame and
/// the 528 samples of silence that each encoder starts with).
const AHEAD: usize = 224;

/// The encoder of one result.
pub(super) struct Mp3<'a> {
    pool: &'a Pool,
    config: Config,
    segment: usize,
    /// Of the segment under way, with its early start.
    pcm: Vec<f32>,
    /// Frames before the segment under way.
    before: u64,
    /// Of one channel, in all.
    samples: u64,
    encoding: VecDeque<Pending<Result<Piece, Refused>>>,
    /// Used before, to be used again: new memory costs more than one would think.
    spare: Vec<Vec<f32>>,
    header: Option<Header>,
}

/// What became of a segment.
struct Piece {
    bytes: Vec<u8>,
    /// What it was made from, to be used again.
    pcm: Vec<f32>,
    /// Of the first segment: the Xing/LAME frame as LAME sees it.
    header: Vec<u8>,
}

/// Why there is no MP3.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error("{0}")]
    Refused(Refused),
    #[error("an encoding thread is gone")]
    Gone,
    #[error("LAME wrote what is no frame")]
    Garbled,
}

impl<'a> Mp3<'a> {
    /// `segment` is the number of frames in one.
    pub(super) fn new(pool: &'a Pool, config: Config, segment: usize) -> Result<Self, Failed> {
        // Not only to see whether LAME takes the settings: the first one fills tables that all of them share.
        Lame::new(&config, false).map_err(Failed::Refused)?;
        let (pcm, encoding, spare) = (Vec::new(), VecDeque::new(), Vec::new());
        Ok(Self { pool, config, segment, pcm, before: 0, samples: 0, encoding, spare, header: None })
    }

    /// Takes interleaved samples and appends to `out` what is ready.
    pub(super) fn encode(&mut self, mut pcm: &[f32], out: &mut Vec<u8>) -> Result<(), Failed> {
        self.samples += (pcm.len() / usize::from(self.config.channels)) as u64;
        while !pcm.is_empty() {
            let (now, later) = pcm.split_at(pcm.len().min(self.full() - self.pcm.len()));
            self.pcm.extend_from_slice(now);
            pcm = later;
            if self.pcm.len() == self.full() {
                self.cut(out)?;
            }
        }
        Ok(())
    }

    /// Encodes what is left.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Failed> {
        let pcm = std::mem::take(&mut self.pcm);
        self.begin(pcm, true);
        while !self.encoding.is_empty() {
            self.collect(out)?;
        }
        Ok(())
    }

    /// After [`finish`](Mp3::finish): the frame to put in the place of the first one.
    pub(super) fn header(&self) -> Vec<u8> {
        self.header.as_ref().map(|header| header.frame(self.samples, self.config.frame())).unwrap_or_default()
    }

    /// Samples of all channels that the segment under way needs.
    fn full(&self) -> usize {
        self.floats(self.warm_up() + self.segment, AHEAD)
    }

    /// Frames of early start that the segment under way has.
    fn warm_up(&self) -> usize {
        if self.before == 0 { 0 } else { self.early_start() }
    }

    /// The same, but of any segment behind the first.
    fn early_start(&self) -> usize {
        let frames = if let Rate::Cbr(_) = self.config.rate { CBR_WARM_UP } else { WARM_UP };
        frames.min(self.segment)
    }

    fn floats(&self, frames: usize, samples: usize) -> usize {
        (frames.saturating_mul(self.config.frame()).saturating_add(samples))
            .saturating_mul(self.config.channels.into())
    }

    /// Hands the full segment to the threads and starts the next one.
    fn cut(&mut self, out: &mut Vec<u8>) -> Result<(), Failed> {
        let next = self.floats(self.warm_up() + self.segment - self.early_start(), 0);
        let mut following = self.spare.pop().unwrap_or_default();
        following.clear();
        following.extend_from_slice(&self.pcm[next..]);
        let pcm = std::mem::replace(&mut self.pcm, following);
        self.begin(pcm, false);
        self.before += self.segment as u64;
        // One more than there are threads waits, so that none of them ever does.
        while self.encoding.len() > self.pool.threads() {
            self.collect(out)?;
        }
        Ok(())
    }

    fn begin(&mut self, pcm: Vec<f32>, last: bool) {
        let (config, before, warm_up) = (self.config, self.before, self.warm_up());
        self.encoding.push_back(self.pool.run(move || piece(&config, pcm, before, warm_up, last)));
    }

    /// Waits for the oldest segment.
    fn collect(&mut self, out: &mut Vec<u8>) -> Result<(), Failed> {
        let Some(pending) = self.encoding.pop_front() else { return Ok(()) };
        let piece = pending.wait().ok_or(Failed::Gone)?.map_err(Failed::Refused)?;
        let music = match &mut self.header {
            Some(header) => header.add(&piece.bytes),
            None => self.header.insert(Header::new(piece.header)).first(&piece.bytes),
        };
        music.ok_or(Failed::Garbled)?;
        out.extend_from_slice(&piece.bytes);
        self.spare.push(piece.pcm);
        Ok(())
    }
}

/// Encodes a segment. `before` is the number of frames before it, of which the last `warm_up` are in `pcm`.
fn piece(config: &Config, pcm: Vec<f32>, before: u64, warm_up: usize, last: bool) -> Result<Piece, Refused> {
    let mut bytes = Vec::with_capacity(pcm.len() / 4);
    let mut lame = Lame::new(config, before == 0)?;
    lame.skip_frames(before - warm_up as u64);
    let mut rest = &pcm[..];
    if warm_up > 0 {
        let (early, own) = pcm.split_at((warm_up * config.frame() + AHEAD) * usize::from(config.channels));
        lame.encode(early, &mut bytes)?;
        lame.flush(&mut bytes)?;
        bytes.clear();
        rest = own;
    }
    lame.encode(rest, &mut bytes)?;
    if last {
        lame.finish(&mut bytes)?
    } else {
        lame.flush(&mut bytes)?
    }
    let header = if before == 0 { lame.header().to_vec() } else { Vec::new() };
    Ok(Piece { bytes, pcm, header })
}

#[cfg(test)]
mod tests;
