//! Comes up at the start and goes down at the end: of the latter only the end itself tells where it is.

use std::time::Duration;

use super::timeline::samples;
use crate::libav::Shape;

/// Holds back as much as the fade is long.
pub(super) struct Fade {
    /// Numbers of all channels that it lasts.
    length: usize,
    channels: usize,
    /// Those that have passed.
    passed: usize,
    pending: Vec<f32>,
    out: Vec<f32>,
}

impl Fade {
    pub(super) fn new(fade: Option<Duration>, shape: Shape) -> Self {
        let channels = usize::from(shape.channels);
        let length = fade.map_or(0, |fade| samples(fade, shape.rate) as usize * channels);
        Self { length, channels, passed: 0, pending: Vec::new(), out: Vec::new() }
    }

    /// What is ready after these samples.
    pub(super) fn pass<'a>(&'a mut self, pcm: &'a [f32]) -> &'a [f32] {
        if self.length == 0 {
            return pcm;
        }
        for sample in pcm {
            let gain = if self.passed < self.length { self.rises(self.passed) } else { 1.0 };
            self.pending.push(sample * gain);
            self.passed = self.passed.saturating_add(1);
        }
        self.out.clear();
        let ready = self.pending.len().saturating_sub(self.length);
        // In large steps, so that what is held is seldom moved.
        if ready >= self.length.max(4096) {
            self.out.extend(self.pending.drain(..ready));
        }
        &self.out
    }

    /// The last samples.
    pub(super) fn rest(&mut self) -> Vec<f32> {
        let mut rest = std::mem::take(&mut self.pending);
        let count = rest.len();
        for (place, sample) in rest.iter_mut().enumerate() {
            let left = count - 1 - place;
            if left < self.length {
                *sample *= self.rises(left);
            }
        }
        rest
    }

    /// The gain so many numbers from an end: a quarter of a cosine's way, as ears like it.
    fn rises(&self, place: usize) -> f32 {
        let (frame, frames) = (place / self.channels, (self.length / self.channels).max(1));
        let part = (frame as f32 + 0.5) / frames as f32;
        (1.0 - (part * std::f32::consts::PI).cos()) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { rate: 1000, channels: 2 };

    fn through(fade: Option<Duration>, length: usize) -> Vec<f32> {
        let mut fade = Fade::new(fade, SHAPE);
        let mut out = Vec::new();
        for pcm in vec![1.0; length * 2].chunks(38) {
            out.extend_from_slice(fade.pass(pcm));
        }
        out.extend(fade.rest());
        out
    }

    #[test]
    fn both_ends_are_quiet_and_the_same_and_the_middle_stays() {
        let out = through(Some(Duration::from_secs(1)), 20_000);
        assert_eq!(out.len(), 40_000);
        assert!(out[0] < 0.001 && out[0] == out[1] && (out[1000] - 0.5).abs() < 0.01);
        assert!(out[2000..38_000].iter().all(|sample| *sample == 1.0));
        assert!(out.iter().zip(out.iter().rev()).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn a_sound_that_is_shorter_than_its_fades_only_gets_quieter() {
        let out = through(Some(Duration::from_secs(1)), 500);
        assert_eq!(out.len(), 1000);
        assert!(out.iter().all(|sample| *sample < 0.6));
        assert_eq!(through(None, 500), vec![1.0; 1000]);
    }
}
