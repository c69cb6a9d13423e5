//! `/auth/oidc`: logging in at a provider (OpenID Connect, authorization code flow with PKCE). Off unless one is configured.
//!
//! - A log-in belongs to the browser that has begun it, and to the provider it has gone to: a cookie for ten minutes holds the
//!   secret that state, nonce and PKCE verifier are derived from, each provider's its own. Each provider sends back to an
//!   address of its own. The first answer that comes back uses the secret up.
//! - An account belongs to whom the provider has proven to be its owner: by issuer and subject, and the first time by the
//!   mail address, if both sides know it as proven. An address that the provider has not proven opens nothing, and neither
//!   does an account whose own address is not proven: somebody else may have registered it, and know its password.

mod config;
mod provider;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use chrono::DateTime;
use db::{NewUser, Quota, User};
use identity::{hash_secret, new_secret};
use runtime::{Client, Json, Problem, Query, Reply as _};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, IntoResponses, ToSchema};

pub use self::config::OidcConfig;
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
    /// What the first provider is called; null: there is none.
    provider: Option<String>,
    /// All providers, in the order in which to show them.
    providers: Vec<Offered>,
}

/// A provider to log in at.
#[derive(Serialize, ToSchema)]
pub(crate) struct Offered {
    /// For `GET /auth/oidc/login?provider=`.
    id: String,
    /// What people call it.
    name: String,
}

/// Where to log in.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// One of `GET /auth/oidc`; without it the first one.
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

/// Says at which providers one can log in, and what they are called.
#[utoipa::path(get, path = "/auth/oidc", tag = "accounts",
    responses((status = 200, description = "The providers; often there is none", body = Offer)))]
pub(crate) async fn offer(State(auth): State<Auth>) -> Json<Offer> {
    let offered = |provider: &Provider| Offered { id: provider.id.clone(), name: provider.name.clone() };
    let providers: Vec<_> = auth.oidc.iter().map(offered).collect();
    Json(Offer { provider: providers.first().map(|first| first.name.clone()), providers })
}

/// Begins a log-in at a provider (OpenID Connect): for browsers, which come back to `/auth/oidc/callback`.
#[utoipa::path(get, path = "/auth/oidc/login", tag = "accounts", params(Wanted),
    responses(
        (status = 303, description = "To the provider; `Set-Cookie` binds the log-in to this browser", headers(("Location" = String), ("Set-Cookie" = String))),
        (status = 404, description = "This installation has no provider, or none of that name"),
        (status = 502, description = "The provider is away, or its answer is not good"),
    ))]
pub(crate) async fn start_login(
    State(auth): State<Auth>,
    client: Client,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    match start(&auth, client, wanted.provider.as_deref()).await {
        Ok((place, cookie)) => Ok(go(&place, [cookie])?),
        Err(problem) => explain(&auth, &headers, problem),
    }
}

async fn start(auth: &Auth, client: Client, wanted: Option<&str>) -> Result<(String, HeaderValue), Problem> {
    let provider = provider(auth, wanted)?;
    count(auth, client).await?;
    let secret = new_secret(PREFIX).map_err(token)?;
    let place = provider.begin(Flow::of(&secret, provider)).await.map_err(problem)?;
    Ok((place, cookie(auth, Some(&secret))?))
}

/// Ends a log-in at the provider of `AUTH_OIDC_ISSUER`: the browser has a session then, as from `POST /session`.
#[utoipa::path(get, path = "/auth/oidc/callback", tag = "accounts", params(CallbackQuery), responses(Ended))]
pub(crate) async fn back(
    State(auth): State<Auth>,
    client: Client,
    headers: HeaderMap,
    Query(returned): Query<CallbackQuery>,
) -> Result<Response, Problem> {
    come(auth, client, headers, config::UNNAMED, returned).await
}

/// Ends a log-in at this provider of `AUTH_OIDC_PROVIDERS`, as `GET /auth/oidc/callback` does.
#[utoipa::path(get, path = "/auth/oidc/callback/{provider}", tag = "accounts",
    params(("provider" = String, Path, description = "Its name"), CallbackQuery), responses(Ended))]
pub(crate) async fn back_from(
    State(auth): State<Auth>,
    client: Client,
    headers: HeaderMap,
    Path(from): Path<String>,
    Query(returned): Query<CallbackQuery>,
) -> Result<Response, Problem> {
    come(auth, client, headers, &from, returned).await
}

/// How a log-in at a provider ends.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is for the description alone")]
enum Ended {
    /// Logged in, to the page. With `Accept: text/html` also if it has failed: then the address ends with `#oidc=` and the
    /// kind of the problem.
    #[response(status = 303, headers(("Location" = String), ("Set-Cookie" = String)))]
    In,
    /// The log-in was not begun by this browser at this provider, or too long ago, or the code is used up.
    #[response(status = 400)]
    Expired,
    /// The provider has not let the person in, or has not proven the address, or the account is locked.
    #[response(status = 403)]
    Refused,
    /// This installation has no provider, or none of that name.
    #[response(status = 404)]
    Unknown,
    /// The account with this address is not proven, or somebody else's.
    #[response(status = 409)]
    Taken,
    /// The provider is away, or its answer is not good.
    #[response(status = 502)]
    Away,
}

async fn come(
    auth: Auth,
    client: Client,
    headers: HeaderMap,
    from: &str,
    returned: CallbackQuery,
) -> Result<Response, Problem> {
    let forget = cookie(&auth, None)?;
    match finish(&auth, client, &headers, from, returned).await {
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
    from: &str,
    returned: CallbackQuery,
) -> Result<HeaderValue, Problem> {
    let provider = provider(auth, Some(from))?;
    count(auth, client).await?;
    let flow = secret(auth, headers).map(|secret| Flow::of(secret, provider)).ok_or_else(unknown)?;
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
        return Err(taken(
            "The account with your mail address belongs to another log-in. Log in as the first time.",
        ));
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

/// The one of this name, or the first one.
fn provider<'a>(auth: &'a Auth, wanted: Option<&str>) -> Result<&'a Provider, Problem> {
    let found = auth.oidc.iter().find(|provider| wanted.is_none_or(|wanted| provider.id == wanted));
    found.ok_or_else(|| {
        Problem::not_found(match auth.oidc.is_empty() {
            true => "This installation has no provider to log in at. Log in with POST /session.",
            false => "There is no provider of that name to log in at. GET /auth/oidc lists them.",
        })
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
