//! `POST /password`: a new password for who knows the old one.

use axum::{extract::State, http::StatusCode};
use identity::Caller;
use runtime::{Client, Json, Problem};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    Auth,
    guard::PasswordAttempt,
    me::account,
    problem::{forbidden, hashing},
    rules,
};

/// The old password and the new one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    #[schema(format = Password)]
    old_password: String,
    /// 10 to 200 characters, none of the common ones.
    #[schema(format = Password, min_length = 10, max_length = 200)]
    new_password: String,
}

/// Changes the caller's password, ends all log-ins, and deletes all API keys.
///
/// Whoever knew the old password may have made some.
#[utoipa::path(post, path = "/password", tag = "accounts", security(("bearer" = [])), request_body = NewPassword,
    responses(
        (status = 204, description = "Changed; tokens and API keys from before are good for nothing any more"),
        (status = 401, description = "No credentials, or wrong ones"),
        (status = 403, description = "The old password is wrong, or the credentials are an API key"),
        (status = 422, description = "The new password is weak"),
        (status = 429, description = "Too many wrong passwords; `Retry-After` says when to come again"),
    ))]
pub(crate) async fn change(
    State(auth): State<Auth>,
    caller: Caller,
    client: Client,
    Json(wanted): Json<NewPassword>,
) -> Result<StatusCode, Problem> {
    caller.require_login()?;
    let user = account(&auth, &caller).await?;
    let guess = PasswordAttempt::begin(&auth, client, &user.email).await?;
    let old = user.password_hash;
    if !auth.hasher.verify(wanted.old_password, Some(old.clone())).await.map_err(hashing)? {
        return Err(wrong());
    }
    guess.succeeded(&auth).await;
    rules::check(&wanted.new_password, &user.email)?;
    let hash = auth.hasher.hash(wanted.new_password).await.map_err(hashing)?;
    // Of two who change it at once, one finds the old password gone.
    if auth.db.change_password(user.id, &old, &hash).await.map_err(Problem::of)? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(wrong())
    }
}

fn wrong() -> Problem {
    forbidden("wrong-password", "The old password is wrong.")
}
