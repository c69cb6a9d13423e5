//! Compares the result with what the container declared: all warnings of a conversion are made here.

use std::time::Duration;

use crate::clock::{Nanos, SECOND, TimestampFaults};
use crate::report::Warning;

/// A shortfall of more than this against the declared length is worth a warning.
const TOLERANCE: Duration = Duration::from_secs(1);
/// Less silence than this in holes is not: a few lost packets.
const LEAST_SILENCE: Nanos = SECOND / 2;
/// Nor are fewer distorted samples, in a thousand.
const LEAST_CLIPPED: u64 = 5;
/// What is quieter than this is nothing: 90 dB below full scale.
const INAUDIBLE: f32 = 3.2e-5;

/// What is known once a sound is over.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// How long the sound should be.
    pub(super) declared: Option<Duration>,
    /// Whether that is only a guess.
    pub(super) guessed: bool,
    /// How long it was; `None` if it was not read to its end.
    pub(super) found: Option<Duration>,
    /// How much of the file has gone by, in the time of all its streams: where only the container declares a length,
    /// the pictures may rightly last longer than the sound.
    pub(super) passed: Duration,
    /// Packets that could not be decoded.
    pub(super) damaged: u64,
    pub(super) times: TimestampFaults,
    /// How much a copy had to leave out.
    pub(super) missing: Nanos,
    /// How often another sound took over.
    pub(super) taken_over: u32,
    /// The most channels of what was mixed into one though nobody asked for it.
    pub(super) became_mono: Option<u32>,
    /// How many sounds there are, and the number of the one that was taken, if neither the user nor the file chose it.
    pub(super) unchosen: Option<(u32, u32)>,
}

impl Account {
    pub(super) fn warnings(&self) -> Vec<Warning> {
        let TimestampFaults { holes: count, silence, sets } = self.times;
        let silence = Some(silence).filter(|silence| *silence >= LEAST_SILENCE);
        let found = [
            self.truncated(),
            (self.damaged > 0).then_some(Warning::Damaged { packets: self.damaged }),
            silence.map(|nanos| Warning::Holes { count, silence: Duration::from_nanos(nanos as u64) }),
            (sets > 0).then_some(Warning::ClockSet { times: sets }),
            (self.taken_over > 0).then_some(Warning::TakenOver { times: self.taken_over }),
            (self.missing > 0)
                .then(|| Warning::Changed { missing: Duration::from_nanos(self.missing as u64) }),
            self.became_mono.map(|channels| Warning::BecameMono { channels }),
            self.unchosen.map(|(count, taken)| Warning::OtherTracks { taken, count }),
        ];
        found.into_iter().flatten().collect()
    }

    /// A file that stops early.
    fn truncated(&self) -> Option<Warning> {
        let (expected, found) = (self.declared.filter(|_| !self.guessed)?, self.found?);
        (found.max(self.passed) + TOLERANCE < expected).then_some(Warning::Truncated { expected, found })
    }
}

/// What the result sounds like, as far as numbers tell.
#[derive(Debug, Default)]
pub(super) struct AudioStats {
    peak: f32,
    samples: u64,
    clipped: u64,
}

impl AudioStats {
    /// These samples go into the result.
    pub(super) fn add(&mut self, pcm: &[f32]) {
        let peak = peak(pcm);
        if peak > 1.0 {
            self.clipped += pcm.iter().filter(|sample| sample.abs() > 1.0).count() as u64;
        }
        self.peak = self.peak.max(peak);
        self.samples += pcm.len() as u64;
    }

    pub(super) fn is_silent(&self) -> bool {
        self.peak < INAUDIBLE
    }

    pub(super) fn clipped(&self) -> Option<Warning> {
        let permille = self.clipped * 1000 / self.samples.max(1);
        (permille >= LEAST_CLIPPED).then_some(Warning::Clipped { permille: permille as u32 })
    }
}

fn peak(pcm: &[f32]) -> f32 {
    // In lanes, so that the compiler can do many at once.
    let (lanes, rest) = pcm.as_chunks::<8>();
    let mut peaks = [0.0_f32; 8];
    for lane in lanes {
        peaks.iter_mut().zip(lane).for_each(|(peak, sample)| *peak = peak.max(sample.abs()));
    }
    peaks.iter().chain(rest).fold(0.0, |peak, sample| peak.max(sample.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(account: Account) -> Vec<&'static str> {
        account.warnings().iter().map(Warning::code).collect()
    }

    #[test]
    fn what_is_as_it_was_promised_has_no_warning() {
        let second = Duration::from_secs(1);
        let account = Account {
            declared: Some(10 * second),
            found: Some(9 * second),
            times: TimestampFaults { holes: 3, silence: SECOND / 3, sets: 0 },
            ..Account::default()
        };
        assert_eq!(codes(account), [""; 0]);
    }

    #[test]
    fn everything_that_is_not_has_one_of_its_own() {
        let account = Account {
            declared: Some(Duration::from_secs(10)),
            guessed: false,
            found: Some(Duration::from_secs(2)),
            passed: Duration::from_secs(3),
            damaged: 1,
            times: TimestampFaults { holes: 1, silence: SECOND, sets: 1 },
            missing: 1,
            taken_over: 1,
            became_mono: Some(2),
            unchosen: Some((2, 1)),
        };
        let expected = [
            "truncated",
            "damaged",
            "holes",
            "clock_set",
            "taken_over",
            "changed",
            "became_mono",
            "other_tracks",
        ];
        assert_eq!(codes(account), expected);
    }

    #[test]
    fn what_was_cut_off_on_purpose_is_not_short() {
        let declared = Some(Duration::from_secs(10));
        assert_eq!(codes(Account { declared, ..Account::default() }), [""; 0]);
    }

    #[test]
    fn silence_and_distortion_are_heard() {
        let mut stats = AudioStats::default();
        stats.add(&[0.0, 1e-6, -1e-6]);
        assert!(stats.is_silent() && stats.clipped().is_none());
        stats.add(&[-1.5; 9]);
        assert!(!stats.is_silent());
        assert_eq!(stats.clipped(), Some(Warning::Clipped { permille: 750 }));
    }
}
