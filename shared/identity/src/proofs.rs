//! Tokens for mails that say something about an account: whoever has one can read that account's mail.

use std::{path::Path, sync::Arc};

use contracts::{Clock, DestinationId, Timestamp, UserId};
use db::{Destination, User};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, encode};
use serde::{Deserialize, Serialize};

use crate::{
    Error, LinkError, WebhookSecret,
    files::{load_or_create_secret, load_secret},
    hash_secret,
    links::{Expires, read},
    seal,
};

/// For whom the tokens are. Each its own: one is never taken for the other, nor for a link or an access token.
const ADDRESS: &str = "tapedeck-address";
const PASSWORD: &str = "tapedeck-password";

/// Signs proofs and checks them, derives the secrets of webhooks, and seals the tokens of destinations. The processes that do have the same secret
/// file.
#[derive(Clone)]
pub struct Proofs {
    keys: Arc<Keys>,
    clock: Clock,
}

struct Keys {
    sign: EncodingKey,
    read: DecodingKey,
    secret: String,
}

/// A token that sets a new password, found good; see [`Reset::fits`].
#[derive(Clone, Debug)]
pub struct Reset {
    /// Whose password.
    pub user_id: UserId,
    password: String,
}

impl Reset {
    /// Whether the password is still the one that was to be replaced: a token works once.
    #[must_use]
    pub fn fits(&self, password_hash: &str) -> bool {
        self.password == hash_secret(password_hash)
    }
}

#[derive(Clone, Serialize, Deserialize)]
struct Proof {
    sub: UserId,
    aud: String,
    exp: i64,
    /// The hash of the hash of the password that the token replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pwd: Option<String>,
}

impl Expires for Proof {
    fn exp(&self) -> i64 {
        self.exp
    }
}

impl Proofs {
    /// Reads the secret at `path`; makes it at the first start, readable by its owner only.
    ///
    /// # Errors
    /// [`Error::File`] if the file can't be read or made, [`Error::Key`] if the secret is too short to be one.
    pub fn load_or_create(path: &Path) -> Result<Self, Error> {
        Ok(Self::new(load_or_create_secret(path)?))
    }

    /// Reads the secret at `path`, which [`Proofs::load_or_create`] made.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is none; else as [`Proofs::load_or_create`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        Ok(Self::new(load_secret(path)?))
    }

    fn new(secret: String) -> Self {
        let bytes = secret.as_bytes();
        let (sign, read) = (EncodingKey::from_secret(bytes), DecodingKey::from_secret(bytes));
        Self { keys: Arc::new(Keys { sign, read, secret }), clock: Clock::system() }
    }

    /// The same by another clock: for tests.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// A token that proves the address of `user` until `expires`; fits into a URL as it is.
    #[must_use]
    pub fn sign_address(&self, user: UserId, expires: Timestamp) -> String {
        self.sign(user, ADDRESS, expires, None)
    }

    /// Whose address the token proves.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn verify_address(&self, token: &str) -> Result<UserId, LinkError> {
        Ok(read::<Proof>(token, &self.keys.read, ADDRESS, &self.clock)?.sub)
    }

    /// A token that replaces the password with this hash, until `expires`; fits into a URL as it is.
    #[must_use]
    pub fn sign_reset(&self, user: UserId, password_hash: &str, expires: Timestamp) -> String {
        self.sign(user, PASSWORD, expires, Some(hash_secret(password_hash)))
    }

    /// Whose password the token replaces.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn verify_reset(&self, token: &str) -> Result<Reset, LinkError> {
        let proof: Proof = read(token, &self.keys.read, PASSWORD, &self.clock)?;
        let password = proof.pwd.ok_or(LinkError::Invalid)?;
        Ok(Reset { user_id: proof.sub, password })
    }

    /// The secret with which webhooks of `user` are signed now; for a day after it was replaced, the one before it signs
    /// too. It follows from ours, the id and how often it was replaced: no secret is stored, and nobody can tell
    /// another account's from their own, nor the next from this one.
    #[must_use]
    pub fn webhook_secret(&self, user: &User) -> WebhookSecret {
        WebhookSecret::of(self.keys.secret.as_bytes(), user)
    }

    /// The same for a destination.
    #[must_use]
    pub fn destination_secret(&self, destination: &Destination) -> WebhookSecret {
        WebhookSecret::of_destination(self.keys.secret.as_bytes(), destination)
    }

    /// The token that this destination wants to see, as it may be stored.
    ///
    /// # Errors
    /// [`Error::Random`] if the operating system gives no random bytes.
    pub fn seal_token(&self, destination: DestinationId, token: &str) -> Result<String, Error> {
        seal::seal(self.keys.secret.as_bytes(), &destination.to_string(), token)
    }

    /// The token that was sealed for this destination, unless another key has sealed it.
    #[must_use]
    pub fn open_token(&self, destination: DestinationId, sealed: &str) -> Option<String> {
        seal::open(self.keys.secret.as_bytes(), &destination.to_string(), sealed)
    }

    fn sign(&self, user: UserId, audience: &str, expires: Timestamp, pwd: Option<String>) -> String {
        let proof = Proof { sub: user, aud: audience.into(), exp: expires.millis() / 1000, pwd };
        // HMAC takes every key and a `Proof` is always JSON; an empty token would verify nowhere.
        encode(&Header::new(Algorithm::HS256), &proof, &self.keys.sign).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::webhook;

    fn proofs() -> Proofs {
        let folder = tempfile::tempdir().unwrap();
        Proofs::load_or_create(&folder.path().join("proofs")).unwrap()
    }

    fn soon() -> Timestamp {
        Timestamp::now().after(Duration::from_secs(60))
    }

    #[test]
    fn a_proof_is_for_one_user_and_one_purpose() {
        let (proofs, ada) = (proofs(), UserId::generate());
        let (address, reset) = (proofs.sign_address(ada, soon()), proofs.sign_reset(ada, "hash", soon()));
        assert_eq!(proofs.verify_address(&address), Ok(ada));
        assert_eq!(proofs.verify_address(&reset), Err(LinkError::Invalid));
        assert_eq!(proofs.verify_reset(&address).unwrap_err(), LinkError::Invalid);
        assert_eq!(proofs.verify_reset(&reset).unwrap().user_id, ada);
        for token in [address, reset] {
            assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)));
        }
    }

    #[test]
    fn a_reset_fits_the_password_that_it_was_made_for_and_no_later_one() {
        let (proofs, ada) = (proofs(), UserId::generate());
        let reset = proofs.verify_reset(&proofs.sign_reset(ada, "$argon2id$old", soon())).unwrap();
        assert!(reset.fits("$argon2id$old"));
        assert!(!reset.fits("$argon2id$new"));
    }

    #[test]
    fn old_and_foreign_proofs_are_not_taken() {
        let (proofs, other, ada) = (proofs(), self::proofs(), UserId::generate());
        let clock = Clock::manual(Timestamp::now());
        let later = proofs.clone().with_clock(clock.clone());
        let (address, reset) = (proofs.sign_address(ada, soon()), proofs.sign_reset(ada, "x", soon()));
        assert!(later.verify_address(&address).is_ok() && later.verify_reset(&reset).is_ok());
        clock.advance(Duration::from_secs(62));
        assert_eq!(later.verify_address(&address), Err(LinkError::Expired));
        assert_eq!(later.verify_reset(&reset).unwrap_err(), LinkError::Expired);
        assert_eq!(later.verify_reset(&address).unwrap_err(), LinkError::Invalid, "not good once either");
        assert_eq!(proofs.verify_address(&other.sign_address(ada, soon())), Err(LinkError::Invalid));
        for token in ["", "x", "a.b.c"] {
            assert_eq!(proofs.verify_address(token), Err(LinkError::Invalid), "{token}");
        }
    }

    #[test]
    fn everybody_has_a_webhook_secret_of_their_own_that_stays() {
        let (proofs, ada, bob) = (proofs(), webhook::tests::user(), webhook::tests::user());
        let text = |user| proofs.webhook_secret(user).to_string();
        assert_eq!(text(&ada), text(&ada));
        assert_ne!(text(&ada), text(&bob));
        assert_ne!(text(&ada), self::proofs().webhook_secret(&ada).to_string());
    }
}
