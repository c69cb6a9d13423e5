//! What the cluster's own parts say goes where the programs' logs go.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
};

#[derive(Clone, Debug)]
pub(crate) struct Log(PathBuf);

impl Log {
    pub(crate) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(crate) fn open(&self) -> File {
        File::options().create(true).append(true).open(&self.0).unwrap()
    }

    pub(crate) fn line(&self, text: &str) {
        // A test that has ended has removed the folder.
        if let Ok(mut file) = File::options().create(true).append(true).open(&self.0) {
            let _ = writeln!(file, "knative: {text}");
        }
    }
}
