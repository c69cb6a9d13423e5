//! `POST /verify`: the mail of the registration has arrived.

use axum::{extract::State, http::StatusCode};
use runtime::{Json, Problem};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{Auth, problem::link};

/// What the mail holds.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Received {
    /// What follows `#verify=` in the mail's link.
    token: String,
}

/// Proves the address of an account. A second time is no error.
#[utoipa::path(post, path = "/verify", tag = "accounts", request_body = Received,
    responses(
        (status = 204, description = "The address is proven"),
        (status = 410, description = "The token was good once: `POST /password/reset` sends a mail that proves the address too"),
        (status = 422, description = "The token is none of ours, or its account is gone"),
    ))]
pub(crate) async fn verify(
    State(auth): State<Auth>,
    Json(received): Json<Received>,
) -> Result<StatusCode, Problem> {
    let user_id = auth.proofs.verify_address(&received.token).map_err(link)?;
    if auth.db.verify_user(user_id).await.map_err(Problem::of)? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(link(identity::LinkError::Invalid))
    }
}
