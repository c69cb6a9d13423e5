//! What can go wrong, named for what the caller can do about it.

/// A failed call. Absence is no error: it is `Ok(None)`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database can't be reached or refused the work; trying again later may help.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// A row with this unique value exists already.
    #[error("exists already")]
    Exists,
    /// A row holds what this version can't read.
    #[error("a row can't be read: {0}")]
    Corrupt(String),
    /// The URL is of no database that we know.
    #[error("DATABASE_URL: {0}")]
    Url(String),
    /// The schema could not be brought up to date.
    #[error("migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(cause) if cause.is_unique_violation() => Self::Exists,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) | sqlx::Error::Decode(_) => {
                Self::Corrupt(error.to_string())
            }
            _ => Self::Unavailable(error),
        }
    }
}
