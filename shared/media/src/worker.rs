//! The worker process: the same program, started again, that reads what strangers upload.
//!
//! [`run_if_asked`] is the worker's side, `child` the service's; `confine` takes away what the worker must not do.

mod account;
mod audible;
pub(crate) mod child;
mod confine;
mod copy;
mod cutter;
mod encode;
mod extract;
mod fade;
mod fault;
mod frame;
pub(crate) mod fuzz;
mod keep;
mod level;
mod library;
mod link;
mod measure;
mod metadata;
mod mp3;
mod output;
mod parts;
mod pauses;
mod peaks;
mod pool;
mod refine;
mod seam;
mod select;
mod sounds;
mod steps;
mod successor;
mod tag;
mod timeline;
#[cfg(test)]
mod wave;
mod xing;

use std::io;

use crate::engine::Limits;

/// The first argument that makes the program a worker. Private to this crate and the programs that use it.
pub(crate) const ARGUMENT: &str = "--media-worker";

/// Becomes the worker, and never returns, if the program was started as one. To be called first thing in `main`,
/// before a runtime or any other thread starts.
#[expect(clippy::disallowed_methods, reason = "the worker has no main to return to and nothing to drain")]
pub fn run_if_asked() {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == ARGUMENT) {
        std::process::exit(match steps::run() {
            Ok(()) => 0,
            // The service is gone, or talks nonsense: nobody is left to tell.
            Err(_) => 1,
        });
    }
}

/// Makes this process as powerless as a worker is when it meets its file: for programs that try whether it holds. Not
/// undone until the process ends.
///
/// # Errors
/// If the system has no seccomp, or refuses a limit.
pub fn confine(limits: &Limits) -> io::Result<()> {
    confine::turn_inwards()?;
    confine::close(limits.cpu, limits.memory_bytes, 1).map(std::mem::forget)
}
