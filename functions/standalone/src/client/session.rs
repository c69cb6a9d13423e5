//! Log-ins, in a file that nobody else may read: `session.json` in our folder.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{ErrorKind, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use super::Error;

/// What a server gave for mail address and password.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) access_token: String,
    /// Good once.
    pub(super) refresh_token: String,
    /// By this machine's clock, in seconds since 1970.
    pub(super) expires_at: u64,
}

/// What `/login` and `/token/refresh` answer.
#[derive(Deserialize)]
pub(super) struct Granted {
    access_token: String,
    refresh_token: String,
    expires_in: u64,
}

impl From<Granted> for Tokens {
    fn from(granted: Granted) -> Self {
        let Granted { access_token, refresh_token, expires_in } = granted;
        Self { access_token, refresh_token, expires_at: now() + expires_in }
    }
}

impl Tokens {
    /// Whether a request that begins now may come too late.
    pub(super) fn is_stale(&self) -> bool {
        self.expires_at < now() + 30
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// The log-ins, by the servers' addresses.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Sessions {
    /// The server of the latest log-in.
    pub(super) server: Option<String>,
    pub(super) tokens: BTreeMap<String, Tokens>,
}

/// The file of the log-ins, ours alone until this is dropped. A refresh token is good once: two processes that present the
/// same one would end the log-in.
pub(super) struct Store {
    folder: PathBuf,
    _lock: File,
}

impl Store {
    /// Waits for others.
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        let wrong = |error| Error::File(folder.to_owned(), error);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(wrong)?;
        let lock = File::options().create(true).truncate(false).write(true).open(folder.join("lock"));
        let lock = lock.map_err(wrong)?;
        lock.lock().map_err(wrong)?;
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    pub(super) fn read(&self) -> Result<Sessions, Error> {
        read(&self.folder)
    }

    /// Whole or not at all, and from its first byte on with mode 0600.
    pub(super) fn write(&self, sessions: &Sessions) -> Result<(), Error> {
        let path = file(&self.folder);
        let wrong = |error| Error::File(path.clone(), error);
        let mut new = tempfile::NamedTempFile::new_in(&self.folder).map_err(wrong)?;
        let json = serde_json::to_vec_pretty(sessions).map_err(|error| wrong(error.into()))?;
        new.write_all(&json).map_err(wrong)?;
        new.persist(&path).map_err(|error| wrong(error.error))?;
        Ok(())
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("session.json")
}

/// The log-ins as they are now.
pub(super) fn read(folder: &Path) -> Result<Sessions, Error> {
    let path = file(folder);
    match fs::read(&path) {
        Ok(json) => serde_json::from_slice(&json)
            .map_err(|_| Error::NotLoggedIn(format!("{} can't be read.", path.display()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Sessions::default()),
        Err(error) => Err(Error::File(path, error)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn log_ins_are_kept_where_nobody_else_reads() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("config/tapedeck");
        assert!(read(&folder).unwrap().server.is_none());
        let tokens = Tokens { access_token: "a".into(), refresh_token: "r".into(), expires_at: now() + 20 };
        assert!(tokens.is_stale());
        let sessions = Sessions { server: Some("x".into()), tokens: [("x".into(), tokens.clone())].into() };
        Store::open(&folder).unwrap().write(&sessions).unwrap();
        assert_eq!(read(&folder).unwrap().tokens["x"], tokens);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&file(&folder))), (0o700, 0o600));
    }
}
