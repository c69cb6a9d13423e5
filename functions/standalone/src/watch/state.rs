//! What was done with each file.

use std::{
    collections::HashMap,
    fs::{self, File, TryLockError},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::look::Ready;
use crate::notes;

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
    /// As [`notes::changed`] says.
    changed: String,
    outcome: Outcome,
    /// What it becomes, relative to the folder of this state; none if it is sent.
    output: Option<PathBuf>,
    /// The audio, the job, or what went wrong.
    said: String,
}

/// What became of one version of a file.
struct Known {
    size: u64,
    changed: String,
    outcome: Outcome,
    said: String,
}

/// What was done, of this process alone.
pub(super) struct State {
    file: File,
    /// By the file, and what it was to become.
    known: HashMap<(PathBuf, Option<PathBuf>), Known>,
    /// What each audio was made from.
    outputs: HashMap<PathBuf, PathBuf>,
}

/// The audio that is noted in a state, also in one that another process has open.
pub(super) fn outputs(path: &Path) -> io::Result<Vec<PathBuf>> {
    let done = notes::lines(&fs::read(path)?)
        .filter(|line: &Line| line.outcome == Outcome::Done)
        .collect::<Vec<_>>();
    Ok(done.into_iter().filter_map(|line| line.output).collect())
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
        let mut state = Self { file, known: HashMap::new(), outputs: HashMap::new() };
        if text.last().is_some_and(|byte| *byte != b'\n') {
            state.file.write_all(b"\n")?;
        }
        notes::lines(&text).for_each(|line| state.remember(line));
        Ok(state)
    }

    /// What became of this version of the file on its way to `output`, and what was said.
    pub(super) fn known(&self, file: &Ready, output: Option<&Path>) -> Option<(Outcome, &str)> {
        let known = self.known.get(&(file.name.clone(), output.map(Path::to_owned)))?;
        let same = (known.size, &known.changed) == (file.size, &file.changed.to_string());
        same.then_some((known.outcome, &known.said))
    }

    /// What we made that audio from.
    pub(super) fn source(&self, output: &Path) -> Option<&Path> {
        self.outputs.get(output).map(PathBuf::as_path)
    }

    pub(super) fn note(
        &mut self,
        file: &Ready,
        output: Option<&Path>,
        outcome: Outcome,
        said: &str,
    ) -> io::Result<()> {
        let (name, changed) = (file.name.clone(), file.changed.to_string());
        let output = output.map(Path::to_owned);
        let line = Line { name, size: file.size, changed, outcome, output, said: said.into() };
        let written = serde_json::to_vec(&line).map_err(io::Error::other);
        self.remember(line);
        self.file.write_all(&[&written?[..], b"\n"].concat())
    }

    fn remember(&mut self, line: Line) {
        let Line { name, size, changed, outcome, output, said } = line;
        if let Some(output) = output.clone().filter(|_| outcome == Outcome::Done) {
            self.outputs.insert(output, name.clone());
        }
        self.known.insert((name, output), Known { size, changed, outcome, said });
    }
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
        let mp3 = Some(Path::new("a.mp3"));
        let mut state = State::open(&place).unwrap();
        state.note(&file, mp3, Outcome::Done, "out/a.mp3").unwrap();
        assert!(State::open(&place).is_err(), "one process at a time");
        drop(state);
        let mut text = fs::read(&place).unwrap();
        let line = text.clone();
        text.extend_from_slice(&line[..20]);
        fs::write(&place, text).unwrap();
        let mut state = State::open(&place).unwrap();
        assert_eq!(state.known(&file, mp3), Some((Outcome::Done, "out/a.mp3")));
        assert_eq!(state.source(Path::new("a.mp3")), Some(Path::new("a.mp4")));
        assert_eq!(outputs(&place).unwrap(), [Path::new("a.mp3")]);
        let other = Ready { name: "b.mp4".into(), ..file.clone() };
        state.note(&other, Some(Path::new("b.mp3")), Outcome::Failed, "no").unwrap();
        drop(state);
        let state = State::open(&place).unwrap();
        assert_eq!(state.known(&other, Some(Path::new("b.mp3"))), Some((Outcome::Failed, "no")));
        assert_eq!(state.source(Path::new("b.mp3")), None);
        assert!(state.known(&file, mp3).is_some());
        assert_eq!(state.known(&file, Some(Path::new("a.opus"))), None, "that is another audio");
        assert_eq!(state.known(&Ready { size: 2, ..file }, mp3), None, "it has changed");
    }
}
