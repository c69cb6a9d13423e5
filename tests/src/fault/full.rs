//! A disk that is full when the test says so, by a library (`full.c`) that stands before the calls that write.

use std::{fs, path::PathBuf};

use tempfile::TempDir;

use crate::{Setup, preload};

/// The disk of a platform in one process.
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
}

impl Disk {
    /// Makes the library.
    ///
    /// # Panics
    /// If there is no C compiler: what built the product needs one too.
    #[must_use]
    pub fn make() -> Self {
        let disk = Self { folder: tempfile::tempdir().unwrap() };
        preload::compile("fault/full.c", &disk.path("full.so"));
        disk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A platform on this disk.
    #[must_use]
    pub fn under(&self, setup: Setup) -> Setup {
        let setup = setup.set("LD_PRELOAD", self.path("full.so").display());
        setup.set("FULL_WHEN", self.path("full").display())
    }

    /// From now on no file grows.
    pub fn is_full(&self) {
        fs::write(self.path("full"), "").unwrap();
    }

    /// There is room again.
    pub fn has_room(&self) {
        fs::remove_file(self.path("full")).unwrap();
    }
}
