//! Takes from the worker what it doesn't need, before it reads the first foreign byte.
//!
//! Four walls, one behind the other: no descriptor but the socket; landlock (no file can be opened, no port
//! connected); seccomp (`syscalls`: what is not listed answers EPERM); limits on time, memory, files and processes.
//! The process can still compute, and talk to the service.
#![expect(unsafe_code, reason = "resource limits and descriptors have no safe interface in std")]

mod syscalls;

use std::io;
use std::sync::mpsc::channel;
use std::time::Duration;

use landlock::{ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, Scope};

use super::pool::Pool;
use crate::engine::budget::OPENING;

/// Descriptors from this one on are closed: the socket is 0, stdout and stderr are /dev/null.
const FIRST_FOREIGN: libc::c_uint = 3;
/// What landlock is asked for; a kernel that knows less does what it can.
const LANDLOCK: ABI = ABI::V6;

/// First of all: closes every descriptor that was inherited by mistake, and gives up files and the network for all
/// threads to come.
pub(super) fn turn_inwards() -> io::Result<()> {
    // SAFETY: only numbers are passed; nothing in this fresh process has opened a descriptor yet.
    unsafe { libc::close_range(FIRST_FOREIGN, libc::c_uint::MAX, 0) };
    // One heap for all threads: each further one would reserve 64 MiB of the memory that is allowed.
    // SAFETY: no other thread runs yet.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
    give_up_files().map_err(io::Error::other)
}

fn give_up_files() -> Result<(), landlock::RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?
        .restrict_self()
        .map(drop)
}

/// Last: starts the threads that encode, and closes the sandbox for good around them and all others.
pub(super) fn close(cpu: Duration, memory_bytes: u64, threads: usize) -> io::Result<Pool> {
    let pool = Pool::start(threads)?;
    limit(cpu, memory_bytes)?;
    syscalls::filter()?;
    Ok(pool)
}

/// Sets the limits for good: no new files, processes, threads, core dumps; CPU time and memory as given.
fn limit(cpu: Duration, memory_bytes: u64) -> io::Result<()> {
    // First, so that none of the others leads to a dump. One byte, not none: a core that goes to a program is cut off by
    // no limit but this one (fs/coredump.c), and the service would wait for that program.
    set(libc::RLIMIT_CORE, 1)?;
    let seconds = cpu.as_secs().max(1);
    // SIGXCPU at the first, which tells the service why, and which it moves; SIGKILL at the second, which can't be ignored.
    set_both(libc::RLIMIT_CPU, seconds.min(OPENING.as_secs()), seconds + 1)?;
    set(libc::RLIMIT_AS, memory_bytes)?;
    set(libc::RLIMIT_FSIZE, 0)?;
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

/// From outside: moves the CPU time after which the worker `pid` gets SIGXCPU, up to the most that it started with.
pub(super) fn allow(pid: u32, cpu: Duration) -> io::Result<()> {
    let pid = pid.try_into().map_err(io::Error::other)?;
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid rlimit for the length of both calls; a process is named by a number.
    unsafe {
        if libc::prlimit(pid, libc::RLIMIT_CPU, std::ptr::null(), &mut limit) != 0 {
            return gone_or_error();
        }
        limit.rlim_cur = cpu.as_secs().max(1).min(limit.rlim_max);
        if libc::prlimit(pid, libc::RLIMIT_CPU, &limit, std::ptr::null_mut()) != 0 {
            return gone_or_error();
        }
    }
    Ok(())
}

/// A worker that has ended needs no limit.
fn gone_or_error() -> io::Result<()> {
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        error => Err(error),
    }
}

/// Ends the process as soon as the service's end of the socket is gone: a killed service leaves no worker behind.
///
/// Not PR_SET_PDEATHSIG: it fires when the *thread* that started the worker ends, and threads of an async runtime may
/// end at any time. Must come before [`close`], which forbids new threads.
pub(super) fn die_with_the_service() -> io::Result<()> {
    let (ready, begun) = channel::<()>();
    let watch = || {
        drop(ready);
        let mut hangup = libc::pollfd { fd: libc::STDIN_FILENO, events: libc::POLLRDHUP, revents: 0 };
        // SAFETY: `hangup` is one valid pollfd for the length of the call; _exit may be called from any thread.
        while unsafe { libc::poll(&mut hangup, 1, -1) } != 1 {}
        // SAFETY: as above.
        unsafe { libc::_exit(1) }
    };
    std::thread::Builder::new().stack_size(64 * 1024).spawn(watch)?;
    // As with the threads that encode, it has begun before memory is limited.
    while let Ok(()) = begun.recv() {}
    Ok(())
}
