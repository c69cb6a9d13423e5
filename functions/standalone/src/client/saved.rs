//! Which job each audio in a folder is from, noted in `.tapedeck-get` there.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::Error;
use crate::notes;

/// A file as it was when it was saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Version {
    size: u64,
    /// As [`notes::changed`] says.
    changed: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    file: String,
    job: String,
    etag: String,
    #[serde(flatten)]
    version: Version,
}

/// What was saved in a folder, by this run and by those before.
pub(super) struct SavedFiles {
    pub(super) folder: PathBuf,
    lines: HashMap<String, Line>,
    /// By this run.
    saved: HashSet<String>,
}

impl SavedFiles {
    pub(super) fn of(folder: &Path) -> Self {
        let text = fs::read(folder.join(".tapedeck-get")).unwrap_or_default();
        let lines = notes::lines(&text).map(|line: Line| (line.file.clone(), line)).collect();
        Self { folder: folder.to_owned(), lines, saved: HashSet::new() }
    }

    /// Whether the file holds this version of the job's audio.
    pub(super) fn holds(&self, name: &str, job: &str, etag: &str) -> bool {
        self.line(name).is_some_and(|line| line.job == job && line.etag == etag)
    }

    /// Whether the file holds the audio of another job.
    pub(super) fn is_of_another(&self, name: &str, job: &str) -> bool {
        self.line(name).is_some_and(|line| line.job != job)
    }

    /// Whether this run has put it there.
    pub(super) fn is_of_this_run(&self, name: &str) -> bool {
        self.saved.contains(name)
    }

    /// What is noted of a file that is still as it was.
    fn line(&self, name: &str) -> Option<&Line> {
        let line = self.lines.get(name)?;
        version(&self.folder.join(name)).is_ok_and(|version| version == line.version).then_some(line)
    }

    pub(super) fn note(&mut self, name: &str, job: &str, etag: &str) -> Result<(), Error> {
        let path = self.folder.join(".tapedeck-get");
        let noted = || {
            let version = version(&self.folder.join(name))?;
            let line = Line { file: name.into(), job: job.into(), etag: etag.into(), version };
            let text = serde_json::to_vec(&line).map_err(io::Error::other)?;
            let mut file = File::options().create(true).append(true).open(&path)?;
            // On a line of its own, whatever a crash has left before.
            file.write_all(&[b"\n", &text[..], b"\n"].concat())?;
            Ok(line)
        };
        let line = noted().map_err(|error| Error::File(path.clone(), error))?;
        self.lines.insert(name.to_owned(), line);
        self.saved.insert(name.to_owned());
        Ok(())
    }
}

fn version(path: &Path) -> io::Result<Version> {
    let about = fs::metadata(path)?;
    Ok(Version { size: about.len(), changed: notes::changed(&about).to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_known_until_somebody_changes_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.mp3");
        fs::write(&file, "sound").unwrap();
        SavedFiles::of(folder.path()).note("a.mp3", "01h", "\"x\"").unwrap();
        let cut = File::options().append(true).open(folder.path().join(".tapedeck-get"));
        cut.unwrap().write_all(b"{\"file\":\"b.mp").unwrap();
        let kept = SavedFiles::of(folder.path());
        assert!(kept.holds("a.mp3", "01h", "\"x\"") && !kept.holds("a.mp3", "01h", "\"y\""));
        assert!(kept.is_of_another("a.mp3", "01j") && !kept.is_of_another("a.mp3", "01h"));
        assert!(!kept.is_of_this_run("a.mp3"));
        fs::write(&file, "mine now").unwrap();
        assert!(!kept.holds("a.mp3", "01h", "\"x\"") && !kept.is_of_another("a.mp3", "01j"));
    }
}
