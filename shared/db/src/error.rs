//! What can go wrong, named for what the caller can do about it.

use contracts::Outage;
use sqlx::error::{DatabaseError, ErrorKind};

/// sqlx can also encrypt the password alone, with the server's RSA key. It takes the key from whoever answers: that
/// protects from nobody who can change what goes over the line, and all the rest would go in clear.
const NEEDS_TLS: &str = "the server asks for the password itself (caching_sha2_password), which only goes over TLS: \
    give the server a certificate, and take ssl-mode=DISABLED out of DATABASE_URL if it is there";

/// A failed call. Absence is no error: it is `Ok(None)`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database can't be reached or refused the work; trying again later may help.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// A row with this unique value exists already.
    #[error("exists already")]
    Exists,
    /// A row holds what this version can't read, or was to hold what the database can't keep.
    #[error("a row can't be read or written: {0}")]
    Corrupt(String),
    /// The URL is of no database that we know.
    #[error("DATABASE_URL: {0}")]
    Url(String),
    /// The schema could not be brought up to date.
    #[error("migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
}

impl Error {
    /// Whether the database gave up this transaction for another one: it changed nothing and may begin again
    /// (SQLSTATE 40001, "serialization failure").
    pub(crate) fn is_deadlock(&self) -> bool {
        let Self::Unavailable(sqlx::Error::Database(cause)) = self else { return false };
        cause.code().is_some_and(|code| code == "40001")
    }
}

impl Outage for Error {
    fn is_outage(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(cause) if cause.is_unique_violation() => Self::Exists,
            sqlx::Error::Database(cause) if is_about_data(cause.as_ref()) => Self::Corrupt(error.to_string()),
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_)
            | sqlx::Error::RowNotFound
            | sqlx::Error::TypeNotFound { .. } => Self::Corrupt(error.to_string()),
            sqlx::Error::Configuration(cause) if cause.to_string().contains("RSA auth backend disabled") => {
                Self::Unavailable(sqlx::Error::Configuration(NEEDS_TLS.into()))
            }
            _ => Self::Unavailable(error),
        }
    }
}

/// Whether the database refused a value: trying again will not help.
fn is_about_data(cause: &dyn DatabaseError) -> bool {
    let violates = matches!(
        cause.kind(),
        ErrorKind::CheckViolation | ErrorKind::ForeignKeyViolation | ErrorKind::NotNullViolation
    );
    // SQLSTATE class 22 is "data exception" (MySQL); 18 and 20 are SQLITE_TOOBIG and SQLITE_MISMATCH.
    violates
        || cause
            .code()
            .is_some_and(|code| (code.len() == 5 && code.starts_with("22")) || code == "18" || code == "20")
}
