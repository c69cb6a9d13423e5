//! A source of time: the machine's clock, or a manual one for tests.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use crate::Timestamp;

/// A source of the time; cheap to clone, and clones share the time.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Milliseconds since 1970, where a test sets them.
    manual: Option<Arc<AtomicI64>>,
    /// How far it goes ahead of the machine's.
    ahead: Duration,
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands at `now` until it is advanced.
    #[must_use]
    pub fn manual(now: Timestamp) -> Self {
        Self { manual: Some(Arc::new(AtomicI64::new(now.millis()))), ahead: Duration::ZERO }
    }

    /// A clock that goes so far ahead of the machine's: what a test takes for another machine.
    #[must_use]
    pub fn skewed(ahead: Duration) -> Self {
        Self { manual: None, ahead }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.manual {
            Some(millis) => Timestamp::from_millis(millis.load(Ordering::SeqCst)),
            None => Timestamp::now().after(self.ahead),
        }
    }

    /// Turns a manual clock forward; the machine's goes its own way.
    pub fn advance(&self, span: Duration) {
        if let Some(millis) = &self.manual {
            millis.store(self.now().after(span).millis(), Ordering::SeqCst);
        }
    }

    /// Whether it is a manual clock.
    #[must_use]
    pub fn is_manual(&self) -> bool {
        self.manual.is_some()
    }
}
