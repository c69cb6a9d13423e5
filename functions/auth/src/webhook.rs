//! `GET /me/webhook-secret`: with what the caller's webhooks are signed.

use axum::{extract::State, response::IntoResponse};
use identity::Caller;
use runtime::{Json, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Auth, tokens::NO_STORE};

/// For whoever receives the webhooks.
#[derive(Serialize, ToSchema)]
pub(crate) struct Secret {
    /// `whsec_` and a key in base 64, as the libraries of the Standard Webhooks scheme take it. It stays the same.
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
    let secret = auth.proofs.webhook_secret(caller.user_id).to_string();
    Ok((NO_STORE, Json(Secret { secret })))
}
