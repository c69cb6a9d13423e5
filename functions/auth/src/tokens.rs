//! Access tokens and refresh tokens: `POST /token/refresh`, `POST /logout`.
//!
//! A refresh token is used once and gives the next one of its family. If one comes a second time, somebody has a
//! copy; nobody can tell who, so the whole family ends (RFC 9700, section 4.14.2).

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::IntoResponse,
};
use db::{Device, NewRefreshToken, Rotation, User};
use identity::{Claims, hash_secret, new_secret};
use runtime::{Client, Json, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Auth, login::may_log_in, problem, session::device};

/// No cache keeps an answer that holds a secret.
pub(crate) const NO_STORE: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// What a log-in gives.
#[derive(Serialize, ToSchema)]
pub(crate) struct Tokens {
    /// For `Authorization: Bearer`.
    access_token: String,
    /// Good once, for the next pair.
    refresh_token: String,
    /// Seconds until the access token ends.
    expires_in: u64,
    /// Always `Bearer`.
    token_type: &'static str,
}

/// A refresh token to exchange or to end.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PresentedToken {
    /// As `/login` or `/token/refresh` gave it.
    refresh_token: String,
}

/// Exchanges a refresh token for new tokens.
#[utoipa::path(post, path = "/token/refresh", tag = "accounts", request_body = PresentedToken,
    responses(
        (status = 200, description = "New tokens; the old refresh token is spent", body = Tokens),
        (status = 401, description = "The refresh token is unknown, too old, or was used before: log in again"),
        (status = 403, description = "The account is disabled"),
    ))]
pub(crate) async fn refresh(
    State(auth): State<Auth>,
    client: Client,
    headers: HeaderMap,
    Json(presented): Json<PresentedToken>,
) -> Result<impl IntoResponse, Problem> {
    let (secret, next) = new_refresh_token(&auth, device(client, &headers)).await?;
    let hash = hash_secret(&presented.refresh_token);
    let rotation = auth.db.rotate_refresh_token(&hash, &next).await.map_err(Problem::of)?;
    let user_id = match rotation {
        Rotation::Rotated(token) => token.user_id,
        Rotation::Reused => {
            return Err(log_in_again("This refresh token was used before, so somebody may have a copy. "));
        }
        Rotation::Unknown => return Err(log_in_again("This refresh token is unknown or too old. ")),
    };
    let user = auth.db.user(user_id).await.map_err(Problem::of)?;
    let user = user.ok_or_else(|| log_in_again("This account does not exist any more. "))?;
    may_log_in(&auth, &user)?;
    Ok((NO_STORE, Json(pair(&auth, &user, secret)?)))
}

/// Ends the log-in that a refresh token belongs to. The access token ends by itself within minutes.
#[utoipa::path(post, path = "/logout", tag = "accounts", request_body = PresentedToken,
    responses((status = 204, description = "Logged out, or was not logged in")))]
pub(crate) async fn logout(
    State(auth): State<Auth>,
    Json(presented): Json<PresentedToken>,
) -> Result<StatusCode, Problem> {
    // Known or not, it is good for nothing now, which is what the client wants (RFC 7009, section 2.2).
    let hash = hash_secret(&presented.refresh_token);
    auth.db.revoke_token_family(&hash).await.map_err(Problem::of)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The first tokens of a log-in.
pub(crate) async fn new_tokens(auth: &Auth, user: &User, device: Device) -> Result<Tokens, Problem> {
    let (secret, first) = new_refresh_token(auth, device).await?;
    auth.db.start_token_family(user.id, &first).await.map_err(Problem::of)?;
    pair(auth, user, secret)
}

/// An access token alone.
pub(crate) fn access_token(auth: &Auth, user: &User) -> Result<String, Problem> {
    let claims = Claims::access(user.id, auth.db.clock().now(), auth.config.access_lifetime());
    auth.key.issue(&Claims { generation: user.login_generation, ..claims }).map_err(problem::token)
}

fn pair(auth: &Auth, user: &User, refresh_token: String) -> Result<Tokens, Problem> {
    Ok(Tokens {
        access_token: access_token(auth, user)?,
        refresh_token,
        expires_in: auth.config.access_lifetime().as_secs(),
        token_type: "Bearer",
    })
}

async fn new_refresh_token(auth: &Auth, device: Device) -> Result<(String, NewRefreshToken), Problem> {
    let secret = new_secret("tr_").map_err(problem::token)?;
    // By the clock that it will be held against.
    let now = auth.db.now().await.map_err(Problem::of)?;
    let expires_at = now.after(auth.config.refresh_lifetime());
    let stored = NewRefreshToken { secret_hash: hash_secret(&secret), expires_at, device };
    Ok((secret, stored))
}

fn log_in_again(why: &str) -> Problem {
    Problem::unauthorized(format!("{why}Log in again with POST /login."))
}
