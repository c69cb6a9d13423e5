//! Time that passes faster than real time.

use std::time::Duration;

/// By which factor the cluster's own times are shortened: ticks, pauses between retries, idle windows, the scaler. How
/// long a request may take is not: programs work no faster.
#[derive(Clone, Copy, Debug)]
pub struct Pace(pub f64);

impl Pace {
    /// How long so much of the cluster's time takes.
    #[must_use]
    pub fn real(self, time: Duration) -> Duration {
        time.div_f64(self.0)
    }

    /// How much of the cluster's time passes meanwhile.
    #[must_use]
    pub fn cluster(self, time: Duration) -> Duration {
        time.mul_f64(self.0)
    }
}
