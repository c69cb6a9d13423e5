//! How long a job may take: what the operator allows at most, and less for a source that declares less.
//!
//! The worker opens its file within [`OPENING`]. Then it may take as long as the sound lasts, on top of that; on one core of
//! today it takes a hundredth. Sound that turns out to be longer than it was declared earns its time as it is decoded. So
//! only what burns time without getting on is ended early; a source that declares nothing has all of the limits.

use std::time::Duration;

use tokio::time::Instant;

use super::Limits;

/// CPU time to open a file, and to spare for all that follows.
pub(crate) const OPENING: Duration = Duration::from_secs(120);
/// The same on the clock, where the storage may be slow too.
const WAITING: Duration = Duration::from_secs(300);
/// The slowest storage that is waited for, in bytes a second.
const SLOWEST: u64 = 1 << 20;

/// The time of one job.
pub(super) struct Budget {
    limits: Limits,
    start: Instant,
    /// What the storage may need for all of the source.
    storage: Duration,
    /// Of the sound, as far as is known; `None` if that is nothing.
    length: Option<Duration>,
}

impl Budget {
    /// From now on, for a source of `size` bytes.
    pub(super) fn new(limits: Limits, size: u64) -> Self {
        let storage = Duration::from_secs(size / SLOWEST);
        Self { limits, start: Instant::now(), storage, length: Some(Duration::ZERO) }
    }

    /// The source is open, and declares this length.
    pub(super) fn opened(&mut self, declared: Option<Duration>) {
        self.length = declared;
    }

    /// So much of the sound is done.
    pub(super) fn reached(&mut self, position: Duration) {
        self.length = self.length.map(|length| length.max(position));
    }

    /// The CPU time that the worker may use in all.
    pub(super) fn cpu(&self) -> Duration {
        self.at_most(self.limits.cpu, OPENING)
    }

    /// When it must be over.
    pub(super) fn deadline(&self) -> Instant {
        self.start + self.at_most(self.limits.wall, WAITING.saturating_add(self.storage))
    }

    fn at_most(&self, limit: Duration, spare: Duration) -> Duration {
        self.length.map_or(limit, |length| limit.min(spare.saturating_add(length)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        wall: Duration::from_secs(1500),
        cpu: Duration::from_secs(1200),
        memory_bytes: 0,
        output_bytes: 0,
    };

    /// CPU seconds, and seconds on the clock.
    fn seconds(budget: &Budget) -> (u64, u64) {
        (budget.cpu().as_secs(), (budget.deadline() - budget.start).as_secs())
    }

    #[test]
    fn opening_has_a_little_time_and_a_declared_length_as_much_again_as_it_is_long() {
        let mut budget = Budget::new(LIMITS, 0);
        assert_eq!(seconds(&budget), (120, 300));
        budget.opened(Some(Duration::from_secs(60)));
        assert_eq!(seconds(&budget), (180, 360));
    }

    #[test]
    fn no_declared_length_has_all_that_is_allowed_and_an_absurd_one_no_more() {
        for declared in [None, Some(Duration::from_secs(1_000_000_000)), Some(Duration::MAX)] {
            let mut budget = Budget::new(LIMITS, u64::MAX);
            budget.opened(declared);
            budget.reached(Duration::MAX);
            assert_eq!(seconds(&budget), (1200, 1500));
        }
    }

    #[test]
    fn what_gets_on_earns_its_time_though_it_was_declared_shorter() {
        let mut budget = Budget::new(LIMITS, 0);
        budget.opened(Some(Duration::from_secs(4)));
        budget.reached(Duration::from_secs(3));
        assert_eq!(seconds(&budget), (124, 304));
        budget.reached(Duration::from_secs(600));
        assert_eq!(seconds(&budget), (720, 900));
    }

    #[test]
    fn a_large_source_has_time_for_slow_storage() {
        assert_eq!(seconds(&Budget::new(LIMITS, 600 << 20)), (120, 900));
    }

    #[test]
    fn limits_below_the_rest_are_kept() {
        let limits = Limits { wall: Duration::from_millis(200), cpu: Duration::from_secs(1), ..LIMITS };
        let budget = Budget::new(limits, 0);
        assert_eq!((budget.cpu(), budget.deadline() - budget.start), (limits.cpu, limits.wall));
    }
}
