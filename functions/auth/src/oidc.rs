//! `/auth/oidc`: logging in at a provider (OpenID Connect, authorization code flow with PKCE). Off unless it is configured.
//!
//! - A log-in belongs to the browser that has begun it: a cookie for ten minutes holds the secret that state, nonce and
//!   PKCE verifier are derived from. The first answer that comes back uses it up.
//! - An account belongs to whom the provider has proven to be its owner: by issuer and subject, and the first time by the
//!   mail address, if both sides know it as proven. An address that the provider has not proven opens nothing, and neither
//!   does an account whose own address is not proven: somebody else may have registered it, and know its password.

mod provider;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use chrono::DateTime;
use db::{NewUser, Quota, User};
use identity::{hash_secret, new_secret};
use runtime::{Client, Json, Problem, Query, Reply as _};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(crate) use self::provider::Provider;
use self::provider::{Flow, ProviderError, ProviderUser};
use crate::{
    Auth, address,
    guard::Limit,
    hasher::DUMMY_HASH,
    login::may_log_in,
    problem::{forbidden, token},
    session::{begin, device},
    tokens::NO_STORE,
};

const PREFIX: &str = "to_";
const SECONDS: u32 = 600;

/// How one can log in beside a password.
#[derive(Serialize, ToSchema)]
pub(crate) struct Offer {
    /// What the provider is called; null: there is none.
    provider: Option<String>,
}

/// What the provider sends back with the browser.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CallbackQuery {
    /// Exchanged for tokens, if the provider knows the person.
    code: Option<String>,
    /// As it was sent there.
    state: Option<String>,
    /// Why there is no code.
    error: Option<String>,
    /// Who sends this.
    iss: Option<String>,
}

/// Says whether one can log in at a provider, and what it is called.
#[utoipa::path(get, path = "/auth/oidc", tag = "accounts",
    responses((status = 200, description = "The provider, if there is one", body = Offer)))]
pub(crate) async fn offer(State(auth): State<Auth>) -> Json<Offer> {
    Json(Offer { provider: auth.oidc.as_ref().map(|provider| provider.name.clone()) })
}

/// Begins a log-in at the provider (OpenID Connect): for browsers, which come back to `/auth/oidc/callback`.
#[utoipa::path(get, path = "/auth/oidc/login", tag = "accounts",
    responses(
        (status = 303, description = "To the provider; `Set-Cookie` binds the log-in to this browser", headers(("Location" = String), ("Set-Cookie" = String))),
        (status = 404, description = "This installation has no provider"),
        (status = 502, description = "The provider is away, or its answer is not good"),
    ))]
pub(crate) async fn start_login(
    State(auth): State<Auth>,
    client: Client,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    match start(&auth, client).await {
        Ok((place, cookie)) => Ok(go(&place, [cookie])?),
        Err(problem) => explain(&auth, &headers, problem),
    }
}

async fn start(auth: &Auth, client: Client) -> Result<(String, HeaderValue), Problem> {
    let provider = provider(auth)?;
    count(auth, client).await?;
    let secret = new_secret(PREFIX).map_err(token)?;
    let place = provider.begin(Flow::of(&secret)).await.map_err(problem)?;
    Ok((place, cookie(auth, Some(&secret))?))
}

/// Ends a log-in at the provider: the browser has a session then, as from `POST /session`.
#[utoipa::path(get, path = "/auth/oidc/callback", tag = "accounts", params(CallbackQuery),
    responses(
        (status = 303, description = "Logged in, to the page. With `Accept: text/html` also if it has failed: then the address ends with `#oidc=` and the kind of the problem", headers(("Location" = String), ("Set-Cookie" = String))),
        (status = 400, description = "The log-in was not begun by this browser, or too long ago, or the code is used up"),
        (status = 403, description = "The provider has not let the person in, or has not proven the address, or the account is locked"),
        (status = 404, description = "This installation has no provider"),
        (status = 409, description = "The account with this address is not proven, or somebody else's"),
        (status = 502, description = "The provider is away, or its answer is not good"),
    ))]
pub(crate) async fn back(
    State(auth): State<Auth>,
    client: Client,
    headers: HeaderMap,
    Query(returned): Query<CallbackQuery>,
) -> Result<Response, Problem> {
    let forget = cookie(&auth, None)?;
    match finish(&auth, client, &headers, returned).await {
        Ok(session) => go(&format!("{}/#oidc=done", auth.config.public_url), [session, forget]),
        Err(problem) => {
            let mut answer = explain(&auth, &headers, problem)?;
            answer.headers_mut().append(header::SET_COOKIE, forget);
            Ok(answer)
        }
    }
}

async fn finish(
    auth: &Auth,
    client: Client,
    headers: &HeaderMap,
    returned: CallbackQuery,
) -> Result<HeaderValue, Problem> {
    let provider = provider(auth)?;
    count(auth, client).await?;
    let flow = secret(auth, headers).map(Flow::of).ok_or_else(unknown)?;
    // Hashes: how long the comparison takes tells nothing.
    if returned.state.is_none_or(|state| hash_secret(&state) != hash_secret(&flow.state)) {
        return Err(unknown());
    }
    if !provider.is_issuer(returned.iss.as_deref()) {
        return Err(problem(ProviderError::Invalid("it names another issuer".into())));
    }
    let code = match (returned.code, returned.error) {
        (Some(code), None) => code,
        (_, error) => {
            let refused = forbidden("oidc-refused", "The provider has not let you in. Try again.");
            return Err(refused.cause(error.unwrap_or_default()));
        }
    };
    let now = auth.db.now().await.map_err(Problem::of)?;
    let now = DateTime::from_timestamp_millis(now.millis()).ok_or_else(|| Problem::internal("no time"))?;
    let person = provider.finish(code, flow, now).await.map_err(problem)?;
    let user = account(auth, client, person).await?;
    begin(auth, user.id, device(client, headers)).await
}

/// Whose account it is: linked before, or found by a proven address, or new.
async fn account(auth: &Auth, client: Client, person: ProviderUser) -> Result<User, Problem> {
    if let Some(user) = auth.db.user_by_identity(&person.identity).await.map_err(Problem::of)? {
        may_log_in(auth, &user)?;
        return Ok(user);
    }
    let email = person.proven_email.map(|email| address::normal(&email)).ok_or_else(|| {
        forbidden(
            "oidc-unproven",
            "The provider does not say that your mail address is proven. Prove it there.",
        )
    })?;
    address::check(&email)?;
    let user = match auth.db.user_by_email(&email).await.map_err(Problem::of)? {
        Some(user) => user,
        None => create(auth, client, email).await?,
    };
    if user.verified_at.is_none() {
        return Err(taken(
            "There is an account with your mail address that nobody has proven. Ask for a new password, which proves it; then log in here again.",
        ));
    }
    may_log_in(auth, &user)?;
    if !auth.db.link_identity(user.id, &person.identity).await.map_err(Problem::of)? {
        return Err(taken("The account with your mail address belongs to another log-in of the provider."));
    }
    Ok(user)
}

/// Somebody who has never been here. Another request may be faster: then it is that one's.
async fn create(auth: &Auth, client: Client, email: String) -> Result<User, Problem> {
    let limit = Limit {
        policy: "registrations",
        quota: Quota::an_hour(u64::from(auth.config.registrations_per_hour)),
        detail: "Too many accounts were registered from your address.",
    };
    auth.count(&limit, &client.network()).await?;
    let new = NewUser {
        email: email.clone(),
        password_hash: DUMMY_HASH.into(),
        admin_if_first: auth.config.first_is_admin,
        verified: true,
    };
    match auth.db.create_user(new).await {
        Ok((user, recorded)) => {
            let broker = auth.broker.clone();
            tokio::spawn(async move { broker.publish_all(&recorded.into_envelopes()).await });
            Ok(user)
        }
        Err(db::Error::Exists) => {
            let user = auth.db.user_by_email(&email).await.map_err(Problem::of)?;
            user.ok_or_else(|| Problem::internal("an account is there and is not"))
        }
        Err(error) => Err(Problem::of(error)),
    }
}

fn provider(auth: &Auth) -> Result<&Provider, Problem> {
    auth.oidc.as_deref().ok_or_else(|| {
        Problem::not_found("This installation has no provider to log in at. Log in with POST /session.")
    })
}

async fn count(auth: &Auth, client: Client) -> Result<(), Problem> {
    let limit = Limit {
        policy: "logins",
        quota: Quota::a_minute(u64::from(auth.config.logins_per_minute)),
        detail: "Too many log-ins come from your address.",
    };
    auth.count(&limit, &client.network()).await
}

fn unknown() -> Problem {
    let detail = "This log-in was not begun by this browser, or it took too long. Begin again.";
    Problem::new(StatusCode::BAD_REQUEST, "oidc-expired", detail)
}

fn taken(detail: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, "oidc-taken", detail)
}

fn problem(error: ProviderError) -> Problem {
    let (status, kind, detail) = match &error {
        ProviderError::Refused(_) => return unknown().cause(error.to_string()),
        ProviderError::Away(_) => {
            (StatusCode::BAD_GATEWAY, "oidc-away", "The provider can't be reached. Try again later.")
        }
        ProviderError::Invalid(_) => (
            StatusCode::BAD_GATEWAY,
            "oidc-invalid",
            "What the provider says can't be trusted. Tell the administrator.",
        ),
    };
    Problem::new(status, kind, detail).cause(error.to_string())
}

/// To a person in a browser the page says it; a program gets the problem.
fn explain(auth: &Auth, headers: &HeaderMap, problem: Problem) -> Result<Response, Problem> {
    let accepts = headers.get(header::ACCEPT).and_then(|accepts| accepts.to_str().ok()).unwrap_or_default();
    if !accepts.contains("text/html") {
        return Err(problem);
    }
    go(&format!("{}/#oidc={}", auth.config.public_url, problem.kind()), [])
}

fn go<const N: usize>(place: &str, cookies: [HeaderValue; N]) -> Result<Response, Problem> {
    let place = HeaderValue::from_str(place).map_err(|error| Problem::internal(error.to_string()))?;
    let cookies = AppendHeaders(cookies.map(|cookie| (header::SET_COOKIE, cookie)));
    Ok((StatusCode::SEE_OTHER, NO_STORE, [(header::LOCATION, place)], cookies).into_response())
}

fn cookie_name(auth: &Auth) -> &'static str {
    if auth.config.secure_cookies { "__Host-tapedeck-oidc" } else { "tapedeck-oidc" }
}

/// Lax: the browser sends it when the provider sends it back here.
fn cookie(auth: &Auth, secret: Option<&str>) -> Result<HeaderValue, Problem> {
    let secure = if auth.config.secure_cookies { "; Secure" } else { "" };
    let (value, age) = secret.map_or(("", 0), |secret| (secret, SECONDS));
    let cookie =
        format!("{}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}", cookie_name(auth));
    HeaderValue::from_str(&cookie).map_err(|error| Problem::internal(error.to_string()))
}

fn secret<'a>(auth: &Auth, headers: &'a HeaderMap) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let found = pairs.find(|(name, _)| *name == cookie_name(auth)).map(|(_, value)| value);
    found.filter(|secret| secret.starts_with(PREFIX) && secret.len() > 32)
}
