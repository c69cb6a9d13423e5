//! All functions in one process whose changes to files are seen one by one, by `shim.c`.

use std::{
    cell::Cell,
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use tempfile::TempDir;

use super::schema;
use crate::process::{Process, program};

/// Bytes of `struct control`.
const CONTROL: u64 = 16 + 256;
const ARMED: u64 = 0;
const KILL_AT: u64 = 4;
const COUNT: u64 = 8;
const FIRED: u64 = 12;
const NAME: u64 = 16;

/// The library, made once for a test.
#[derive(Debug)]
pub struct Shim {
    folder: TempDir,
}

impl Shim {
    /// Compiles it.
    ///
    /// # Panics
    /// If there is no C compiler: what built the product needs one too.
    #[must_use]
    pub fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        crate::preload::compile("crash/shim.c", &folder.path().join("shim.so"));
        Self { folder }
    }

    /// For one process, which keeps its files in a folder called `data`.
    #[must_use]
    pub fn for_process(&self) -> Calls {
        let folder = tempfile::tempdir().unwrap();
        let control = folder.path().join("control");
        let control = File::options().read(true).write(true).create_new(true).open(control).unwrap();
        control.set_len(CONTROL).unwrap();
        Calls { library: self.folder.path().join("shim.so"), folder, control }
    }
}

/// The calls of one process that change files.
#[derive(Debug)]
pub struct Calls {
    library: PathBuf,
    folder: TempDir,
    control: File,
}

impl Calls {
    /// What its environment needs.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, String)> {
        let path = |path: &Path| path.display().to_string();
        [
            ("LD_PRELOAD", path(&self.library)),
            ("CRASH_CONTROL", path(&self.folder.path().join("control"))),
            ("CRASH_STEPS", path(&self.folder.path().join("steps"))),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    fn number(&self, at: u64) -> u32 {
        let mut bytes = [0; 4];
        self.control.read_exact_at(&mut bytes, at).unwrap();
        u32::from_ne_bytes(bytes)
    }

    fn set(&self, at: u64, number: u32) {
        self.control.write_all_at(&number.to_ne_bytes(), at).unwrap();
    }

    /// From now on calls are recorded.
    pub fn record(&self) {
        self.set(KILL_AT, 0);
        self.set(ARMED, 1);
    }

    /// From now on the process dies before the `occurrence`-th call of this name.
    pub fn arm(&self, name: &str, occurrence: usize) {
        // Ids vary: what stands before them is the name.
        let name = name.split(ID).next().unwrap_or_default();
        let mut bytes = [0; 256];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        self.control.write_all_at(&bytes, NAME).unwrap();
        self.set(COUNT, 0);
        self.set(KILL_AT, u32::try_from(occurrence).unwrap());
        self.set(ARMED, 1);
    }

    /// Nothing is recorded any more.
    pub fn disarm(&self) {
        self.set(ARMED, 0);
    }

    /// Whether the process died there.
    #[must_use]
    pub fn has_fired(&self) -> bool {
        self.number(FIRED) == 1
    }

    /// The calls since [`Calls::record`] or [`Calls::arm`], with `ID` for each id.
    #[must_use]
    pub fn recorded(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("steps")).unwrap_or_default();
        text.lines().map(without_ids).collect()
    }
}

/// `tapedeck migrate` on an SQLite of its own.
#[derive(Debug)]
pub struct OneMigration {
    folder: TempDir,
    killed: Cell<bool>,
}

impl OneMigration {
    /// An empty place.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        Self { folder, killed: Cell::new(false) }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("data/tapedeck.db")
    }

    /// Runs it, to its end or its death. Returns the calls.
    ///
    /// # Panics
    /// If it fails although nobody killed it.
    pub fn run(&self, shim: &Shim, arm: impl FnOnce(&Calls)) -> Vec<String> {
        let calls = shim.for_process();
        arm(&calls);
        let mut variables = calls.variables();
        variables.push(("DATABASE_URL".into(), format!("sqlite:{}", self.database().display())));
        variables.push(("BLOBS_URL".into(), format!("file:{}/blobs", self.folder.path().display())));
        let log = self.folder.path().join("log");
        let mut command = program("tapedeck", &variables, &log);
        command.arg("migrate").stdout(Stdio::null());
        let ended = Process::start_quietly(command).wait();
        let text = || fs::read_to_string(&log).unwrap_or_default();
        assert!(ended.success() || calls.has_fired(), "{ended}\n{}", text());
        self.killed.set(calls.has_fired());
        calls.recorded()
    }

    /// Whether the last run was killed.
    #[must_use]
    pub fn was_killed(&self) -> bool {
        self.killed.get()
    }

    /// What it has made.
    #[must_use]
    pub fn schema(&self) -> String {
        schema(&self.database().display().to_string())
    }
}

impl Default for OneMigration {
    fn default() -> Self {
        Self::new()
    }
}

const ID: &str = "ID";
/// Letters of an id.
const LETTERS: usize = 26;

fn without_ids(line: &str) -> String {
    let mut text = String::new();
    let mut word = String::new();
    for letter in line.chars().chain(['\n']) {
        if letter.is_ascii_alphanumeric() {
            word.push(letter);
            continue;
        }
        text.push_str(if word.len() == LETTERS { ID } else { &word });
        word.clear();
        text.push(letter);
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_ids() {
        let line = "rename blobs/partial/videos/01kb0j9zvyfjmy36m6dnk3h8zn";
        assert_eq!(without_ids(line), "rename blobs/partial/videos/ID");
        assert_eq!(without_ids("sync tapedeck.db-wal"), "sync tapedeck.db-wal");
        let mail = "create mails/01kb0j9zvyfjmy36m6dnk3h8zn-ready.partial";
        assert_eq!(without_ids(mail), "create mails/ID-ready.partial");
    }
}
