//! `GET /.well-known/jwks.json`: the public key, for whoever checks our tokens.

use axum::{extract::State, http::header, response::IntoResponse};
use runtime::Json;

use crate::Auth;

/// The public key as a JSON Web Key Set (RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "accounts",
    responses((status = 200, description = "A JSON Web Key Set with one Ed25519 key", body = serde_json::Value)))]
pub(crate) async fn jwks(State(auth): State<Auth>) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(auth.key.jwks()))
}
