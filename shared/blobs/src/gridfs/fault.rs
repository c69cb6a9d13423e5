//! What the driver's errors mean here, and the time that a call may take.

use std::{future::IntoFuture, io, time::Duration};

use mongodb::error::{Error as Cause, ErrorKind, WriteFailure};

use crate::{Error, Result};

/// How long a server is looked for: an outage is answered, not waited out.
pub(super) const SERVER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one call may take. The driver has no limit of its own for a server that takes a request and falls silent.
const CALL: Duration = Duration::from_secs(20);

/// `OutOfDiskSpace`, and the quota of a hosted cluster.
const FULL: [i32; 2] = [14031, 8000];
/// `DuplicateKey`.
const EXISTS: i32 = 11000;
/// `IndexOptionsConflict`, `IndexKeySpecsConflict`: an index of the same keys that is not as we would make it.
const INDEXED: [i32; 2] = [85, 86];

/// Runs one call of the driver.
pub(super) async fn within<T>(call: impl IntoFuture<Output = Result<T, Cause>>) -> Result<T> {
    match tokio::time::timeout(CALL, call.into_future()).await {
        Ok(result) => result.map_err(refused),
        Err(_) => Err(Error::Unavailable(io::ErrorKind::TimedOut.into())),
    }
}

fn refused(cause: Cause) -> Error {
    match code(&cause) {
        Some(code) if FULL.contains(&code) => Error::Full,
        Some(EXISTS) => Error::Unavailable(io::Error::new(io::ErrorKind::AlreadyExists, cause)),
        _ => Error::Unavailable(io::Error::other(cause)),
    }
}

/// The making of an index: one that another program has made serves as well.
pub(super) fn unless_there<T>(made: Result<T, Cause>) -> Result<()> {
    match made {
        Err(cause) if !code(&cause).is_some_and(|code| INDEXED.contains(&code)) => Err(refused(cause)),
        _ => Ok(()),
    }
}

/// Whether the blob's id is taken.
pub(super) fn is_taken(error: &Error) -> bool {
    matches!(error, Error::Unavailable(cause) if cause.kind() == io::ErrorKind::AlreadyExists)
}

/// The blob went while it was read or written.
pub(super) fn deleted() -> Error {
    Error::Unavailable(io::Error::new(io::ErrorKind::NotFound, "the blob was deleted meanwhile"))
}

fn code(cause: &Cause) -> Option<i32> {
    match cause.kind.as_ref() {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteError(error)) => Some(error.code),
        ErrorKind::InsertMany(several) => several.write_errors.as_ref()?.first().map(|error| error.code),
        _ => None,
    }
}
