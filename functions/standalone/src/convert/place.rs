//! Where videos come from and audio goes: files, and what is none.
//!
//! A file appears whole or not at all, under a name of its own until then. What else stands there - a device, a pipe, a
//! link - stays: it is written to, when all is ready, since the start of an audio is only known at its end.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek as _},
    os::{
        fd::AsFd as _,
        unix::fs::{FileTypeExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
};

use media::{FileSink, FileSource};
use tempfile::{Builder, TempPath};

use super::Error;

/// What the program calls its standard input and output.
pub(super) fn is_standard(path: &Path, device: &str) -> bool {
    path == Path::new("-") || path == Path::new(device)
}

/// The video: a file as it is, all else from a copy, since videos are read here and there.
pub(crate) fn source(input: &Path) -> io::Result<FileSource> {
    let mut file = match is_standard(input, "/dev/stdin") {
        true => File::from(io::stdin().as_fd().try_clone_to_owned()?),
        false => File::open(input)?,
    };
    if file.metadata()?.is_file() {
        return FileSource::of(file);
    }
    let mut copy = tempfile::tempfile()?;
    io::copy(&mut file, &mut copy)?;
    FileSource::of(copy)
}

/// Where an audio goes.
#[derive(Debug)]
pub(super) enum Target {
    /// To this file, which is not replaced if it is there and must not be.
    File { path: PathBuf, force: bool },
    /// Into what stands there.
    Stream(PathBuf),
    /// To standard output.
    Standard,
}

impl Target {
    /// What `output` is.
    pub(super) fn of(output: &Path, force: bool) -> Result<Self, Error> {
        if is_standard(output, "/dev/stdout") {
            return Ok(Self::Standard);
        }
        let wrong = |error| Error::File(output.to_owned(), error);
        if fs::symlink_metadata(output).is_err() {
            return Ok(Self::File { path: output.to_owned(), force });
        }
        // A link to nothing fails here: nobody knows what was meant.
        let kind = fs::metadata(output).map_err(wrong)?.file_type();
        if kind.is_fifo() || kind.is_char_device() {
            return Ok(Self::Stream(output.to_owned()));
        }
        if !kind.is_file() {
            return Err(wrong(io::Error::other("is no place for an audio")));
        }
        match force {
            true => Ok(Self::File { path: fs::canonicalize(output).map_err(wrong)?, force }),
            false => Err(Error::Exists(output.to_owned())),
        }
    }

    /// Begins to write.
    pub(super) fn begin(self) -> Result<Writing, Error> {
        let folder = match &self {
            Self::File { path, .. } => path.parent().map(Path::to_owned).unwrap_or_default(),
            Self::Stream(_) | Self::Standard => std::env::temp_dir(),
        };
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        let wrong = |error| Error::File(folder.clone(), error);
        fs::create_dir_all(&folder).map_err(wrong)?;
        let mut builder = Builder::new();
        // As any program's files: the umask takes its part.
        builder.prefix(".tapedeck-").suffix(".part").permissions(fs::Permissions::from_mode(0o666));
        let (file, path) = builder.tempfile_in(&folder).map_err(wrong)?.into_parts();
        Ok(Writing { target: self, file, path })
    }
}

/// An audio under way. Dropped, it leaves nothing behind.
pub(super) struct Writing {
    target: Target,
    file: File,
    path: TempPath,
}

impl Writing {
    pub(super) fn sink(&self) -> Result<FileSink, Error> {
        let file = self.file.try_clone().map_err(|error| Error::File(self.path.to_path_buf(), error))?;
        Ok(FileSink::of(file))
    }

    /// Puts the audio where it belongs.
    pub(super) fn finish(self) -> Result<(), Error> {
        let Self { target, mut file, path } = self;
        match target {
            Target::File { path: to, force: true } => {
                path.persist(&to).map_err(|error| Error::File(to, error.error))
            }
            // Somebody else may have put something there meanwhile.
            Target::File { path: to, force: false } => {
                path.persist_noclobber(&to).map_err(|error| match error.error.kind() {
                    io::ErrorKind::AlreadyExists => Error::Exists(to),
                    _ => Error::File(to, error.error),
                })
            }
            Target::Stream(to) => {
                let copied =
                    OpenOptions::new().write(true).open(&to).and_then(|stream| copy(&mut file, stream));
                copied.map_err(|error| Error::File(to, error))
            }
            Target::Standard => copy(&mut file, io::stdout()).map_err(|error| Error::File("-".into(), error)),
        }
    }
}

fn copy(file: &mut File, mut to: impl io::Write) -> io::Result<()> {
    file.rewind()?;
    io::copy(file, &mut to)?;
    to.flush()
}
