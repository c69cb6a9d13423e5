//! Leaves out parts of a sound. What is on both sides of a cut goes down and comes up, so that nothing clicks.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use super::timeline::samples;
use crate::libav::Shape;
use crate::report::Chapter;

/// How long it goes down, and comes up.
const RAMP: Duration = Duration::from_millis(10);

/// Takes out what was found before.
pub(super) struct Cutter {
    cuts: VecDeque<Range<u64>>,
    /// Where the cut before ended.
    last: Option<u64>,
    position: u64,
    ramp: u64,
    channels: usize,
    out: Vec<f32>,
}

impl Cutter {
    /// The cuts are in samples of one channel, in order, and apart.
    pub(super) fn new(cuts: &[Range<u64>], shape: Shape) -> Self {
        let ramp = samples(RAMP, shape.rate).max(1);
        let channels = shape.channels.into();
        let cuts = cuts.iter().cloned().collect();
        Self { cuts, last: None, position: 0, ramp, channels, out: Vec::new() }
    }

    /// What is left of these samples.
    pub(super) fn pass<'a>(&'a mut self, pcm: &'a [f32]) -> &'a [f32] {
        let passed = (pcm.len() / self.channels) as u64;
        let quiet = self.last.is_none_or(|last| self.position >= last + self.ramp);
        let far = |next: &Range<u64>| next.start >= self.position + passed + self.ramp;
        if quiet && self.cuts.front().is_none_or(far) {
            self.position += passed;
            return pcm;
        }
        self.out.clear();
        for frame in pcm.chunks(self.channels) {
            if let Some(done) = self.cuts.pop_front_if(|next| next.end <= self.position) {
                self.last = Some(done.end);
            }
            let gain = self.gain();
            if let Some(gain) = gain {
                self.out.extend(frame.iter().map(|sample| sample * gain));
            }
            self.position += 1;
        }
        &self.out
    }

    /// Of the sample at hand; `None` if it is left out.
    fn gain(&self) -> Option<f32> {
        let until = self.cuts.front().map_or(self.ramp, |next| next.start.saturating_sub(self.position));
        let since = self.last.map_or(self.ramp, |last| self.position - last + 1);
        let near = until.min(since).min(self.ramp);
        (near > 0).then(|| near as f32 / self.ramp as f32)
    }
}

/// How much these are together, at a rate in Hz.
pub(super) fn length(cuts: &[Range<u64>], rate: u32) -> Duration {
    let samples: u64 = cuts.iter().map(|cut| cut.end - cut.start).sum();
    Duration::from_secs_f64(samples as f64 / f64::from(rate.max(1)))
}

/// Chapters in the time of what is left. Those of which nothing is are none.
pub(super) fn moved(chapters: Vec<Chapter>, cuts: &[Range<u64>], rate: u32) -> Vec<Chapter> {
    let left = |time: Duration| {
        let at = samples(time, rate);
        let before = cuts.iter().map(|cut| cut.end.min(at).saturating_sub(cut.start)).sum();
        let without = Duration::from_secs_f64(u64::min(before, at) as f64 / f64::from(rate.max(1)));
        time.saturating_sub(without)
    };
    let moved = chapters.into_iter().map(|Chapter { start, end, title }| {
        let end = if end == Duration::MAX { end } else { left(end) };
        Chapter { start: left(start), end, title }
    });
    moved.filter(|chapter| chapter.start < chapter.end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { rate: 400, channels: 2 };

    fn through(cuts: &[Range<u64>], length: usize, piece: usize) -> Vec<f32> {
        let mut cutter = Cutter::new(cuts, SHAPE);
        vec![1.0; length * 2].chunks(piece * 2).flat_map(|pcm| cutter.pass(pcm).to_vec()).collect()
    }

    #[test]
    fn what_is_left_goes_down_and_comes_up() {
        let cut = 10..20;
        let left = through(&[cut], 40, 40);
        let one: Vec<f32> = left.iter().step_by(2).copied().collect();
        assert_eq!(one.len(), 30);
        assert_eq!(one[5..16], [1.0, 1.0, 0.75, 0.5, 0.25, 0.25, 0.5, 0.75, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn pieces_make_no_difference() {
        let cuts = [0..7, 50..51, 80..100];
        let whole = through(&cuts, 100, 100);
        assert_eq!(whole.len(), 72 * 2);
        for piece in [1, 3, 7, 64] {
            assert_eq!(through(&cuts, 100, piece), whole, "{piece}");
        }
        assert_eq!(through(&[], 100, 7), vec![1.0; 200]);
    }

    #[test]
    fn chapters_move_with_what_is_left() {
        let chapter = |start, end| Chapter {
            start: Duration::from_secs(start),
            end: Duration::from_secs(end),
            title: String::new(),
        };
        let cuts = [0..400, 4000..8000];
        let chapters = vec![chapter(0, 5), chapter(5, 15), chapter(15, 20), chapter(20, 30)];
        let expected = [chapter(0, 4), chapter(4, 9), chapter(9, 19)];
        assert_eq!(moved(chapters, &cuts, 400), expected);
        assert_eq!(length(&cuts, 400), Duration::from_secs(11));
    }
}
