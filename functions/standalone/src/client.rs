//! The commands that speak to a server: `login`, `logout`, `upload`, `jobs`, `get`.
//!
//! - `client/server.rs`: requests with the right credentials. `client/session.rs`: where those are kept.
//!   `client/place.rs`: which server, and our folder.
//! - `client/login.rs`, `client/upload.rs`, `client/jobs.rs`, `client/get.rs`: the commands.
//! - `client/saved.rs`: which audio in a folder is which job's.
//! - `client/tus.rs`: an upload that goes on where it was cut off. `client/bar.rs`: progress on a terminal.

mod bar;
mod get;
mod jobs;
mod login;
mod place;
mod saved;
mod server;
mod session;
mod tus;
mod upload;

use std::{io, path::PathBuf, process::ExitCode};

pub(crate) use self::{
    get::GetOptions,
    jobs::ListOptions,
    login::{LoginOptions, LogoutOptions},
    place::ServerOptions,
    server::Server,
    tus::Sending,
    upload::UploadOptions,
};

/// What every command of this kind says at the end of its help.
pub(crate) const HELP: &str = "Exit codes: 0 done, 1 a file can't be read or written, 2 wrong usage, 3 the server refuses it,\n\
    4 not logged in, 5 the server can't be reached or has too much to do, 6 a job has failed.\n\
    Variables: TAPEDECK_SERVER (as --server), TAPEDECK_KEY (an API key instead of `tapedeck login`),\n\
    TAPEDECK_CA_FILE (certificates, PEM, to trust besides those of this machine).";

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Usage(String),
    #[error("{}: {}", .0.display(), .1)]
    File(PathBuf, io::Error),
    #[error("{0}")]
    Refused(String),
    /// There is no such thing.
    #[error("{0}")]
    Absent(String),
    #[error("{0} Log in with `tapedeck login ADDRESS`.")]
    NotLoggedIn(String),
    #[error("{0}")]
    Away(String),
    #[error("{0}")]
    JobFailed(String),
}

impl Error {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::File(..) => 1,
            Self::Usage(_) => 2,
            Self::Refused(_) | Self::Absent(_) => 3,
            Self::NotLoggedIn(_) => 4,
            Self::Away(_) => 5,
            Self::JobFailed(_) => 6,
        }
    }

    /// The same with what it is about before its words, unless they begin with it.
    pub(crate) fn about(self, what: &str) -> Self {
        let told = |detail: String| match detail.strip_prefix(what) {
            Some(_) => detail,
            None => format!("{what}: {detail}"),
        };
        match self {
            Self::File(path, error) => Self::File(path, error),
            Self::Usage(detail) => Self::Usage(told(detail)),
            Self::Refused(detail) => Self::Refused(told(detail)),
            Self::Absent(detail) => Self::Absent(told(detail)),
            Self::NotLoggedIn(detail) => Self::NotLoggedIn(detail),
            Self::Away(detail) => Self::Away(told(detail)),
            Self::JobFailed(detail) => Self::JobFailed(told(detail)),
        }
    }

    /// Whether the same may go well later.
    pub(crate) fn will_pass(&self) -> bool {
        matches!(self, Self::Away(_) | Self::NotLoggedIn(_) | Self::File(..))
    }
}

impl From<contracts::InvalidOption> for Error {
    fn from(error: contracts::InvalidOption) -> Self {
        Self::Usage(error.to_string())
    }
}

pub(crate) async fn login(options: LoginOptions) -> ExitCode {
    ended(login::login(options).await)
}

pub(crate) async fn logout(options: LogoutOptions) -> ExitCode {
    ended(login::logout(options).await)
}

pub(crate) async fn upload(options: UploadOptions) -> ExitCode {
    ended(upload::upload(options).await)
}

pub(crate) async fn list(options: ListOptions) -> ExitCode {
    ended(jobs::list(options).await)
}

pub(crate) async fn get(options: GetOptions) -> ExitCode {
    ended(get::get(options).await)
}

/// The program's end. Of several things that went wrong the first one counts; each was told.
fn ended(result: Result<(), Error>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tapedeck: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Of many things the first error, when all were tried; the others are told here.
#[derive(Default)]
struct FirstError(Option<Error>);

impl FirstError {
    fn note(&mut self, result: Result<(), Error>) {
        let Err(error) = result else { return };
        match self.0 {
            None => self.0 = Some(error),
            Some(_) => eprintln!("tapedeck: {error}"),
        }
    }

    fn result(self) -> Result<(), Error> {
        self.0.map_or(Ok(()), Err)
    }
}
