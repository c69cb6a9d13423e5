//! The data folder: everything that `tapedeck serve` keeps when no URL says otherwise.
//!
//! ```text
//! DATA/lock           held while a process runs
//! DATA/tapedeck.db    users, jobs, outbox (SQLite)
//! DATA/blobs/         videos and audios
//! DATA/mails/         the mails that were sent
//! DATA/keys/          signing key and link key, made at the first start
//! ```

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::serve::Error;

/// A data folder that is ours alone, until this value goes.
pub(crate) struct Data {
    folder: PathBuf,
    /// Whether this is the first start in this folder.
    pub(crate) first_start: bool,
    _lock: File,
}

impl Data {
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        let failed = |error: io::Error| Error::Data { folder: folder.to_owned(), error };
        let first_start = !folder.join("keys").exists();
        fs::create_dir_all(folder.join("keys")).map_err(failed)?;
        // Absolute: a URL made of it must not depend on where we stand.
        let folder_path = folder.canonicalize().map_err(failed)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder_path.join("lock"))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder: folder_path, first_start, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse(folder_path)),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// `scheme:DATA/name`.
    pub(crate) fn url(&self, scheme: &str, name: &str) -> String {
        format!("{scheme}:{}", self.path(name).display())
    }
}
