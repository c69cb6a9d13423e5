//! What is in a folder, and since when it has not changed.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::Instant;

use super::{STATE, state};
use crate::notes;

/// Endings of what somebody is still writing.
const UNFINISHED: [&str; 6] = ["part", "partial", "crdownload", "download", "tmp", "filepart"];
/// Deepest subfolder.
const DEPTH: usize = 32;

/// A file that has settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) path: PathBuf,
    /// Its path within the folder.
    pub(super) name: PathBuf,
    pub(super) size: u64,
    /// When it was changed, in nanoseconds since 1970.
    pub(super) changed: u128,
}

/// A file that is watched.
struct Seen {
    size: u64,
    changed: u128,
    /// By our clock: that of a network mount may be another.
    settled_at: Instant,
    done: bool,
}

/// The folder, again and again.
#[derive(Default)]
pub(super) struct FolderScan {
    folder: PathBuf,
    /// Folders within that are none of its.
    apart: Vec<PathBuf>,
    settle: Duration,
    seen: HashMap<PathBuf, Seen>,
    /// Audio that we have made, in this run or in an earlier one.
    ours: HashSet<PathBuf>,
    /// The states of earlier runs that were read for that.
    read: HashSet<PathBuf>,
}

/// What is found in one look.
#[derive(Default)]
struct Found {
    files: Vec<Ready>,
    states: Vec<PathBuf>,
}

impl FolderScan {
    pub(super) fn new(folder: &Path, apart: Vec<PathBuf>, settle: Duration) -> io::Result<Self> {
        fs::read_dir(folder)?;
        Ok(Self { folder: folder.to_owned(), apart, settle, ..Self::default() })
    }

    /// The files that have settled and are not done, in the order of their names.
    pub(super) fn again(&mut self) -> io::Result<Vec<Ready>> {
        let now = Instant::now();
        let mut found = Found::default();
        self.walk(&self.folder, 0, &mut found)?;
        let Found { files: mut found, states } = found;
        states.iter().for_each(|state| self.learn(state));
        found.retain(|file| !self.is_ours(&file.path));
        found.sort_by(|one, other| one.path.cmp(&other.path));
        let there: HashSet<&PathBuf> = found.iter().map(|file| &file.path).collect();
        self.seen.retain(|path, _| there.contains(path));
        found.retain(|file| {
            let fresh = || Seen {
                size: file.size,
                changed: file.changed,
                settled_at: now + self.settle,
                done: false,
            };
            let seen = self.seen.entry(file.path.clone()).or_insert_with(fresh);
            if (seen.size, seen.changed) != (file.size, file.changed) {
                *seen = fresh();
            }
            !seen.done && seen.settled_at <= now
        });
        Ok(found)
    }

    /// What an earlier run has made in a folder, to whatever end it was watched.
    fn learn(&mut self, state: &Path) {
        if self.read.contains(state) {
            return;
        }
        // What can't be read now is read in the next look.
        if let (Ok(outputs), Some(folder)) = (state::outputs(state), state.parent()) {
            self.ours.extend(outputs.into_iter().map(|output| folder.join(output)));
            self.read.insert(state.to_owned());
        }
    }

    /// That is an audio of ours, and none to take.
    pub(super) fn made(&mut self, output: PathBuf) {
        self.ours.insert(output);
    }

    /// Whether we made it: an audio, or the waveform beside it.
    fn is_ours(&self, path: &Path) -> bool {
        let waveform = path.extension().is_some_and(|extension| extension == "json");
        self.ours.contains(path) || (waveform && self.ours.contains(&path.with_extension("")))
    }

    /// Whether nothing is left to do.
    pub(super) fn is_quiet(&self) -> bool {
        self.seen.values().all(|seen| seen.done)
    }

    /// Not again until it changes.
    pub(super) fn done(&mut self, file: &Ready) {
        if let Some(seen) = self.seen.get_mut(&file.path) {
            seen.done = true;
        }
    }

    /// Not before `time`.
    pub(super) fn later(&mut self, file: &Ready, time: Instant) {
        if let Some(seen) = self.seen.get_mut(&file.path) {
            seen.settled_at = time;
        }
    }

    /// Links to files are followed, links to folders are not: they may lead in a ring.
    fn walk(&self, folder: &Path, depth: usize, found: &mut Found) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            // What goes away meanwhile is no longer ours to look at.
            let Ok(entry) = entry else { continue };
            let (path, name) = (entry.path(), entry.file_name());
            if name == STATE {
                found.states.push(path);
                continue;
            }
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                let apart = path.canonicalize().is_ok_and(|path| self.apart.contains(&path));
                if depth < DEPTH && !apart {
                    // A subfolder that can't be read hides nothing else.
                    let _ = self.walk(&path, depth + 1, found);
                }
                continue;
            }
            let Ok(about) = fs::metadata(&path) else { continue };
            if !about.is_file() || about.len() == 0 || is_unfinished(&path) {
                continue;
            }
            let Ok(name) = path.strip_prefix(&self.folder).map(Path::to_owned) else { continue };
            found.files.push(Ready { path, name, size: about.len(), changed: notes::changed(&about) });
        }
        Ok(())
    }
}

fn is_unfinished(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    extension.is_some_and(|extension| UNFINISHED.contains(&extension.as_str()))
        || path.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(b"~"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_secs(5);

    fn names(ready: &[Ready]) -> Vec<&str> {
        ready.iter().map(|file| file.name.to_str().unwrap()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_is_ready_when_it_has_not_changed_for_a_while_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one.mp4"), folder.path().join("two.mp4"));
        fs::write(&one, "a").unwrap();
        let mut look = FolderScan::new(folder.path(), vec![], SETTLE).unwrap();
        assert!(look.again().unwrap().is_empty());
        tokio::time::advance(Duration::from_secs(4)).await;
        fs::write(&one, "ab").unwrap();
        assert!(look.again().unwrap().is_empty());
        tokio::time::advance(Duration::from_secs(4)).await;
        assert!(look.again().unwrap().is_empty(), "it grew four seconds ago");
        fs::write(&two, "b").unwrap();
        assert!(look.again().unwrap().is_empty() && !look.is_quiet());
        tokio::time::advance(Duration::from_secs(1)).await;
        let ready = look.again().unwrap();
        assert_eq!(names(&ready), ["one.mp4"]);
        look.done(&ready[0]);
        tokio::time::advance(SETTLE).await;
        // A rename into place is a new file, and waits too.
        fs::rename(&two, folder.path().join("three.mp4")).unwrap();
        assert!(look.again().unwrap().is_empty());
        tokio::time::advance(SETTLE).await;
        let ready = look.again().unwrap();
        assert_eq!(names(&ready), ["three.mp4"]);
        look.later(&ready[0], Instant::now() + SETTLE);
        assert!(look.again().unwrap().is_empty() && !look.is_quiet());
        look.done(&ready[0]);
        assert!(look.is_quiet());
        // Another file under the old name.
        fs::write(&one, "abc").unwrap();
        look.again().unwrap();
        tokio::time::advance(SETTLE).await;
        assert_eq!(names(&look.again().unwrap()), ["one.mp4"]);
    }

    #[tokio::test(start_paused = true)]
    async fn subfolders_count_and_what_is_hidden_unfinished_empty_or_ours_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for name in [
            "b/c/deep.mp4",
            "a.mp4",
            ".hidden.mp4",
            ".git/x.mp4",
            "x.part",
            "y.MP4.crdownload",
            "z~",
            "done/old.mp4",
        ] {
            fs::create_dir_all(path.join(name).parent().unwrap()).unwrap();
            fs::write(path.join(name), "x").unwrap();
        }
        fs::write(path.join("empty.mp4"), "").unwrap();
        std::os::unix::fs::symlink(path, path.join("b/ring")).unwrap();
        std::os::unix::fs::symlink(path.join("a.mp4"), path.join("link.mp4")).unwrap();
        let apart = vec![path.join("done").canonicalize().unwrap()];
        let mut look = FolderScan::new(path, apart, Duration::ZERO).unwrap();
        assert_eq!(names(&look.again().unwrap()), ["a.mp4", "b/c/deep.mp4", "link.mp4"]);
        assert!(FolderScan::new(&path.join("nowhere"), vec![], SETTLE).is_err());
    }
}
