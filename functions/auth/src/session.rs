//! `/session` and `/me/sessions`: log-ins that outlive a tab. A browser has a cookie, a program has refresh tokens; their
//! owner sees both and can end them.

use axum::{
    extract::{FromRequestParts, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{AppendHeaders, IntoResponse},
};
use contracts::{Timestamp, TokenId, UserId};
use db::{Device, NewSession, Session};
use identity::{
    Caller, SESSION_PREFIX, hash_secret, new_secret, same_origin, session_cookie, session_secret,
};
use runtime::{Client, Json, Path, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Auth,
    login::{Wrong, authenticate},
    me::Profile,
    problem::token,
    tokens::NO_STORE,
};

/// A page of ours has sent this, or no browser: else the answer is 403.
pub(crate) struct SameOrigin;

impl<S: Sync> FromRequestParts<S> for SameOrigin {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        same_origin(parts).map(|()| Self)
    }
}

/// Who logs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    email: String,
    #[schema(format = Password)]
    password: String,
}

/// A log-in that lasts.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionView {
    id: TokenId,
    /// The network from which it was used last, shortened.
    address: String,
    /// What the program has called itself (`User-Agent`), shortened.
    agent: String,
    created_at: Timestamp,
    /// To the minute.
    last_used_at: Timestamp,
    /// When it ends, unless it is used before.
    expires_at: Timestamp,
    /// Whether it is the one that asks.
    current: bool,
}

/// The caller's log-ins.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionList {
    /// Newest first, at most 200.
    sessions: Vec<SessionView>,
}

/// Logs in with a cookie, which the browser sends with everything from then on: downloads and event streams too.
///
/// The cookie is closed to scripts. It lasts as long as it is used at least once in `AUTH_REFRESH_DAYS`.
#[utoipa::path(post, path = "/session", tag = "accounts", request_body = Credentials,
    responses(
        (status = 200, description = "The account; `Set-Cookie` holds the session", body = Profile, headers(("Set-Cookie" = String))),
        (status = 401, description = "Wrong address or password"),
        (status = 403, description = "The account is disabled, or its address is not proven yet, or a page of another site has sent this"),
        (status = 429, description = "Too many tries; `Retry-After` says when to come again"),
        (status = 503, description = "Too many log-ins right now"),
    ))]
pub(crate) async fn open(
    State(auth): State<Auth>,
    _: SameOrigin,
    client: Client,
    headers: HeaderMap,
    Json(given): Json<Credentials>,
) -> Result<impl IntoResponse, Problem> {
    let user = authenticate(&auth, client, &given.email, given.password, Wrong::Form).await?;
    let cookie = begin(&auth, user.id, device(client, &headers)).await?;
    Ok((NO_STORE, AppendHeaders([(header::SET_COOKIE, cookie)]), Json(Profile::from(user))))
}

/// Logs out: ends the session of the cookie, and has the browser forget it.
#[utoipa::path(delete, path = "/session", tag = "accounts",
    responses((status = 204, description = "Logged out, or was not logged in"),
        (status = 403, description = "A page of another site has sent this")))]
pub(crate) async fn close(
    State(auth): State<Auth>,
    _: SameOrigin,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    if let Some(secret) = session_secret(&headers)
        && let Some(session) = auth.db.use_session(&hash_secret(secret)).await.map_err(Problem::of)?
    {
        auth.db.end_session(session.user_id, session.id).await.map_err(Problem::of)?;
    }
    let cookie = session_cookie(None, auth.config.secure_cookies);
    let cookie = cookie.ok_or_else(|| Problem::internal("a cookie can't be written"))?;
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, cookie)])))
}

/// Lists the caller's log-ins that last: cookies, and families of refresh tokens.
#[utoipa::path(get, path = "/me/sessions", tag = "accounts", security(("bearer" = [])),
    responses((status = 200, body = SessionList), (status = 401, description = "No credentials, or wrong ones"),
        (status = 403, description = "An API key can't do this")))]
pub(crate) async fn list(State(auth): State<Auth>, caller: Caller) -> Result<Json<SessionList>, Problem> {
    caller.require_login()?;
    let sessions = auth.db.sessions(caller.user_id).await.map_err(Problem::of)?;
    let view = |session| SessionView::new(session, caller.session_id);
    Ok(Json(SessionList { sessions: sessions.into_iter().map(view).collect() }))
}

/// Ends a log-in. A cookie stops working at once; an access token that was got with refresh tokens ends by itself within
/// minutes.
#[utoipa::path(delete, path = "/me/sessions/{id}", tag = "accounts", security(("bearer" = [])),
    params(("id" = TokenId, Path, description = "The session")),
    responses(
        (status = 204, description = "Ended"),
        (status = 401, description = "No credentials, or wrong ones"),
        (status = 403, description = "An API key can't do this"),
        (status = 404, description = "No such session of yours"),
    ))]
pub(crate) async fn end(
    State(auth): State<Auth>,
    caller: Caller,
    Path(id): Path<TokenId>,
) -> Result<StatusCode, Problem> {
    caller.require_login()?;
    if auth.db.end_session(caller.user_id, id).await.map_err(Problem::of)? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::not_found("You have no such session. GET /me/sessions lists the ones you have."))
}

/// The cookie of a new session.
pub(crate) async fn begin(auth: &Auth, user_id: UserId, device: Device) -> Result<HeaderValue, Problem> {
    let secret = new_secret(SESSION_PREFIX).map_err(token)?;
    let expires_at = auth.db.now().await.map_err(Problem::of)?.after(auth.config.refresh_lifetime());
    let new = NewSession { secret_hash: hash_secret(&secret), expires_at, device };
    auth.db.start_session(user_id, &new).await.map_err(Problem::of)?;
    session_cookie(Some(&secret), auth.config.secure_cookies)
        .ok_or_else(|| Problem::internal("a cookie can't be written"))
}

/// From where a request comes, as its owner will see it.
pub(crate) fn device(client: Client, headers: &HeaderMap) -> Device {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    Device { address: client.shortened(), agent: agent.to_owned() }
}

impl SessionView {
    fn new(session: Session, current: Option<TokenId>) -> Self {
        Self {
            id: session.id,
            address: session.device.address,
            agent: session.device.agent,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
            current: current == Some(session.id),
        }
    }
}
