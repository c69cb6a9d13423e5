//! The threads that encode. They start before the sandbox closes, since in it no thread can be started any more.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;

/// Bytes of stack for each; LAME needs less than a third of it.
const STACK: usize = 512 * 1024;

/// A fixed number of threads. Dropping it lets them end.
pub(super) struct Pool {
    work: Sender<Work>,
    threads: usize,
}

type Work = Box<dyn FnOnce() + Send>;

/// The result of some work that another thread does.
pub(super) struct Pending<T>(Receiver<T>);

impl<T> Pending<T> {
    /// Waits for it. `None` if the thread failed.
    pub(super) fn wait(self) -> Option<T> {
        self.0.recv().ok()
    }
}

impl Pool {
    /// When it returns, all of them are ready: a thread that began under a tight limit on memory would panic where
    /// nothing can catch it, before its first line.
    pub(super) fn start(threads: usize) -> io::Result<Self> {
        let (work, waiting) = channel();
        let (ready, begun) = channel::<()>();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads {
            let (waiting, ready) = (Arc::clone(&waiting), ready.clone());
            let thread = move || {
                drop(ready);
                serve(&waiting);
            };
            Builder::new().stack_size(STACK).spawn(thread)?;
        }
        drop(ready);
        // Nothing is ever said: it ends when the last of them has let go of its end.
        while let Ok(()) = begun.recv() {}
        Ok(Self { work, threads })
    }

    /// How many there are.
    pub(super) fn threads(&self) -> usize {
        self.threads
    }

    /// Has the next free thread do `work`; first come, first served.
    pub(super) fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Pending<T> {
        let (done, result) = sync_channel(1);
        // Whoever no longer waits doesn't need the result; and where no thread is left, the wait ends with nothing.
        let work = Box::new(move || drop(done.send(work())));
        drop(self.work.send(work));
        Pending(result)
    }
}

/// What a thread does all its life.
fn serve(waiting: &Mutex<Receiver<Work>>) {
    loop {
        let work = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(work) = work else { return };
        work();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_back_to_those_who_asked() {
        let pool = Pool::start(3).unwrap();
        let pending: Vec<_> = (0..100).map(|number| pool.run(move || number * 2)).collect();
        let results: Vec<_> = pending.into_iter().map(|pending| pending.wait().unwrap()).collect();
        assert_eq!(results, (0..100).map(|number| number * 2).collect::<Vec<_>>());
    }

    #[test]
    fn work_that_panics_is_told_and_the_rest_goes_on() {
        let pool = Pool::start(2).unwrap();
        assert!(pool.run(|| panic!("as wanted")).wait().is_none());
        assert_eq!(pool.run(|| 7).wait(), Some(7));
    }
}
