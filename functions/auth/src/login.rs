//! `POST /login`: address and password for tokens.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use db::{Quota, User};
use runtime::{Client, Json, Problem};

use crate::{
    Auth, address,
    guard::{Limit, PasswordAttempt},
    hasher::is_outdated,
    problem::{forbidden, hashing},
    session::device,
    tokens::{NO_STORE, Tokens, access_token, new_tokens},
};

/// Logs in.
///
/// The answer is the bare access token as text. With `Accept: application/json` it is access token and refresh token.
#[utoipa::path(post, path = "/login", tag = "accounts", security(("basic" = [])),
    responses(
        (status = 200, description = "The access token, or both tokens as JSON", content(
            (String = "text/plain"), (Tokens = "application/json"))),
        (status = 401, description = "No credentials, or wrong ones"),
        (status = 403, description = "The account is disabled, or its address is not proven yet"),
        (status = 429, description = "Too many tries; `Retry-After` says when to come again"),
        (status = 503, description = "Too many log-ins right now"),
    ))]
pub(crate) async fn login(
    State(auth): State<Auth>,
    client: Client,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (email, password) = basic(&headers).ok_or_else(|| unauthorized(NO_CREDENTIALS))?;
    let user = authenticate(&auth, client, &email, password, Wrong::Basic).await?;
    if wants_json(&headers) {
        let device = device(client, &headers);
        return Ok((NO_STORE, Json(new_tokens(&auth, &user, device).await?)).into_response());
    }
    Ok((NO_STORE, access_token(&auth, &user)?).into_response())
}

const NO_CREDENTIALS: &str =
    "Send mail address and password by HTTP Basic, as `curl -u you@example.org:password`.";
const WRONG: &str = "Mail address or password is wrong.";

/// How a wrong password is answered.
#[derive(Clone, Copy)]
pub(crate) enum Wrong {
    /// With the challenge of HTTP Basic: browsers and programs ask for another one.
    Basic,
    /// Without: a page asks by itself.
    Form,
}

/// The user with this address and password, if they may log in. Tries are counted, for accounts that there are and for
/// those that there are not.
pub(crate) async fn authenticate(
    auth: &Auth,
    client: Client,
    email: &str,
    password: String,
    wrong: Wrong,
) -> Result<User, Problem> {
    let logins = Limit {
        policy: "logins",
        quota: Quota::a_minute(u64::from(auth.config.logins_per_minute)),
        detail: "Too many log-ins come from your address.",
    };
    auth.count(&logins, &client.network()).await?;
    let email = address::normal(email);
    let guess = PasswordAttempt::begin(auth, client, &email).await?;
    let user = auth.db.user_by_email(&email).await.map_err(Problem::of)?;
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    let right = match auth.hasher.verify(password.clone(), hash).await {
        Ok(right) => right,
        Err(error) => {
            guess.refund(auth).await;
            return Err(hashing(error));
        }
    };
    let user = user.filter(|_| right).ok_or_else(|| match wrong {
        Wrong::Basic => unauthorized(WRONG),
        Wrong::Form => Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", WRONG),
    })?;
    guess.succeeded(auth).await;
    may_log_in(auth, &user)?;
    if is_outdated(&user.password_hash) {
        rehash(auth, &user, password).await;
    }
    Ok(user)
}

/// Only now do we know the password. Whoever is right is let in also if this fails: the next log-in tries again. (A mail
/// for a new password that is on its way names the old hash, and is worth nothing afterwards; nobody who logs in needs
/// it.)
async fn rehash(auth: &Auth, user: &User, password: String) {
    let Ok(hash) = auth.hasher.hash(password).await else { return };
    if let Err(error) = auth.db.rehash_password(user.id, &user.password_hash, &hash).await {
        tracing::warn!(%error, "rehash failed");
    }
}

/// Only who knows the password learns about the account.
pub(crate) fn may_log_in(auth: &Auth, user: &User) -> Result<(), Problem> {
    if user.disabled_at.is_some() {
        return Err(forbidden("account-disabled", "This account is disabled. Ask the administrator."));
    }
    if user.verified_at.is_none() && !auth.config.allow_unverified {
        return Err(forbidden(
            "address-unproven",
            "Follow the link in the mail that we sent you first. If there is none any more, ask for a new password.",
        ));
    }
    Ok(())
}

fn unauthorized(detail: &str) -> Problem {
    let challenge = HeaderValue::from_static("Basic realm=\"tapedeck\", charset=\"UTF-8\"");
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail).header(header::WWW_AUTHENTICATE, challenge)
}

/// Address and password by HTTP Basic (RFC 7617). The address holds no colon, the password may.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, encoded) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    text.split_once(':').map(|(email, password)| (email.to_owned(), password.to_owned()))
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepts.flat_map(|accept| accept.split(',')).any(|kind| {
        kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
    })
}
