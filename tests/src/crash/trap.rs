//! What a process does, step by step, and its death at one of the steps.

use std::{
    collections::HashMap,
    fmt,
    sync::{Condvar, Mutex, MutexGuard},
    time::{Duration, Instant},
};

/// When a process dies: at a step of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// The step.
    pub step: String,
    /// 1 for the first step of this name since the trap was set.
    pub occurrence: usize,
    /// On which side of it.
    pub side: Side,
}

/// On which side of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The server never hears of it.
    Before,
    /// The server has done it, and its answer is lost.
    After,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Before => "before",
            Side::After => "after",
        };
        write!(f, "{side} {} ({})", self.step, self.occurrence)
    }
}

/// What is to be done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on.
    Forward,
    /// It goes on, and at its answer the process dies: [`Trap::fire`].
    Last,
    /// The process is dead.
    Dead,
}

/// Sees the steps of one process at a time, and kills it at the point that it is set to.
#[derive(Debug, Default)]
pub(super) struct Trap {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    pid: Option<u32>,
    /// Of the process; its lines know to which they belong.
    generation: u64,
    /// Whether there is a process that may connect.
    open: bool,
    armed: Option<Point>,
    seen: Vec<String>,
    counts: HashMap<String, usize>,
    fired: bool,
    /// Messages that the process has in hand.
    in_hand: i64,
    subscribed: usize,
    moved_at: Instant,
}

impl Default for State {
    fn default() -> Self {
        Self {
            pid: None,
            generation: 0,
            open: true,
            armed: None,
            seen: Vec::new(),
            counts: HashMap::new(),
            fired: false,
            in_hand: 0,
            subscribed: 0,
            moved_at: Instant::now(),
        }
    }
}

impl Trap {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A new connection of the process: its generation, or `None` if it is dead.
    pub(super) fn connected(&self) -> Option<u64> {
        let state = self.state();
        state.open.then_some(state.generation)
    }

    /// The process comes to a step.
    pub(super) fn step(&self, generation: u64, name: &str) -> Verdict {
        let mut state = self.state();
        if generation != state.generation || state.fired {
            return Verdict::Dead;
        }
        state.moved_at = Instant::now();
        state.seen.push(name.to_owned());
        let count = state.counts.entry(name.to_owned()).or_default();
        *count += 1;
        let count = *count;
        match &state.armed {
            Some(point) if point.step == name && point.occurrence == count => match point.side {
                Side::After => Verdict::Last,
                Side::Before => {
                    drop(state);
                    self.fire();
                    Verdict::Dead
                }
            },
            _ => Verdict::Forward,
        }
    }

    /// `kill -9`, and nothing of the process arrives any more.
    pub(super) fn fire(&self) {
        let mut state = self.state();
        state.fired = true;
        state.open = false;
        state = self.changed.wait_while(state, |state| state.pid.is_none()).unwrap();
        let pid = libc::pid_t::try_from(state.pid.take().unwrap()).unwrap();
        #[expect(unsafe_code, reason = "std can't kill by id")]
        // SAFETY: no memory effects; the process is our child, which nobody has waited for.
        unsafe {
            libc::kill(pid, libc::SIGKILL);
        }
        self.changed.notify_all();
    }

    /// Whether a line of this generation is still heard.
    pub(super) fn is_alive(&self, generation: u64) -> bool {
        let state = self.state();
        state.generation == generation && !state.fired
    }

    /// A message came (1) or was settled (-1).
    pub(super) fn in_hand(&self, change: i64) {
        let mut state = self.state();
        state.in_hand += change;
        state.moved_at = Instant::now();
    }

    pub(super) fn subscribed(&self) {
        let mut state = self.state();
        state.subscribed += 1;
        state.moved_at = Instant::now();
    }

    /// A process may come.
    pub(super) fn open(&self) {
        let mut state = self.state();
        let generation = state.generation + 1;
        let armed = state.armed.take();
        *state = State { generation, armed, ..State::default() };
    }

    /// This is the process.
    pub(super) fn watch(&self, pid: u32) {
        self.state().pid = Some(pid);
        self.changed.notify_all();
    }

    /// Begins to count anew; the process dies at `point`, if there is one.
    pub(super) fn set(&self, point: Option<Point>) {
        let mut state = self.state();
        state.armed = point;
        state.seen.clear();
        state.counts.clear();
    }

    /// The steps since the trap was set.
    pub(super) fn seen(&self) -> Vec<String> {
        self.state().seen.clone()
    }

    pub(super) fn has_fired(&self) -> bool {
        self.state().fired
    }

    /// Whether the process is subscribed to so many queues, has nothing in hand, and has done nothing for `time`.
    pub(super) fn is_calm(&self, queues: usize, time: Duration) -> bool {
        let state = self.state();
        state.subscribed >= queues && state.in_hand == 0 && state.moved_at.elapsed() >= time
    }
}
