//! The error world of events: try again, or never again. (The one of HTTP is `problem.rs`.)

use std::{error::Error as StdError, fmt};

use contracts::Outage;

/// Why an event handler did not do its work, named for what the broker shall do.
#[derive(Debug)]
pub enum Failure {
    /// The row that the event is about could not be read: redeliver it after a pause; 503 over HTTP.
    Retry(String),
    /// Never deliver it again: it is dropped with an error line; 422 over HTTP.
    Reject(String),
}

impl Failure {
    /// What an error of a store is to a broker: to be delivered again if it will pass, else never.
    #[must_use]
    pub fn of<E: Outage>(error: E) -> Self {
        if error.is_outage() { Self::Retry(chain(&error)) } else { Self::Reject(chain(&error)) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry(cause) => write!(f, "to be retried: {cause}"),
            Self::Reject(cause) => write!(f, "rejected: {cause}"),
        }
    }
}

/// Makes a [`Failure`] of an error. `?` alone does not compile in a handler: each line says which it is.
pub trait OrFail<T> {
    /// The cause may pass: deliver the event again.
    ///
    /// # Errors
    /// [`Failure::Retry`] for any error.
    fn or_retry(self) -> Result<T, Failure>;
    /// The cause will not pass: the event is dropped.
    ///
    /// # Errors
    /// [`Failure::Reject`] for any error.
    fn or_reject(self) -> Result<T, Failure>;
}

impl<T, E: StdError> OrFail<T> for Result<T, E> {
    fn or_retry(self) -> Result<T, Failure> {
        self.map_err(|error| Failure::Retry(chain(&error)))
    }
    fn or_reject(self) -> Result<T, Failure> {
        self.map_err(|error| Failure::Reject(chain(&error)))
    }
}

/// The error with its causes, for the log.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Many errors print their source already.
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
