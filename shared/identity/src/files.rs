//! Secret files: made once, whole or not at all, for the owner's eyes only.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use crate::{Error, new_secret};

/// Reads the file, which somebody made before.
pub(crate) fn load(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::Absent(path.to_owned()),
        _ => Error::File { path: path.to_owned(), source },
    })
}

/// Reads the file; if there is none, makes it with what `make` says.
///
/// Processes that start at the same time agree: the first one's file stays, the others read it.
pub(crate) fn load_or_create(
    path: &Path,
    make: impl FnOnce() -> Result<String, Error>,
) -> Result<String, Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        other => return other.map_err(failed),
    }
    let temporary = path.with_extension(new_secret("new-")?);
    let made = write_private(&temporary, &make()?).and_then(|()| keep_first(&temporary, path));
    // Gone or not, the file that counts is the other one.
    let _ = fs::remove_file(&temporary);
    made.and_then(|()| fs::read_to_string(path)).map_err(failed)
}

/// The secret of a signer that all processes with the same file share.
pub(crate) fn load_or_create_secret(path: &Path) -> Result<String, Error> {
    checked(path, &load_or_create(path, || new_secret(""))?)
}

/// The same, from a file that somebody made before.
pub(crate) fn load_secret(path: &Path) -> Result<String, Error> {
    checked(path, &load(path)?)
}

fn checked(path: &Path, text: &str) -> Result<String, Error> {
    let secret = text.trim().to_owned();
    if secret.len() < 32 {
        return Err(Error::Key(format!("{}: expected at least 32 random characters", path.display())));
    }
    Ok(secret)
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// A hard link, unlike a rename, does not replace what somebody else was quicker to make.
fn keep_first(temporary: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(temporary, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_file_is_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        assert_eq!(load_or_create(&path, || Ok("one".into())).unwrap(), "one");
        assert_eq!(load_or_create(&path, || Ok("two".into())).unwrap(), "one");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "a temporary file is left");
    }

    #[test]
    fn all_who_start_at_once_get_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let start = |number: usize| {
            let path = path.clone();
            std::thread::spawn(move || load_or_create(&path, || Ok(number.to_string())).unwrap())
        };
        let threads: Vec<_> = (0..8).map(start).collect();
        let texts: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    }

    #[test]
    fn a_file_that_is_only_read_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let error = load_secret(&path).unwrap_err().to_string();
        assert!(error.contains("secret: no such file") && error.contains("tapedeck keys DIR"), "{error}");
        assert!(!path.exists());
        let made = load_or_create_secret(&path).unwrap();
        assert_eq!(load_secret(&path).unwrap(), made);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = load_or_create(Path::new("/nowhere/secret"), || Ok("x".into())).unwrap_err();
        assert!(error.to_string().starts_with("/nowhere/secret: "), "{error}");
    }
}
