//! Where a sound pauses, by the levels of all of it: what is found depends on no order in which it is read.

use std::ops::Range;

use crate::libav::Shape;
use crate::settings::Silence;

/// Levels a second.
const BLOCKS: u32 = 50;
/// What is quieter than this, in dB below full scale, is all the same: nothing.
const NOTHING: u8 = 90;
/// Of a hundred levels, how many are louder than what counts as the usual one, and how many quieter than the background.
const LOUDER: u64 = 5;
const QUIETER: u64 = 10;
/// So many dB below the usual level it is quiet; a background that is louder than that is quiet too, and this much above
/// it. But never is what is nearer to the usual level than that.
const DOWN: u8 = 30;
const ABOVE: u8 = 4;
const NEAR: u8 = 12;
/// At both ends all that might be sound is kept: less than this is none, if the usual level is as far above it.
const FAINT: u8 = 50;
const FAR: u8 = 40;
/// A shorter burst than this, in blocks, is a click and no sound.
const SHORTEST: usize = 2;
/// Sound begins this much earlier than it is loud, and goes on this much longer, in blocks.
const BEFORE: usize = 5;
const BEHIND: usize = 13;
/// A pause that is longer than this many blocks is made as long as the second number says.
const LONG: usize = 50;
const KEPT: usize = 25;

/// The levels of a sound so far: fifty bytes a second.
pub(super) struct Levels {
    /// Numbers in a block, all channels together.
    block: usize,
    channels: usize,
    sum: f64,
    count: usize,
    /// In dB below full scale.
    levels: Vec<u8>,
    /// Numbers in all.
    total: u64,
}

impl Levels {
    pub(super) fn new(shape: Shape) -> Self {
        let channels = usize::from(shape.channels);
        let block = (shape.rate / BLOCKS).max(1) as usize * channels;
        Self { block, channels, sum: 0.0, count: 0, levels: Vec::new(), total: 0 }
    }

    pub(super) fn add(&mut self, mut pcm: &[f32]) {
        self.total += pcm.len() as u64;
        while !pcm.is_empty() {
            let (now, later) = pcm.split_at(pcm.len().min(self.block - self.count));
            self.sum += f64::from(now.iter().map(|sample| sample * sample).sum::<f32>());
            self.count += now.len();
            if self.count == self.block {
                self.close();
            }
            pcm = later;
        }
    }

    fn close(&mut self) {
        let mean = self.sum / self.count.max(1) as f64;
        let below = if mean > 0.0 { -10.0 * mean.log10() } else { f64::from(NOTHING) };
        self.levels.push(below.clamp(0.0, f64::from(NOTHING)) as u8);
        (self.sum, self.count) = (0.0, 0);
    }

    /// What to leave out, in samples of one channel.
    pub(super) fn cuts(mut self, silence: Silence) -> Vec<Range<u64>> {
        if self.count > 0 {
            self.close();
        }
        let Some(quiet) = self.quiet(silence) else { return Vec::new() };
        let samples = (self.block / self.channels) as u64;
        let end = self.total / self.channels as u64;
        let blocks = cut(&sounds(&self.levels, quiet), self.levels.len(), silence);
        let in_samples = |blocks: Range<usize>| {
            blocks.start as u64 * samples..if blocks.end == self.levels.len() {
                end
            } else {
                blocks.end as u64 * samples
            }
        };
        blocks.into_iter().map(in_samples).filter(|cut| cut.start < cut.end).collect()
    }

    /// From which level on, in dB below full scale, it is quiet. `None` if it is so everywhere or nowhere to be told.
    fn quiet(&self, silence: Silence) -> Option<u8> {
        let usual = self.percentile(LOUDER).filter(|usual| *usual < NOTHING - NEAR)?;
        match silence {
            Silence::Keep => None,
            Silence::Trim => Some((usual + FAR).clamp(FAINT, NOTHING)),
            Silence::Shorten => {
                let background = self.percentile(100 - QUIETER)?;
                let quiet = (usual + DOWN).min(background.saturating_sub(ABOVE)).max(usual + NEAR);
                Some(quiet.min(NOTHING))
            }
        }
    }

    /// The level that so many of a hundred are louder than.
    fn percentile(&self, of_hundred: u64) -> Option<u8> {
        let mut counts = [0_u64; NOTHING as usize + 1];
        self.levels.iter().for_each(|level| counts[usize::from(*level)] += 1);
        let wanted = self.levels.len() as u64 * of_hundred / 100;
        let mut passed = 0;
        (0..=NOTHING).find(|level| {
            passed += counts[usize::from(*level)];
            passed > wanted
        })
    }
}

/// Where there is sound, in blocks, with what belongs to it before and behind.
fn sounds(levels: &[u8], quiet: u8) -> Vec<Range<usize>> {
    let mut sounds: Vec<Range<usize>> = Vec::new();
    let mut place = 0;
    for run in levels.chunk_by(|a, b| (*a < quiet) == (*b < quiet)) {
        let (start, end) = (place, place + run.len());
        place = end;
        if run[0] >= quiet || run.len() < SHORTEST {
            continue;
        }
        let (start, end) = (start.saturating_sub(BEFORE), (end + BEHIND).min(levels.len()));
        match sounds.last_mut() {
            Some(last) if start <= last.end => last.end = end,
            _ => sounds.push(start..end),
        }
    }
    sounds
}

/// What of the pauses between and around these to leave out.
fn cut(sounds: &[Range<usize>], all: usize, silence: Silence) -> Vec<Range<usize>> {
    let (Some(first), Some(last)) = (sounds.first(), sounds.last()) else { return Vec::new() };
    let head = 0..first.start;
    let tail = last.end..all;
    let between = sounds.windows(2).filter_map(|pair| match pair {
        [before, behind] if silence == Silence::Shorten && behind.start - before.end > LONG => {
            Some(before.end + KEPT / 2..behind.start - (KEPT - KEPT / 2))
        }
        _ => None,
    });
    std::iter::once(head).chain(between).chain([tail]).filter(|cut| cut.start < cut.end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { rate: 1000, channels: 2 };

    /// Seconds of a level each.
    fn cuts(sound: &[(f64, f32)], silence: Silence) -> Vec<Range<u64>> {
        let mut levels = Levels::new(SHAPE);
        for (seconds, level) in sound {
            let samples: Vec<f32> = (0..(seconds * 2000.0) as usize)
                .map(|place| if place / 2 % 2 == 0 { *level } else { -level })
                .collect();
            samples.chunks(34).for_each(|piece| levels.add(piece));
        }
        levels.cuts(silence)
    }

    #[test]
    fn a_long_pause_is_shortened_and_a_short_one_stays() {
        let sound = [(10.0, 0.1), (0.9, 0.0001), (10.0, 0.1), (4.0, 0.0001), (10.0, 0.1)];
        // Sound goes on for 0.26 s behind itself and begins 0.1 s earlier; half a second of the rest stays.
        let cut = 21_400..24_540;
        assert_eq!(cuts(&sound, Silence::Shorten), [cut]);
        assert_eq!(cuts(&sound, Silence::Trim), []);
        assert_eq!(cuts(&sound, Silence::Keep), []);
    }

    #[test]
    fn both_ends_are_trimmed() {
        let sound = [(3.0, 0.0001), (10.0, 0.1), (2.5, 0.0)];
        for silence in [Silence::Trim, Silence::Shorten] {
            assert_eq!(cuts(&sound, silence), [0..2900, 13_260..15_500], "{silence:?}");
        }
    }

    #[test]
    fn a_noisy_room_has_pauses_too_but_no_faint_end_is_lost() {
        // The room is but 24 dB below the voice.
        let sound = [(3.0, 0.006), (10.0, 0.1), (5.0, 0.006), (10.0, 0.1)];
        assert_eq!(cuts(&sound, Silence::Shorten), [0..2900, 13_500..17_640]);
        assert_eq!(cuts(&sound, Silence::Trim), []);
    }

    #[test]
    fn clicks_are_no_sound_and_silence_has_no_pauses() {
        let sound = [(5.0, 0.1), (2.0, 0.0), (0.02, 0.5), (2.0, 0.0), (5.0, 0.1)];
        assert_eq!(cuts(&sound, Silence::Shorten).len(), 1);
        assert_eq!(cuts(&[(10.0, 0.0)], Silence::Shorten), []);
        assert_eq!(cuts(&[], Silence::Trim), []);
        assert_eq!(cuts(&[(10.0, 0.1)], Silence::Shorten), []);
    }
}
