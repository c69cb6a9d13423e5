//! `/me/webhook-secret`: with what the caller's webhooks are signed.

use axum::{extract::State, response::IntoResponse};
use db::User;
use identity::Caller;
use runtime::{Json, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Auth,
    me::{account, gone},
    tokens::NO_STORE,
};

/// For whoever receives the webhooks.
#[derive(Serialize, ToSchema)]
pub(crate) struct Secret {
    /// `whsec_` and a key in base 64, as the libraries of the Standard Webhooks scheme take it. It stays the same until
    /// it is replaced.
    secret: String,
}

/// Shows the secret of the caller's webhooks.
#[utoipa::path(get, path = "/me/webhook-secret", tag = "accounts", security(("bearer" = [])),
    responses(
        (status = 200, description = "The secret with which webhooks are signed", body = Secret),
        (status = 401, description = "No credentials, or wrong ones"),
        (status = 403, description = "An API key can't do this"),
    ))]
pub(crate) async fn secret(State(auth): State<Auth>, caller: Caller) -> Result<impl IntoResponse, Problem> {
    caller.require_login()?;
    Ok(answer(&auth, &account(&auth, &caller).await?))
}

/// Replaces the secret of the caller's webhooks, if somebody else may know it.
///
/// For 24 hours webhooks carry two signatures with a blank between them, by the new secret and by the one before, so that
/// the receiver can change over in that time. After that, and for any older secret at once, only the new one signs.
#[utoipa::path(post, path = "/me/webhook-secret", tag = "accounts", security(("bearer" = [])),
    responses(
        (status = 200, description = "The new secret", body = Secret),
        (status = 401, description = "No credentials, or wrong ones"),
        (status = 403, description = "An API key can't do this"),
    ))]
pub(crate) async fn replace(State(auth): State<Auth>, caller: Caller) -> Result<impl IntoResponse, Problem> {
    caller.require_login()?;
    let user = auth.db.replace_webhook_secret(caller.user_id).await.map_err(Problem::of)?;
    Ok(answer(&auth, &user.ok_or_else(gone)?))
}

fn answer(auth: &Auth, user: &User) -> impl IntoResponse + use<> {
    let secret = auth.proofs.webhook_secret(user).to_string();
    (NO_STORE, Json(Secret { secret }))
}
