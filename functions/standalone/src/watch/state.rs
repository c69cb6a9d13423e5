//! What was done: a line of JSON for each file, in a file that only grows. A line that was cut off by a crash is none.

use std::{
    collections::{HashMap, HashSet},
    fs::{File, TryLockError},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::look::Ready;

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Done,
    Failed,
}

#[derive(Serialize, Deserialize)]
struct Line {
    name: PathBuf,
    size: u64,
    /// Nanoseconds since 1970, as text: JSON's numbers are not for that.
    changed: String,
    outcome: Outcome,
    /// The audio, the job, or what went wrong.
    said: String,
}

type Version = (u64, String);

/// What was done, of this process alone.
pub(super) struct State {
    file: File,
    known: HashMap<PathBuf, (Version, Outcome)>,
    outputs: HashSet<PathBuf>,
}

impl State {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::options().create(true).read(true).append(true).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other("another tapedeck watches this folder"));
            }
            // Not every network mount has locks.
            Err(TryLockError::Error(_)) => {}
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let mut state = Self { file, known: HashMap::new(), outputs: HashSet::new() };
        if text.last().is_some_and(|byte| *byte != b'\n') {
            state.file.write_all(b"\n")?;
        }
        let lines = text.split(|byte| *byte == b'\n');
        lines.filter_map(|line| serde_json::from_slice(line).ok()).for_each(|line| state.remember(line));
        Ok(state)
    }

    /// Whether this version of the file was dealt with.
    pub(super) fn knows(&self, file: &Ready) -> bool {
        self.outcome(file).is_some()
    }

    pub(super) fn outcome(&self, file: &Ready) -> Option<Outcome> {
        let (known, outcome) = self.known.get(&file.name)?;
        (*known == version(file)).then_some(*outcome)
    }

    /// Whether we made that.
    pub(super) fn is_output(&self, path: &Path) -> bool {
        self.outputs.contains(path)
    }

    pub(super) fn note(&mut self, file: &Ready, outcome: Outcome, said: &str) -> io::Result<()> {
        let (size, changed) = version(file);
        let line = Line { name: file.name.clone(), size, changed, outcome, said: said.into() };
        let written = serde_json::to_vec(&line).map_err(io::Error::other);
        self.remember(line);
        self.file.write_all(&[&written?[..], b"\n"].concat())
    }

    fn remember(&mut self, line: Line) {
        if line.outcome == Outcome::Done {
            self.outputs.insert(line.said.into());
        }
        self.known.insert(line.name, ((line.size, line.changed), line.outcome));
    }
}

fn version(file: &Ready) -> Version {
    (file.size, file.changed.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_known_after_a_crash_in_the_middle_of_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("state");
        let file =
            Ready { path: "in/a.mp4".into(), name: "a.mp4".into(), size: 1, changed: u128::from(u64::MAX) };
        let mut state = State::open(&place).unwrap();
        state.note(&file, Outcome::Done, "out/a.mp3").unwrap();
        assert!(State::open(&place).is_err(), "one process at a time");
        drop(state);
        let mut text = std::fs::read(&place).unwrap();
        let line = text.clone();
        text.extend_from_slice(&line[..20]);
        std::fs::write(&place, text).unwrap();
        let mut state = State::open(&place).unwrap();
        assert!(state.knows(&file) && state.is_output(Path::new("out/a.mp3")));
        let other = Ready { name: "b.mp4".into(), ..file.clone() };
        state.note(&other, Outcome::Failed, "no").unwrap();
        drop(state);
        let state = State::open(&place).unwrap();
        assert_eq!(
            (state.outcome(&file), state.outcome(&other)),
            (Some(Outcome::Done), Some(Outcome::Failed))
        );
        assert!(!state.knows(&Ready { size: 2, ..file }), "it has changed");
    }
}
