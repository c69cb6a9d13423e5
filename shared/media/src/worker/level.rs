//! Makes the sound louder or quieter as a whole, and keeps its peaks below full scale.
//!
//! The limiter looks ahead by one block of 10 ms: the gain falls on a straight line before a peak and comes back
//! slowly after it. Sound that never reaches the ceiling goes through untouched, and no sample is gained or lost.

use crate::libav::Shape;

/// No sample is beyond this: 0.1 dB below full scale.
const CEILING: f32 = 0.988_55;
/// Blocks a second.
const BLOCKS: u32 = 100;
/// The part of the way back to full gain that one block goes: half of it in 70 ms.
const RELEASE: f32 = 0.1;

/// A gain with a limiter behind it.
pub(super) struct Level {
    /// Whether there is anything to do.
    active: bool,
    gain: f32,
    /// Numbers that a block has.
    block: usize,
    channels: usize,
    pending: Vec<f32>,
    /// The limiter's gain where `pending` begins.
    last: f32,
    out: Vec<f32>,
}

impl Level {
    /// `gain` is a factor.
    pub(super) fn new(gain: f32, shape: Shape) -> Self {
        let active = gain != 1.0;
        let channels = usize::from(shape.channels);
        let block = (shape.rate / BLOCKS).max(1) as usize * channels;
        Self { active, gain, block, channels, pending: Vec::new(), last: 1.0, out: Vec::new() }
    }

    /// Sound that is `mixed` from more channels may be beyond full scale without any gain; a file may begin with such sound
    /// at any time.
    pub(super) fn limit_from_now(&mut self, mixed: bool) {
        self.active |= mixed;
    }

    /// What is ready after these samples.
    pub(super) fn pass<'a>(&'a mut self, pcm: &'a [f32]) -> &'a [f32] {
        if !self.active {
            return pcm;
        }
        self.out.clear();
        self.pending.extend(pcm.iter().map(|sample| sample * self.gain));
        let mut done = 0;
        while self.pending.len() - done >= 2 * self.block {
            self.limit(done, done + self.block);
            done += self.block;
        }
        self.pending.drain(..done);
        &self.out
    }

    /// The last samples.
    pub(super) fn rest(&mut self) -> &[f32] {
        self.out.clear();
        let mut done = 0;
        while done < self.pending.len() {
            let end = self.pending.len().min(done + self.block);
            self.limit(done, end);
            done = end;
        }
        self.pending.clear();
        &self.out
    }

    /// Takes `pending[start..end]` out; what follows it is looked at.
    fn limit(&mut self, start: usize, end: usize) {
        let ahead = end..self.pending.len().min(end + self.block);
        let (now, next) = (needed(&self.pending[start..end]), needed(&self.pending[ahead]));
        let first = self.last.min(now);
        let last = (first + (1.0 - first) * RELEASE).min(now).min(next);
        let frames = (end - start) / self.channels;
        let step = (last - first) / frames.max(1) as f32;
        for (place, frame) in self.pending[start..end].chunks(self.channels).enumerate() {
            let gain = first + step * place as f32;
            self.out.extend(frame.iter().map(|sample| sample * gain));
        }
        self.last = last;
    }
}

/// The gain that keeps these below the ceiling.
fn needed(pcm: &[f32]) -> f32 {
    let peak = pcm.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    if peak > CEILING { CEILING / peak } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { rate: 1000, channels: 2 };

    fn through(gain: f32, pcm: &[f32]) -> Vec<f32> {
        let mut level = Level::new(gain, SHAPE);
        level.limit_from_now(true);
        let mut out = Vec::new();
        for piece in pcm.chunks(14) {
            out.extend_from_slice(level.pass(piece));
        }
        out.extend_from_slice(level.rest());
        out
    }

    #[test]
    fn what_is_below_the_ceiling_goes_through_untouched() {
        let pcm: Vec<f32> = (0..486).map(|place| (place as f32).sin() * 0.9).collect();
        assert_eq!(through(1.0, &pcm), pcm);
    }

    #[test]
    fn a_gain_is_applied() {
        assert_eq!(through(0.5, &[0.5; 100]), [0.25; 100]);
    }

    #[test]
    fn peaks_stay_below_the_ceiling_and_quiet_parts_come_back() {
        let mut pcm = vec![0.5; 4000];
        pcm[1000..1010].fill(2.0);
        let out = through(1.0, &pcm);
        assert_eq!(out.len(), pcm.len());
        assert!(out.iter().all(|sample| *sample <= CEILING + 1e-6));
        assert_eq!(out[0], 0.5);
        assert!((out[3999] - 0.5).abs() < 0.01, "{}", out[3999]);
    }
}
