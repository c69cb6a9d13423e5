//! Which samples of the source belong into the result.

use std::ops::Range;
use std::time::Duration;

/// Counts samples (of one channel) as they pass and says which to keep.
pub(super) struct Timeline {
    position: u64,
    kept: Range<u64>,
}

impl Timeline {
    /// From `start` to `end`, at a rate in Hz.
    pub(super) fn new(start: Option<Duration>, end: Option<Duration>, rate: u32) -> Self {
        let first = start.map_or(0, |start| samples(start, rate));
        Self { position: 0, kept: first..end.map_or(u64::MAX, |end| samples(end, rate)) }
    }

    /// The next `count` samples pass: which of them to keep.
    pub(super) fn pass(&mut self, count: usize) -> Range<usize> {
        let within = |sample: u64| sample.saturating_sub(self.position).min(count as u64) as usize;
        let kept = within(self.kept.start)..within(self.kept.end);
        self.position += count as u64;
        kept
    }

    /// The next one that passes is this.
    pub(super) fn go_to(&mut self, position: u64) {
        self.position = position;
    }

    /// How many have passed.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Nothing that comes will be kept.
    pub(super) fn is_over(&self) -> bool {
        self.position >= self.kept.end
    }
}

/// The number of samples in a time, rounded to the nearest.
pub(super) fn samples(time: Duration, rate: u32) -> u64 {
    let nanos = time.as_nanos().saturating_mul(rate.into()).saturating_add(500_000_000);
    (nanos / 1_000_000_000).min(u64::MAX.into()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_bounds_all_is_kept() {
        let mut timeline = Timeline::new(None, None, 44100);
        assert_eq!(timeline.pass(1024), 0..1024);
        assert!(!timeline.is_over());
    }

    #[test]
    fn bounds_are_exact_to_the_sample() {
        let (start, end) = (Duration::from_millis(1), Duration::from_millis(5));
        let mut timeline = Timeline::new(Some(start), Some(end), 1000);
        let kept: Vec<_> = (0..4).map(|_| timeline.pass(2)).collect();
        assert_eq!(kept, [1..2, 0..2, 0..1, 0..0]);
        assert!(timeline.is_over());
    }
}
