//! Memory that is freed goes back.

/// From here on a piece of memory is one of the system's own, and goes back to it when it is freed.
#[cfg(target_env = "gnu")]
const LARGE: libc::c_int = 128 * 1024;

/// Keeps glibc from growing that limit. By itself it takes the largest piece that was ever freed, so after the first
/// password (Argon2 needs 19 MiB for each) such pieces come from the heap, where the first small one behind each keeps
/// its place occupied for ever: some 600 MiB after forty log-ins beside uploads (mallopt(3)). Call it once, first.
pub fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "std does not speak of the allocator")]
    // SAFETY: it sets one number of the allocator's, under its lock.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}
