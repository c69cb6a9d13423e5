//! Takes from the worker what it doesn't need, before it reads the first foreign byte.
#![expect(unsafe_code, reason = "resource limits and descriptors have no safe interface in std")]

use std::io;
use std::time::Duration;

/// Descriptors from this one on are closed: the socket is 0, stdout and stderr are /dev/null.
const FIRST_FOREIGN: libc::c_uint = 3;

/// Closes every descriptor that was inherited by mistake.
pub(super) fn drop_descriptors() {
    // SAFETY: only numbers are passed; nothing in this fresh process has opened a descriptor yet.
    unsafe { libc::close_range(FIRST_FOREIGN, libc::c_uint::MAX, 0) };
}

/// Sets the limits for good: no new files, processes, core dumps; CPU time and memory as given.
pub(super) fn limit(cpu: Duration, memory_bytes: u64) -> io::Result<()> {
    let seconds = cpu.as_secs().max(1);
    // SIGXCPU at the first, which tells the service why; SIGKILL at the second, which can't be ignored.
    set_both(libc::RLIMIT_CPU, seconds, seconds + 1)?;
    set(libc::RLIMIT_AS, memory_bytes)?;
    set(libc::RLIMIT_FSIZE, 0)?;
    set(libc::RLIMIT_CORE, 0)?;
    set(libc::RLIMIT_NPROC, 0)?;
    // One, not none: poll(2) refuses more descriptors than this. Number 0 is taken, so none can be opened.
    set(libc::RLIMIT_NOFILE, 1)
}

fn set(resource: libc::__rlimit_resource_t, value: u64) -> io::Result<()> {
    set_both(resource, value, value)
}

fn set_both(resource: libc::__rlimit_resource_t, soft: u64, hard: u64) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
    // SAFETY: `limit` is a valid rlimit for the length of the call.
    match unsafe { libc::setrlimit(resource, &limit) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Ends the process as soon as the service's end of the socket is gone: a killed service leaves no worker behind.
///
/// Not PR_SET_PDEATHSIG: it fires when the *thread* that started the worker ends, and threads of an async runtime may
/// end at any time. Must come before [`limit`], which forbids new threads.
pub(super) fn die_with_the_service() -> io::Result<()> {
    let watch = || {
        let mut hangup = libc::pollfd { fd: libc::STDIN_FILENO, events: libc::POLLRDHUP, revents: 0 };
        // SAFETY: `hangup` is one valid pollfd for the length of the call; _exit may be called from any thread.
        while unsafe { libc::poll(&mut hangup, 1, -1) } != 1 {}
        // SAFETY: as above.
        unsafe { libc::_exit(1) }
    };
    std::thread::Builder::new().stack_size(64 * 1024).spawn(watch).map(drop)
}
