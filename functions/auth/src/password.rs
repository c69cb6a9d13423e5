//! `POST /password`: a new password for who knows the old one.

use axum::{extract::State, http::StatusCode};
use identity::Caller;
use runtime::{Json, Problem};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    Auth,
    me::account,
    problem::{database, forbidden, hashing},
    rules,
};

/// The old password and the new one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    #[schema(format = Password)]
    old_password: String,
    /// 10 to 200 characters, none of the common ones.
    #[schema(format = Password)]
    new_password: String,
}

/// Changes the caller's password and ends all log-ins.
#[utoipa::path(post, path = "/password", tag = "accounts", security(("bearer" = [])), request_body = NewPassword,
    responses(
        (status = 204, description = "Changed; refresh tokens are good for nothing any more"),
        (status = 401, description = "No credentials, or wrong ones"),
        (status = 403, description = "The old password is wrong, or the credentials are an API key"),
        (status = 422, description = "The new password is weak"),
    ))]
pub(crate) async fn change(
    State(auth): State<Auth>,
    caller: Caller,
    Json(wanted): Json<NewPassword>,
) -> Result<StatusCode, Problem> {
    caller.require_login()?;
    let user = account(&auth, &caller).await?;
    let old = auth.hasher.verify(wanted.old_password, Some(user.password_hash)).await.map_err(hashing)?;
    if !old {
        return Err(forbidden("wrong-password", "The old password is wrong."));
    }
    rules::check(&wanted.new_password, &user.email)?;
    let hash = auth.hasher.hash(wanted.new_password).await.map_err(hashing)?;
    auth.db.set_password_hash(user.id, &hash).await.map_err(database)?;
    Ok(StatusCode::NO_CONTENT)
}
