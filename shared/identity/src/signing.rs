//! The key pair: Ed25519. The private half signs access tokens, the public half is for everybody.

use std::{path::Path, time::Duration};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use contracts::{Timestamp, UserId};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, encode,
    jwk::{AlgorithmParameters, Jwk, PublicKeyUse, ThumbprintHash},
};
use serde::{Deserialize, Serialize};

use crate::{
    Error,
    files::{load, load_or_create},
    secret::random,
};

/// The DER of an Ed25519 private key in PKCS#8 without the key itself (RFC 8410, section 7).
const PKCS8_HEAD: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The DER of an Ed25519 public key (SPKI) without the key itself (RFC 8410, section 4).
const SPKI_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// What stands in an access token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    /// Whom it is about.
    pub sub: UserId,
    /// Who says it; always [`Claims::ISSUER`].
    pub iss: String,
    /// For whom it is; always [`Claims::AUDIENCE`].
    pub aud: String,
    /// The kind of token; always `access`.
    pub typ: String,
    /// When it was made, in seconds since 1970.
    pub iat: i64,
    /// When it stops working, in seconds since 1970.
    pub exp: i64,
}

impl Claims {
    /// Who issues our tokens.
    pub const ISSUER: &'static str = "tapedeck";
    /// Whom our access tokens are for.
    pub const AUDIENCE: &'static str = "tapedeck-api";
    pub(crate) const ACCESS: &'static str = "access";

    /// For an access token of `user`, from now on.
    #[must_use]
    pub fn access(user: UserId, lifetime: Duration) -> Self {
        let now = Timestamp::now();
        Self {
            sub: user,
            iss: Self::ISSUER.into(),
            aud: Self::AUDIENCE.into(),
            typ: Self::ACCESS.into(),
            iat: now.millis() / 1000,
            exp: now.after(lifetime).millis() / 1000,
        }
    }
}

/// The private key. Only `auth` holds it.
#[derive(Clone)]
pub struct SigningKey {
    private: EncodingKey,
    public: VerifyingKey,
}

impl SigningKey {
    /// Reads the private key (PKCS#8 PEM) at `path`; makes it at the first start, readable by its owner only.
    ///
    /// # Errors
    /// [`Error::File`] if the file can't be read or made, [`Error::Key`] if it holds no Ed25519 key.
    pub fn load_or_create(path: &Path) -> Result<Self, Error> {
        Self::from_pem(path, &load_or_create(path, new_pem)?)
    }

    /// Reads the private key at `path`, which [`SigningKey::load_or_create`] made.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is none; else as [`SigningKey::load_or_create`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::from_pem(path, &load(path)?)
    }

    fn from_pem(path: &Path, pem: &str) -> Result<Self, Error> {
        let private = EncodingKey::from_ed_pem(pem.as_bytes()).map_err(unusable(path))?;
        let jwk = Jwk::from_encoding_key(&private, Algorithm::EdDSA).map_err(unusable(path))?;
        Ok(Self { private, public: VerifyingKey::new(jwk).map_err(unusable(path))? })
    }

    /// The public half.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        self.public.clone()
    }

    /// Names the key pair: the thumbprint of the public half (RFC 7638).
    #[must_use]
    pub fn kid(&self) -> &str {
        self.public.kid()
    }

    /// The public half as a JSON Web Key Set.
    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        self.public.jwks()
    }

    /// A signed token (JWT) with these claims.
    ///
    /// # Errors
    /// [`Error::Token`] if it can't be signed.
    pub fn issue(&self, claims: &Claims) -> Result<String, Error> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid().to_owned());
        encode(&header, claims, &self.private).map_err(|error| Error::Token(error.to_string()))
    }
}

fn new_pem() -> Result<String, Error> {
    let der = [PKCS8_HEAD.as_slice(), &random()?].concat();
    Ok(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der)))
}

fn unusable(path: &Path) -> impl Fn(jsonwebtoken::errors::Error) -> Error {
    move |error| Error::Key(format!("{}: {error}; expected Ed25519 in PEM", path.display()))
}

/// The public key, for whoever checks access tokens.
#[derive(Clone, Debug)]
pub struct VerifyingKey {
    jwk: Jwk,
    pub(crate) key: DecodingKey,
}

impl VerifyingKey {
    /// Reads a public key (SPKI PEM, as `openssl pkey -pubout` writes it) at `path`.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is no file, [`Error::File`] if it can't be read, [`Error::Key`] if it holds no
    /// Ed25519 key.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let key = DecodingKey::from_ed_pem(load(path)?.as_bytes()).map_err(unusable(path))?;
        let jwk = Jwk::from_decoding_key(&key, Some(Algorithm::EdDSA)).map_err(unusable(path))?;
        Self::new(jwk).map_err(unusable(path))
    }

    fn new(mut jwk: Jwk) -> jsonwebtoken::errors::Result<Self> {
        jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256)?);
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let key = DecodingKey::from_jwk(&jwk)?;
        Ok(Self { jwk, key })
    }

    /// Names the key pair: the thumbprint of the public half (RFC 7638).
    #[must_use]
    pub fn kid(&self) -> &str {
        self.jwk.common.key_id.as_deref().unwrap_or_default()
    }

    /// A JSON Web Key Set of this one key.
    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        serde_json::json!({ "keys": [self.jwk] })
    }

    /// As [`VerifyingKey::load`] reads it.
    ///
    /// # Errors
    /// [`Error::Key`] if the key is no Ed25519 key.
    pub fn to_pem(&self) -> Result<String, Error> {
        let AlgorithmParameters::OctetKeyPair(pair) = &self.jwk.algorithm else {
            return Err(Error::Key("expected Ed25519".into()));
        };
        let key = URL_SAFE_NO_PAD.decode(&pair.x).map_err(|error| Error::Key(error.to_string()))?;
        let der = [SPKI_HEAD.as_slice(), &key].concat();
        Ok(format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// `openssl genpkey -algorithm ed25519`, and its `openssl pkey -pubout`.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn the_halves_of_a_foreign_key_pair_have_the_thumbprint_of_rfc_8037() {
        let folder = tempfile::tempdir().unwrap();
        let (private, public) = (folder.path().join("private"), folder.path().join("public"));
        fs::write(&private, PRIVATE).unwrap();
        fs::write(&public, PUBLIC).unwrap();
        // The key pair is the one of RFC 8037, appendix A.
        let kid = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
        let signing = SigningKey::load_or_create(&private).unwrap();
        assert_eq!(signing.kid(), kid);
        assert_eq!(signing.verifying_key().to_pem().unwrap(), PUBLIC);
        assert_eq!(VerifyingKey::load(&public).unwrap().kid(), kid);
    }

    #[test]
    fn the_key_stays_the_same_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let first = SigningKey::load_or_create(&path).unwrap();
        assert_eq!(first.jwks(), SigningKey::load_or_create(&path).unwrap().jwks());
        assert_eq!(first.jwks()["keys"][0]["crv"], "Ed25519");
        assert_eq!(first.jwks()["keys"][0]["alg"], "EdDSA");
        assert!(first.jwks()["keys"][0].get("d").is_none());
    }

    #[test]
    fn what_is_no_key_is_refused_with_the_name_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        fs::write(&path, "hello").unwrap();
        let error = SigningKey::load_or_create(&path).err().unwrap().to_string();
        assert!(error.contains("key.pem"), "{error}");
    }
}
