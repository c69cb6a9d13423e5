//! The key pair: Ed25519. The private half signs access tokens; `verifying.rs` has the public half.

use std::{path::Path, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contracts::{Timestamp, UserId};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde::{Deserialize, Serialize};

use crate::{
    Error, VerifyingKeys,
    files::{load, load_or_create},
    secret::random,
    verifying::{VerifyingKey, unusable},
};

/// The DER of an Ed25519 private key in PKCS#8 without the key itself (RFC 8410, section 7).
const PKCS8_HEAD: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

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
    /// [`db::User::login_generation`] when it was made: another password ends the tokens before it. Tokens from before
    /// there were generations are of the first.
    #[serde(default)]
    pub generation: u32,
}

impl Claims {
    /// Who issues our tokens.
    pub const ISSUER: &'static str = "tapedeck";
    /// Whom our access tokens are for.
    pub const AUDIENCE: &'static str = "tapedeck-api";
    pub(crate) const ACCESS: &'static str = "access";

    /// For an access token of `user`, from `now` on, who has never changed the password.
    #[must_use]
    pub fn access(user: UserId, now: Timestamp, lifetime: Duration) -> Self {
        Self {
            sub: user,
            iss: Self::ISSUER.into(),
            aud: Self::AUDIENCE.into(),
            typ: Self::ACCESS.into(),
            iat: now.millis() / 1000,
            exp: now.after(lifetime).millis() / 1000,
            generation: 0,
        }
    }
}

/// The private key. Only `auth` holds it.
#[derive(Clone)]
pub struct SigningKey {
    private: EncodingKey,
    kid: String,
    public: VerifyingKeys,
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
        let public = VerifyingKey::new(jwk).map_err(unusable(path))?;
        Ok(Self { private, kid: public.kid().to_owned(), public: VerifyingKeys(vec![public]) })
    }

    /// The same key, which lets `others` be good and published too: the ones before it and the ones to come.
    #[must_use]
    pub fn beside(mut self, others: VerifyingKeys) -> Self {
        for key in others.0 {
            self.public.add(key);
        }
        self
    }

    /// The public half first, then the others.
    #[must_use]
    pub fn verifying_keys(&self) -> VerifyingKeys {
        self.public.clone()
    }

    /// Names the key pair: the thumbprint of the public half (RFC 7638).
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public keys as a JSON Web Key Set, our own first.
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// `openssl genpkey -algorithm ed25519`, and its `openssl pkey -pubout`.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";
    /// The thumbprint of both in RFC 8037, appendix A.
    const KID: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

    fn kids(keys: &VerifyingKeys) -> Vec<String> {
        let jwks = keys.jwks();
        let kids = jwks["keys"].as_array().unwrap().iter();
        kids.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_halves_of_a_foreign_key_pair_have_the_thumbprint_of_rfc_8037() {
        let folder = tempfile::tempdir().unwrap();
        let (private, public) = (folder.path().join("private"), folder.path().join("public"));
        fs::write(&private, PRIVATE).unwrap();
        fs::write(&public, PUBLIC).unwrap();
        let signing = SigningKey::load_or_create(&private).unwrap();
        assert_eq!(signing.kid(), KID);
        assert_eq!(signing.verifying_keys().to_pem().unwrap(), PUBLIC);
        assert_eq!(kids(&VerifyingKeys::load(&public).unwrap()), [KID]);
    }

    #[test]
    fn a_file_may_hold_several_public_keys_with_text_between_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("public");
        let other = SigningKey::load_or_create(&folder.path().join("key.pem")).unwrap();
        let other_pem = other.verifying_keys().to_pem().unwrap();
        fs::write(&path, format!("# new\n{other_pem}\n# old\n{PUBLIC}{other_pem}")).unwrap();
        let keys = VerifyingKeys::load(&path).unwrap();
        assert_eq!(kids(&keys), [other.kid(), KID], "each once, in the order of the file");
        assert_eq!(keys.to_pem().unwrap(), format!("{other_pem}{PUBLIC}"));
    }

    #[test]
    fn beside_others_a_key_stays_the_first_and_the_one_that_signs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("public");
        let own = SigningKey::load_or_create(&folder.path().join("key.pem")).unwrap();
        fs::write(&path, format!("{PUBLIC}{}", own.verifying_keys().to_pem().unwrap())).unwrap();
        let all = own.clone().beside(VerifyingKeys::load(&path).unwrap());
        assert_eq!(all.kid(), own.kid());
        assert_eq!(kids(&all.verifying_keys()), [own.kid(), KID]);
        assert_eq!(all.jwks()["keys"].as_array().unwrap().len(), 2);
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
        let broken = format!("{PUBLIC}-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n");
        for text in ["hello", PUBLIC, PRIVATE, "", &broken, "-----BEGIN PUBLIC KEY-----\n"] {
            fs::write(&path, text).unwrap();
            if text != PRIVATE {
                let error = SigningKey::load_or_create(&path).err().unwrap().to_string();
                assert!(error.contains("key.pem"), "{error}");
            }
            if text != PUBLIC {
                let error = VerifyingKeys::load(&path).err().unwrap().to_string();
                assert!(error.contains("key.pem"), "{error}");
            }
        }
    }
}
