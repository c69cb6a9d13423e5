//! Who is calling, and may they: access tokens, API keys, cookies, and links that need none of them.
//! Start with `caller.rs`.
//!
//! - [`Caller`] is the extractor that every guarded handler takes; [`Verifier`] is what it needs in the state.
//! - [`SigningKey`] is held by `auth` alone; everybody else has the [`VerifyingKeys`].
//! - [`Links`] signs the addresses of audio that stand in mails, and makes those of podcast feeds.
//! - [`Proofs`] signs the mails that prove an address or set a new password, knows everybody's
//!   [`WebhookSecret`], and seals the tokens of destinations. Only `auth` and `notify` hold it: who has it can open every account.
//! - [`IdempotencyKey`]: a request that may be sent again and makes what it makes once (`Idempotency-Key`).
//! - [`new_secret`] and [`hash_secret`]: opaque tokens (API keys, refresh tokens); only their hash is stored.
//!
//! Architecture invariant: this is the only crate that names jsonwebtoken; algorithm, issuer, audience and
//! leeway are fixed here and come from no token and no configuration.

mod caller;
mod cookie;
mod error;
mod feeds;
mod files;
mod idempotency;
mod links;
mod proofs;
mod scope;
mod seal;
mod secret;
mod signing;
mod verifier;
mod verifying;
mod webhook;

pub use caller::Caller;
pub use cookie::{SESSION_PREFIX, same_origin, session_cookie, session_secret};
pub use error::Error;
pub use idempotency::{IdempotencyKey, Idempotent, not_made, used_up};
pub use links::{LinkError, Links};
pub use proofs::{Proofs, Reset};
pub use scope::{Scope, Scopes, UnknownScope};
pub use secret::{hash_secret, new_secret};
pub use signing::{Claims, SigningKey};
pub use verifier::Verifier;
pub use verifying::VerifyingKeys;
pub use webhook::WebhookSecret;

/// What an API key begins with, so that it can be told from an access token, and found where it leaked.
pub const KEY_PREFIX: &str = "td_";
