//! From credentials to the person behind them.

use std::sync::Arc;

use contracts::UserId;
use db::{Db, Role, User};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};

use crate::{Caller, Claims, KEY_PREFIX, Scopes, VerifyingKeys, hash_secret};

/// How far the clocks of two machines may differ, in seconds.
const LEEWAY: i64 = 10;

/// Checks access tokens, API keys and the secrets of sessions.
///
/// The signature is checked first: a token that is not ours costs no query. Then the user's row is read, so that
/// a deleted or disabled account, another password, and a role that was taken away, count at once and not only when the access token
/// ends (15 minutes). One read by primary key is little beside the query that every guarded handler makes anyway.
#[derive(Clone)]
pub struct Verifier {
    keys: Arc<VerifyingKeys>,
    validation: Arc<Validation>,
    db: Db,
}

/// Why credentials were not taken.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The access token was good once.
    Expired,
    /// It is no token of ours.
    BadToken,
    /// Another password has ended it.
    Ended,
    /// There is no such session (any more).
    NoSession,
    /// Nobody has this API key (any more).
    UnknownKey,
    /// The account is gone.
    NoAccount,
    /// The account is locked.
    Disabled,
    /// The database can't say.
    Database(db::Error),
}

impl From<db::Error> for Refusal {
    fn from(error: db::Error) -> Self {
        Self::Database(error)
    }
}

impl Verifier {
    /// Checks tokens with `keys` and by the clock of `db`, API keys and accounts with `db`.
    #[must_use]
    pub fn new(keys: VerifyingKeys, db: Db) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        // By our clock, below.
        validation.validate_exp = false;
        validation.set_issuer(&[Claims::ISSUER]);
        validation.set_audience(&[Claims::AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        Self { keys: Arc::new(keys), validation: Arc::new(validation), db }
    }

    /// Whose credentials these are.
    pub(crate) async fn verify(&self, credentials: &str) -> Result<Caller, Refusal> {
        if credentials.starts_with(KEY_PREFIX) {
            self.by_key(credentials).await
        } else {
            self.by_token(credentials).await
        }
    }

    async fn by_token(&self, token: &str) -> Result<Caller, Refusal> {
        let claims = self.claims(token)?;
        let user = self.account(claims.sub).await?;
        if claims.generation != user.login_generation {
            return Err(Refusal::Ended);
        }
        Ok(caller(&user, Scopes::all()))
    }

    /// Whose cookie this is the secret of.
    pub(crate) async fn by_session(&self, secret: &str) -> Result<Caller, Refusal> {
        let session = self.db.use_session(&hash_secret(secret)).await?.ok_or(Refusal::NoSession)?;
        let user = self.account(session.user_id).await?;
        Ok(Caller { session_id: Some(session.id), ..caller(&user, Scopes::all()) })
    }

    async fn by_key(&self, secret: &str) -> Result<Caller, Refusal> {
        let key = self.db.use_key(&hash_secret(secret)).await?.ok_or(Refusal::UnknownKey)?;
        let user = self.account(key.user_id).await?;
        // A scope that only a newer version knows makes the key useless here, not powerful.
        let scopes = key.scopes.parse().unwrap_or_else(|_| Scopes::from_iter([]));
        Ok(Caller { key_id: Some(key.id), ..caller(&user, scopes) })
    }

    fn claims(&self, token: &str) -> Result<Claims, Refusal> {
        let header = decode_header(token).map_err(|_| Refusal::BadToken)?;
        let key = self.keys.find(header.kid.as_deref()).ok_or(Refusal::BadToken)?;
        let token = decode::<Claims>(token, &key.key, &self.validation);
        let claims = token.map_err(|_| Refusal::BadToken)?.claims;
        if claims.typ != Claims::ACCESS {
            return Err(Refusal::BadToken);
        }
        let now = self.db.clock().now().millis() / 1000;
        if claims.exp.saturating_add(LEEWAY) < now { Err(Refusal::Expired) } else { Ok(claims) }
    }

    async fn account(&self, id: UserId) -> Result<User, Refusal> {
        let user = self.db.user(id).await?.ok_or(Refusal::NoAccount)?;
        if user.disabled_at.is_some() { Err(Refusal::Disabled) } else { Ok(user) }
    }
}

fn caller(user: &User, scopes: Scopes) -> Caller {
    let admin = user.role == Role::Admin;
    Caller { user_id: user.id, admin, scopes, key_id: None, session_id: None }
}
