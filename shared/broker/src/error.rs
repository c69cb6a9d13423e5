//! Why an event could not be published, named for what the caller can do about it.

/// An event that was not taken. Its row stays in the outbox.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is of no broker that a function on its own can use.
    #[error("BROKER_URL: expected amqp://user:password@host:port/vhost. (local: is for `tapedeck serve`.)")]
    Url,
    /// The attributes to add can't be read.
    #[error("K_CE_OVERRIDES: {0}")]
    Overrides(#[source] serde_json::Error),
    /// The HTTP client can't be made.
    #[error("the HTTP client: {0}")]
    Client(#[source] reqwest::Error),
    /// The broker can't be reached or did not answer in time; trying again later may help.
    #[error("the broker is not available: {0}")]
    Unavailable(String),
    /// No queue is bound for this event.
    #[error("no queue is bound")]
    NoRoute,
    /// The broker is there but does not take this event.
    #[error("the broker refused it: {0}")]
    Refused(String),
}

impl From<lapin::Error> for Error {
    fn from(error: lapin::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}
