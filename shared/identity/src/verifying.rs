//! The public keys, for whoever checks access tokens: the one that signs now, and during a change of keys also the one
//! before it or after it.

use std::{fs, path::Path};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, Jwk, PublicKeyUse, ThumbprintHash},
};

use crate::Error;

/// The DER of an Ed25519 public key (SPKI) without the key itself (RFC 8410, section 4).
const SPKI_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// How a public key begins and ends in PEM (RFC 7468, section 13).
const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// One public key.
#[derive(Clone, Debug)]
pub(crate) struct VerifyingKey {
    jwk: Jwk,
    pub(crate) key: DecodingKey,
}

/// Public keys, at least one; a token names the one that has signed it.
#[derive(Clone, Debug)]
pub struct VerifyingKeys(pub(crate) Vec<VerifyingKey>);

impl VerifyingKeys {
    /// Reads public keys (SPKI PEM, as `openssl pkey -pubout` writes it, one after the other) at `path`.
    ///
    /// # Errors
    /// [`Error::File`] if the file can't be read, [`Error::Key`] if it holds none, or one that is not Ed25519.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text =
            fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
        let mut keys = Self(Vec::new());
        for pem in text.split_inclusive(END).filter_map(|part| part.find(BEGIN).map(|at| &part[at..])) {
            keys.add(VerifyingKey::from_pem(pem).map_err(unusable(path))?);
        }
        if keys.0.is_empty() {
            return Err(Error::Key(format!("{}: no `{BEGIN}` in it", path.display())));
        }
        Ok(keys)
    }

    /// Adds a key, unless it is there.
    pub(crate) fn add(&mut self, key: VerifyingKey) {
        if !self.0.iter().any(|known| known.kid() == key.kid()) {
            self.0.push(key);
        }
    }

    /// The key with this name. A token without one is of a time when there was one key: it is taken while there is
    /// again only one.
    pub(crate) fn find(&self, kid: Option<&str>) -> Option<&VerifyingKey> {
        match (kid, self.0.as_slice()) {
            (Some(kid), keys) => keys.iter().find(|key| key.kid() == kid),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }

    /// A JSON Web Key Set (RFC 7517).
    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        let keys: Vec<&Jwk> = self.0.iter().map(|key| &key.jwk).collect();
        serde_json::json!({ "keys": keys })
    }

    /// As [`VerifyingKeys::load`] reads it.
    ///
    /// # Errors
    /// [`Error::Key`] if a key is no Ed25519 key.
    pub fn to_pem(&self) -> Result<String, Error> {
        self.0.iter().map(VerifyingKey::to_pem).collect()
    }
}

impl VerifyingKey {
    fn from_pem(pem: &str) -> jsonwebtoken::errors::Result<Self> {
        let key = DecodingKey::from_ed_pem(pem.as_bytes())?;
        Self::new(Jwk::from_decoding_key(&key, Some(Algorithm::EdDSA))?)
    }

    pub(crate) fn new(mut jwk: Jwk) -> jsonwebtoken::errors::Result<Self> {
        jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256)?);
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let key = DecodingKey::from_jwk(&jwk)?;
        Ok(Self { jwk, key })
    }

    /// Names the key pair: the thumbprint of the public half (RFC 7638).
    pub(crate) fn kid(&self) -> &str {
        self.jwk.common.key_id.as_deref().unwrap_or_default()
    }

    fn to_pem(&self) -> Result<String, Error> {
        let AlgorithmParameters::OctetKeyPair(pair) = &self.jwk.algorithm else {
            return Err(Error::Key("expected Ed25519".into()));
        };
        let key = URL_SAFE_NO_PAD.decode(&pair.x).map_err(|error| Error::Key(error.to_string()))?;
        let der = [SPKI_HEAD.as_slice(), &key].concat();
        Ok(format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(der)))
    }
}

pub(crate) fn unusable(path: &Path) -> impl Fn(jsonwebtoken::errors::Error) -> Error {
    move |error| Error::Key(format!("{}: {error}; expected Ed25519 in PEM", path.display()))
}
