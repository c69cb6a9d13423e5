//! Accounts: register, log in, tokens, API keys, mails that prove an address or set a new password.
//!
//! Start with `login.rs`: a password is checked under the limits of `guard.rs`, and becomes tokens (`tokens.rs`) or a
//! session (`session.rs`).
//!
//! - `register.rs`, `verify.rs`, `login.rs`, `tokens.rs`, `password.rs`, `reset.rs`, `me.rs`, `keys.rs`, `webhook.rs`,
//!   `destinations.rs`, `admin.rs`, `jwks.rs`: the routes. The mails themselves are `notify`'s.
//! - `session.rs`, `guest.rs`: cookies, and who has no account. `classes.rs`: what accounts may use.
//! - `oidc.rs`: logging in at a provider.
//! - `guard.rs`: how often somebody may try.
//! - `hasher.rs`: Argon2id, never on an async thread and never more at once than the machine can bear.
//! - `address.rs`, `rules.rs`: which addresses and passwords are taken.
//!
//! Architecture invariants: it sends no mail itself, it records deliveries. This function alone holds the private key. Passwords, refresh tokens and API keys are
//! stored as hashes and never logged. An unknown address can't be told from a wrong password at
//! `/login`, and from a known one at `/password/reset`.

mod address;
mod admin;
mod classes;
mod config;
mod destinations;
mod guard;
mod guest;
mod hasher;
mod jwks;
mod keys;
mod login;
mod me;
mod oidc;
mod password;
mod problem;
mod process;
mod register;
mod reset;
mod rules;
mod session;
mod tokens;
mod verify;
mod webhook;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRef};
use broker::Broker;
use contracts::Trace;
use db::Db;
use identity::{Proofs, SigningKey, Verifier};
use runtime::{Function, OpenApiRouter, routes};
use utoipa::openapi::{
    ComponentsBuilder, OpenApi, OpenApiBuilder,
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

pub use config::AuthConfig;
use hasher::Hasher;
pub use oidc::OidcConfig;
pub use process::run;

/// Bytes of a request's body at most. Passwords wait in memory for their turn; nothing that we take is longer.
const LONGEST_BODY: usize = 16 * 1024;

/// What the handlers need.
#[derive(Clone)]
pub(crate) struct Auth {
    db: Db,
    broker: Broker,
    key: SigningKey,
    proofs: Proofs,
    verifier: Verifier,
    hasher: Hasher,
    config: AuthConfig,
    oidc: Arc<[oidc::Provider]>,
}

impl Auth {
    /// For a request of this trace: the events that it causes belong to it.
    fn caused_by(self, trace: &Trace) -> Self {
        Self { db: self.db.caused_by(trace), ..self }
    }
}

impl FromRef<Auth> for Verifier {
    fn from_ref(auth: &Auth) -> Self {
        auth.verifier.clone()
    }
}

/// The function. Tokens that any of the public keys beside `key` has signed are good, and all are published.
pub fn function(db: Db, broker: Broker, key: SigningKey, proofs: Proofs, config: AuthConfig) -> Function {
    let auth = Auth {
        verifier: Verifier::new(key.verifying_keys(), db.clone()),
        hasher: Hasher::new(config.hash_parallel, config.hash_queue),
        db,
        broker,
        key,
        proofs,
        oidc: providers(&config),
        config,
    };
    let routes = OpenApiRouter::with_openapi(security_schemes())
        .routes(routes!(register::register))
        .routes(routes!(verify::verify))
        .routes(routes!(login::login))
        .routes(routes!(tokens::refresh))
        .routes(routes!(tokens::logout))
        .routes(routes!(session::open, session::close))
        .routes(routes!(session::list))
        .routes(routes!(session::end))
        .routes(routes!(guest::create_guest, guest::offer))
        .routes(routes!(oidc::offer))
        .routes(routes!(oidc::start_login))
        .routes(routes!(oidc::back))
        .routes(routes!(oidc::back_from))
        .routes(routes!(me::show, me::change, me::delete))
        .routes(routes!(classes::mine))
        .routes(routes!(webhook::secret, webhook::replace))
        .routes(routes!(password::change))
        .routes(routes!(reset::ask))
        .routes(routes!(reset::confirm))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::delete))
        .routes(routes!(jwks::jwks))
        .merge(told())
        .merge(administration());
    Function::new().routes(routes.with_state(auth).layer(DefaultBodyLimit::max(LONGEST_BODY)))
}

fn told() -> OpenApiRouter<Auth> {
    OpenApiRouter::new()
        .routes(routes!(destinations::list, destinations::create))
        .routes(routes!(destinations::change, destinations::delete))
        .routes(routes!(destinations::replace_secret))
        .routes(routes!(destinations::test))
}

fn administration() -> OpenApiRouter<Auth> {
    OpenApiRouter::new()
        .routes(routes!(admin::list))
        .routes(routes!(admin::change))
        .routes(routes!(classes::list))
        .routes(routes!(classes::put))
}

/// The providers that are configured. [`AuthConfig`] has been checked, so only this machine's TLS could fail here: then nobody
/// logs in there, and the page shows no way to.
fn providers(config: &AuthConfig) -> Arc<[oidc::Provider]> {
    let open = |one: OidcConfig| {
        let opened = oidc::Provider::open(one, &config.public_url);
        opened.inspect_err(|error| tracing::error!(%error, "an OIDC provider can't be used")).ok()
    };
    config.providers().into_iter().filter_map(open).collect()
}

/// What `security(("basic" = []))` and `security(("bearer" = []))` in the description of any function mean.
fn security_schemes() -> OpenApi {
    let http = |scheme, say: &str| {
        SecurityScheme::Http(HttpBuilder::new().scheme(scheme).description(Some(say)).build())
    };
    let components = ComponentsBuilder::new()
        .security_scheme("basic", http(HttpAuthScheme::Basic, "Address and password"))
        .security_scheme("bearer", http(HttpAuthScheme::Bearer, "A token from `POST /login`, or an API key"));
    OpenApiBuilder::new().components(Some(components.build())).build()
}
