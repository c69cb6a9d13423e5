//! When videos come, and how long each keeps a worker busy.

/// Numbers that look random and are the same each time (SplitMix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 0 to 1, without 1.
    pub(crate) fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A video: when its ticket is in the queue, and how long it takes, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Video {
    pub(crate) at: f64,
    pub(crate) work: f64,
}

/// Minutes of sound and how many of a hundred videos have so many: clips, lectures, recordings of a day.
pub(crate) const LENGTHS: [(f64, f64); 4] = [(1.0, 25.0), (10.0, 50.0), (60.0, 20.0), (180.0, 5.0)];
/// Seconds that any video takes a worker beside the conversion itself: claim, start of the engine, reads and writes.
pub(crate) const FIXED: f64 = 0.3;
/// Seconds of conversion per minute of sound on one core: the README's 18 CPU seconds an hour.
pub(crate) const PER_MINUTE: f64 = 18.0 / 60.0;

fn work(dice: &mut Dice) -> f64 {
    let mut place = dice.unit() * 100.0;
    let minutes = LENGTHS.iter().find(|(_, share)| {
        place -= share;
        place < 0.0
    });
    FIXED + PER_MINUTE * minutes.unwrap_or(&LENGTHS[0]).0
}

/// Seconds that a video takes on average.
pub(crate) fn mean_work() -> f64 {
    LENGTHS.iter().map(|(minutes, share)| (FIXED + PER_MINUTE * minutes) * share / 100.0).sum()
}

/// Of a day, which part of its videos comes in each hour, in thousandths: little at night, most in the evening.
pub(crate) const HOURS: [f64; 24] = [
    15.0, 10.0, 6.0, 5.0, 5.0, 8.0, 16.0, 30.0, 45.0, 55.0, 60.0, 58.0, 52.0, 54.0, 57.0, 58.0, 58.0, 60.0,
    65.0, 75.0, 78.0, 65.0, 42.0, 23.0,
];

/// What comes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arrivals {
    /// At random, so many an hour, for so many hours.
    Steady { an_hour: f64, hours: f64 },
    /// So many within ten minutes.
    Burst(usize),
    /// So many on a day, by `HOURS`.
    Day(f64),
}

impl Arrivals {
    pub(crate) fn videos(self) -> Vec<Video> {
        let mut dice = Dice::new(7);
        match self {
            Self::Burst(count) => {
                let at = |number: usize| number as f64 / count as f64 * 600.0;
                (0..count).map(|number| Video { at: at(number), work: work(&mut dice) }).collect()
            }
            Self::Steady { an_hour, hours } => at_random(&mut dice, hours, |_| an_hour),
            Self::Day(count) => {
                at_random(&mut dice, 24.0, |hour| count * HOURS[hour.min(23)] / HOURS.iter().sum::<f64>())
            }
        }
    }
}

/// A Poisson process whose rate changes with the hour, by thinning.
fn at_random(dice: &mut Dice, hours: f64, an_hour: impl Fn(usize) -> f64) -> Vec<Video> {
    let most = (0..24).map(&an_hour).fold(0.0, f64::max);
    let (mut at, mut videos) = (0.0, Vec::new());
    loop {
        at -= (1.0 - dice.unit()).ln() / most * 3600.0;
        if at >= hours * 3600.0 {
            return videos;
        }
        if dice.unit() * most < an_hour((at / 3600.0) as usize) {
            videos.push(Video { at, work: work(dice) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_its_videos_and_they_are_as_long_as_is_said() {
        let videos = Arrivals::Day(10_000.0).videos();
        assert!((9_700..10_300).contains(&videos.len()), "{}", videos.len());
        let mean = videos.iter().map(|video| video.work).sum::<f64>() / videos.len() as f64;
        assert!((mean / mean_work() - 1.0).abs() < 0.05, "{mean} {}", mean_work());
        assert!(videos.windows(2).all(|two| two[0].at <= two[1].at));
    }
}
