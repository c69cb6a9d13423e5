//! What the keys' and other errors are to the world.

use axum::http::{HeaderValue, StatusCode, header};
use db::LastAdmin;
use identity::LinkError;
use runtime::Problem;

use crate::hasher::HashError;

/// Somebody has to administer.
pub(crate) fn last_admin(_: LastAdmin) -> Problem {
    Problem::conflict(
        "Nobody else is an administrator. Make somebody one first, with PATCH /admin/users/{id} and the role admin.",
    )
}

/// A token of a mail that is not good.
pub(crate) fn link(error: LinkError) -> Problem {
    match error {
        LinkError::Expired => Problem::new(
            StatusCode::GONE,
            "link-expired",
            "This link has expired or was used before. Ask for a new password: the mail has a fresh one.",
        ),
        LinkError::Invalid => field("token", "This is no link of ours. Copy it whole from the mail."),
    }
}

/// Tokens that can't be made: a fault of ours, whichever it is.
pub(crate) fn token(error: identity::Error) -> Problem {
    Problem::internal(error.to_string())
}

/// A password that was neither found right nor wrong.
pub(crate) fn hashing(error: HashError) -> Problem {
    match error {
        HashError::Busy => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "Too many people log in right now. Try again in a few seconds.",
        )
        .header(header::RETRY_AFTER, HeaderValue::from_static("2")),
        HashError::Broken(cause) => Problem::internal(cause),
    }
}

/// 422 with the name of the field, for forms.
pub(crate) fn field(name: &str, detail: impl Into<String>) -> Problem {
    Problem::unprocessable(detail).member("field", name)
}

/// 403 with its own word.
pub(crate) fn forbidden(kind: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, kind, detail)
}
