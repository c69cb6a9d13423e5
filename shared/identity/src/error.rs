//! What can go wrong with keys and secrets, named for what the operator can do about it.

use std::{io, path::PathBuf};

/// A failed call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key file can't be read or made.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no such file, and this program does not make it.
    #[error("{}: no such file. `tapedeck keys DIR` makes the keys, once for all functions", .0.display())]
    Absent(PathBuf),
    /// The file is there, but holds no usable key.
    #[error("not a usable key: {0}")]
    Key(String),
    /// The operating system gives no random bytes.
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    /// The token can't be made.
    #[error("the token can't be made: {0}")]
    Token(String),
}
