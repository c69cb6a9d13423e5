//! The extractor that every guarded handler takes.

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderValue, StatusCode, header, request::Parts},
};
use contracts::{KeyId, TokenId, UserId};
use runtime::Problem;

use crate::{
    Scope, Scopes, Verifier,
    cookie::{same_origin, session_secret},
    verifier::Refusal,
};

/// Who is calling, from `Authorization: Bearer <access token | API key>`, or else from the cookie of a session
/// (`cookie.rs`). Without either the answer is 401.
///
/// The account exists and is not disabled at the time of the call.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Their id.
    pub user_id: UserId,
    /// Whether they are an administrator, whatever the credentials are good for.
    pub admin: bool,
    /// What the credentials are good for. A log-in is good for everything.
    pub scopes: Scopes,
    /// The API key, if it is one and no access token.
    pub key_id: Option<KeyId>,
    /// The session, if it is a cookie's.
    pub session_id: Option<TokenId>,
}

impl Caller {
    /// Whether the credentials are good for `scope`; [`Scope::Admin`] takes an administrator besides.
    ///
    /// # Errors
    /// 403 if not.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        if !self.scopes.contains(scope) {
            let detail = format!(
                "This API key lacks the scope {:?}. Make a key that has it with POST /keys.",
                scope.as_str()
            );
            return Err(forbidden(detail));
        }
        if scope == Scope::Admin && !self.admin {
            return Err(forbidden("Only an administrator may do this."));
        }
        Ok(())
    }

    /// Whether the caller has logged in. An API key must not make further keys or change the account: whoever finds
    /// one would keep the account after it is deleted.
    ///
    /// # Errors
    /// 403 if it is an API key.
    pub fn require_login(&self) -> Result<(), Problem> {
        match self.key_id {
            None => Ok(()),
            Some(_) => {
                Err(forbidden("An API key can't do this. Log in with POST /login and use that token."))
            }
        }
    }
}

impl<S> FromRequestParts<S> for Caller
where
    Verifier: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let verifier = Verifier::from_ref(state);
        if let Some(credentials) = bearer(parts) {
            return verifier.verify(credentials).await.map_err(problem);
        }
        let secret = session_secret(&parts.headers).ok_or_else(no_credentials)?;
        same_origin(parts)?;
        verifier.by_session(secret).await.map_err(problem)
    }
}

fn bearer(parts: &Parts) -> Option<&str> {
    let (scheme, credentials) = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let credentials = credentials.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !credentials.is_empty()).then_some(credentials)
}

fn no_credentials() -> Problem {
    Problem::unauthorized(
        "Say who you are: send `Authorization: Bearer <token>` with a token from POST /login or an API key.",
    )
}

fn problem(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Expired => invalid(
            "token-expired",
            "The access token has expired. Get a new one with POST /token/refresh or POST /login.",
        ),
        Refusal::BadToken => {
            invalid("unauthorized", "This is no access token of ours. Get one with POST /login.")
        }
        Refusal::Ended => invalid(
            "unauthorized",
            "The password was changed after this log-in. Log in again with POST /login.",
        ),
        Refusal::NoSession => invalid(
            "session-ended",
            "This session has ended. Log in again with POST /session or POST /login.",
        ),
        Refusal::UnknownKey => {
            invalid("unauthorized", "This API key does not exist any more. Make one with POST /keys.")
        }
        Refusal::NoAccount => invalid("unauthorized", "This account does not exist any more."),
        Refusal::Disabled => Problem::new(
            StatusCode::FORBIDDEN,
            "account-disabled",
            "This account is disabled. Ask the administrator.",
        ),
        Refusal::Database(error) => Problem::of(error),
    }
}

/// 401 in the words of RFC 6750.
fn invalid(kind: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, kind, detail)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""))
}

fn forbidden(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
}
