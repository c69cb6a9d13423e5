//! What a conversion has taken.

use std::ops::Add;

use serde::{Deserialize, Serialize};

/// What attempts at a conversion have taken, all together. An attempt counts when its converter says how it has ended; one
/// whose converter died, or had lost the job, says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Cost {
    /// How many attempts.
    pub attempts: u64,
    /// Seconds in the queue.
    pub waited_seconds: f64,
    /// Seconds of work, by the clock.
    pub ran_seconds: f64,
    /// CPU seconds of the engine's process, its own and the kernel's for it.
    pub cpu_seconds: f64,
    /// Bytes that were read from the blob store.
    pub bytes_read: u64,
    /// Bytes that were written to it.
    pub bytes_written: u64,
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            attempts: self.attempts + other.attempts,
            waited_seconds: self.waited_seconds + other.waited_seconds,
            ran_seconds: self.ran_seconds + other.ran_seconds,
            cpu_seconds: self.cpu_seconds + other.cpu_seconds,
            bytes_read: self.bytes_read.saturating_add(other.bytes_read),
            bytes_written: self.bytes_written.saturating_add(other.bytes_written),
        }
    }
}
