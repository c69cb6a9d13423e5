//! A process that is frozen, and goes on later as if nothing had happened.

use crate::Platform;

/// One function's process.
#[derive(Debug)]
pub struct Frozen(libc::pid_t);

/// Freezes it.
#[must_use]
pub fn freeze(platform: &Platform, function: &str) -> Frozen {
    let frozen = Frozen(libc::pid_t::try_from(platform.pid_of(function)).unwrap());
    frozen.signal(libc::SIGSTOP);
    frozen
}

impl Frozen {
    /// Lets it go on.
    pub fn thaw(self) {
        self.signal(libc::SIGCONT);
    }

    #[expect(unsafe_code, reason = "std can't stop a process")]
    fn signal(&self, signal: libc::c_int) {
        // SAFETY: no memory effects; the process is a child of this test.
        unsafe {
            libc::kill(self.0, signal);
        }
    }
}
