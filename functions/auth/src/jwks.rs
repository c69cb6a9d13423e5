//! `GET /.well-known/jwks.json`: the public keys, for whoever checks our tokens.

use axum::{extract::State, http::header, response::IntoResponse};
use runtime::Json;

use crate::Auth;

/// The public keys as a JSON Web Key Set (RFC 7517).
///
/// A token's header names its key: `kid`, the thumbprint of RFC 7638. There are several keys while they are changed.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "accounts",
    responses((status = 200, description = "A JSON Web Key Set of Ed25519 keys, the one that signs now first", body = serde_json::Value)))]
pub(crate) async fn jwks(State(auth): State<Auth>) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(auth.key.jwks()))
}
