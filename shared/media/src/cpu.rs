//! The CPU time of workers, as the kernel has counted it: a worker is not asked.
#![expect(unsafe_code, reason = "clocks of other processes have no safe interface in std")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What workers have used, those included whose job failed or was dropped. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct CpuTime(Arc<AtomicU64>);

impl CpuTime {
    /// So far, of the workers that have ended: user and system time, in microseconds.
    pub fn get(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }

    pub(crate) fn add(&self, used: Duration) {
        self.0.fetch_add(u64::try_from(used.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// What the process has used with all its threads: until now, or until its end if it was not waited for yet.
pub(crate) fn used(pid: u32) -> Option<Duration> {
    let pid = pid.try_into().ok()?;
    let mut clock = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: both are valid for the length of the calls; a process is named by a number.
    let told = unsafe {
        libc::clock_getcpuclockid(pid, &mut clock) == 0 && libc::clock_gettime(clock, &mut time) == 0
    };
    told.then(|| Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0)))
}
