//! MP3 on all cores: the sound is cut into segments, each is encoded by itself, and the pieces fit.
//!
//! A segment's encoder starts a few frames early, so that what it remembers when its own first frame comes is what one
//! encoder for all would remember. Those frames are thrown away. The bits that frames save for later ones (the reservoir)
//! are used up at each end with variable rates, which don't feel it, and handed on with the others (`seam.rs`). Where the
//! cuts are depends on the sound alone, never on the number of threads, so the result is the same on 1 core and on 64.

use std::collections::VecDeque;

use super::pool::{Pending, Pool};
use super::seam::Piece;
use super::xing::Header;
use crate::lame::{Config, Lame, Refused};
use crate::settings::Rate;

/// Frames in a segment: 10 s at 44.1 kHz. Shorter ones spend more on their early start, longer ones more memory.
pub(super) const SEGMENT: usize = 384;
/// Frames before a segment that are encoded and thrown away. With one or none there are clicks.
const WARM_UP: usize = 5;
/// The same where the bits of a frame depend on those before: the encoder remembers 19 (`pefirbuf` of LAME's encoder.c).
const LONG_WARM_UP: usize = 20;
/// Frames behind a segment that are encoded too, to find one among them where the next segment can go on.
const OVERLAP: usize = 12;
/// Samples beyond its end that a frame needs, to see what comes next (`mf_needed` of LAME's lame.c, less a frame and
/// the 528 samples of silence that each encoder starts with).
const AHEAD: usize = 224;

/// The encoder of one result.
pub(super) struct Mp3<'a> {
    pool: &'a Pool,
    config: Config,
    /// Frames in one.
    segment: usize,
    /// Of the segment under way, with its early start.
    pcm: Vec<f32>,
    /// Frames before the segment under way.
    before: u64,
    /// Of one channel, in all.
    samples: u64,
    encoding: VecDeque<Pending<Result<Encoded, Failed>>>,
    /// Waits for what comes behind it.
    encoded: Option<Piece>,
    /// Used before, to be used again: new memory costs more than one would think.
    spare: Vec<Vec<f32>>,
    header: Option<Header>,
}

/// Why there is no MP3.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error("{0}")]
    Refused(#[from] Refused),
    #[error("an encoding thread is gone")]
    Gone,
    #[error("LAME wrote an invalid frame")]
    InvalidMessage,
}

impl<'a> Mp3<'a> {
    /// `segment` is the number of frames in one.
    pub(super) fn new(pool: &'a Pool, config: Config, segment: usize) -> Result<Self, Failed> {
        // Not only to see whether LAME takes the settings: the first one fills tables that all of them share.
        Lame::new(&config, false)?;
        let (pcm, encoding, spare) = (Vec::new(), VecDeque::new(), Vec::new());
        let (before, samples, encoded, header) = (0, 0, None, None);
        Ok(Self { pool, config, segment, pcm, before, samples, encoding, encoded, spare, header })
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
        self.encoded.take().map_or(Ok(()), |last| self.put(&last, out))
    }

    /// After [`finish`](Mp3::finish): the frame to put in the place of the first one.
    pub(super) fn header(&self) -> Vec<u8> {
        self.header.as_ref().map(|header| header.frame(self.samples, self.config.frame())).unwrap_or_default()
    }

    /// Samples of all channels that the segment under way needs.
    fn full(&self) -> usize {
        self.floats(self.early() + self.segment + self.overlap(), AHEAD)
    }

    /// Frames of early start that the segment under way has.
    fn early(&self) -> usize {
        if self.before == 0 { 0 } else { self.warm_up() }
    }

    /// The same, but of any segment behind the first.
    fn warm_up(&self) -> usize {
        (if self.stands_alone() { WARM_UP } else { LONG_WARM_UP }).min(self.segment)
    }

    fn overlap(&self) -> usize {
        if self.stands_alone() { 0 } else { OVERLAP.min(self.segment) }
    }

    /// Variable rates hardly need the reservoir: there each segment begins and ends with an empty one, and no more.
    fn stands_alone(&self) -> bool {
        matches!(self.config.rate, Rate::Vbr(_))
    }

    fn floats(&self, frames: usize, samples: usize) -> usize {
        (frames * self.config.frame() + samples) * usize::from(self.config.channels)
    }

    /// Hands the full segment to the threads and starts the next one.
    fn cut(&mut self, out: &mut Vec<u8>) -> Result<(), Failed> {
        let next = self.floats(self.early() + self.segment - self.warm_up(), 0);
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
        let (config, before, early) = (self.config, self.before, self.early());
        let late = if last { 0 } else { self.overlap() };
        let segment = Segment { config, pcm, before, early, late, last };
        let alone = self.stands_alone();
        self.encoding.push_back(self.pool.run(move || segment.encode(alone)));
    }

    /// Waits for the oldest segment, and joins it to the one before.
    fn collect(&mut self, out: &mut Vec<u8>) -> Result<(), Failed> {
        let Some(pending) = self.encoding.pop_front() else { return Ok(()) };
        let mut next = pending.wait().ok_or(Failed::Gone)??;
        if self.header.is_none() {
            out.extend_from_slice(&next.header);
            self.header = Some(Header::new(std::mem::take(&mut next.header)));
        }
        if let Some(mut piece) = self.encoded.take() {
            if !piece.join(&mut next.piece).ok_or(Failed::InvalidMessage)? {
                let segment = next.segment;
                next = self.pool.run(move || segment.encode(true)).wait().ok_or(Failed::Gone)??;
                piece.join(&mut next.piece).ok_or(Failed::InvalidMessage)?;
            }
            self.put(&piece, out)?;
        }
        self.encoded = Some(next.piece);
        self.spare.push(next.segment.pcm);
        Ok(())
    }

    /// Appends a finished piece to `out`.
    fn put(&mut self, piece: &Piece, out: &mut Vec<u8>) -> Result<(), Failed> {
        let (header, bytes) = self.header.as_mut().zip(piece.own()).ok_or(Failed::InvalidMessage)?;
        header.add(bytes).ok_or(Failed::InvalidMessage)?;
        out.extend_from_slice(bytes);
        Ok(())
    }
}

/// What one encoder is to do.
struct Segment {
    config: Config,
    pcm: Vec<f32>,
    /// Frames before it, of which the last `early` are in `pcm`.
    before: u64,
    early: usize,
    /// Frames behind it that are in `pcm`.
    late: usize,
    /// Whether nothing comes behind it.
    last: bool,
}

/// What became of a segment.
struct Encoded {
    piece: Piece,
    /// Of the first segment: the Xing/LAME frame as LAME sees it.
    header: Vec<u8>,
    /// To be encoded once more, or its memory used again.
    segment: Segment,
}

impl Segment {
    /// Alone, it begins with an empty reservoir. Else it has what its early start left.
    fn encode(self, alone: bool) -> Result<Encoded, Failed> {
        let Self { ref config, ref pcm, before, early, late, last } = self;
        let mut bytes = Vec::with_capacity(pcm.len() / 4);
        let mut lame = Lame::new(config, before == 0)?;
        lame.skip_frames(before - early as u64);
        let (start, own) = pcm.split_at(if early > 0 && alone { self.start() } else { 0 });
        if !start.is_empty() {
            lame.encode(start, &mut bytes)?;
            lame.flush(&mut bytes)?;
            bytes.clear();
        }
        lame.encode(own, &mut bytes)?;
        if last {
            lame.finish(&mut bytes)?
        } else {
            lame.flush(&mut bytes)?
        }
        let header = if before == 0 { lame.header().to_vec() } else { Vec::new() };
        let early = if alone { 0 } else { early } + usize::from(!header.is_empty());
        let piece = Piece::new(bytes, early, late).ok_or(Failed::InvalidMessage)?;
        Ok(Encoded { piece, header, segment: self })
    }

    /// Numbers of `pcm` that are encoded once the early start is.
    fn start(&self) -> usize {
        (self.early * self.config.frame() + AHEAD) * usize::from(self.config.channels)
    }
}

#[cfg(test)]
mod tests;
