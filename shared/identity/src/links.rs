//! Signed links: the address of one audio until a time, for whoever has the mail.

use std::{path::Path, sync::Arc};

use contracts::{AudioId, Timestamp};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode, errors::ErrorKind,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Error,
    files::{load_or_create_secret, load_secret},
};

/// For whom link tokens are. Not the audience of access tokens: one is never taken for the other.
const AUDIENCE: &str = "tapedeck-link";

/// Signs links and checks them. All processes that do either have the same secret file.
#[derive(Clone)]
pub struct Links(Arc<(EncodingKey, DecodingKey)>);

/// A link that is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It was good once.
    #[error("the link has expired")]
    Expired,
    /// It was never good, or it is for something else.
    #[error("the link is not valid")]
    Invalid,
}

#[derive(Clone, Serialize, Deserialize)]
struct Link {
    sub: AudioId,
    aud: String,
    exp: i64,
}

impl Links {
    /// Reads the secret at `path`; makes it at the first start, readable by its owner only.
    ///
    /// # Errors
    /// [`Error::File`] if the file can't be read or made, [`Error::Key`] if the secret is too short to be one.
    pub fn load_or_create(path: &Path) -> Result<Self, Error> {
        Ok(Self::new(&load_or_create_secret(path)?))
    }

    /// Reads the secret at `path`, which [`Links::load_or_create`] made.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is none; else as [`Links::load_or_create`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        Ok(Self::new(&load_secret(path)?))
    }

    fn new(secret: &str) -> Self {
        let secret = secret.as_bytes();
        Self(Arc::new((EncodingKey::from_secret(secret), DecodingKey::from_secret(secret))))
    }

    /// A token for a link to this audio, good until `expires`; fits into a URL as it is.
    #[must_use]
    pub fn sign(&self, audio_id: AudioId, expires: Timestamp) -> String {
        let link = Link { sub: audio_id, aud: AUDIENCE.into(), exp: expires.millis() / 1000 };
        // HMAC takes every key and a `Link` is always JSON; an empty token would verify nowhere.
        encode(&Header::new(Algorithm::HS256), &link, &self.0.0).unwrap_or_default()
    }

    /// Whether the token opens this audio now.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn verify(&self, token: &str, audio_id: AudioId) -> Result<(), LinkError> {
        let link: Link = read(token, &self.0.1, AUDIENCE)?;
        if link.sub == audio_id { Ok(()) } else { Err(LinkError::Invalid) }
    }
}

/// The claims of a token that was signed with this key for this audience and has not expired.
pub(crate) fn read<T: DeserializeOwned + Clone>(
    token: &str,
    key: &DecodingKey,
    audience: &str,
) -> Result<T, LinkError> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = 0;
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "aud", "sub"]);
    let token = decode::<T>(token, key, &validation).map_err(|error| match error.kind() {
        ErrorKind::ExpiredSignature => LinkError::Expired,
        _ => LinkError::Invalid,
    })?;
    Ok(token.claims)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn links() -> Links {
        let folder = tempfile::tempdir().unwrap();
        Links::load_or_create(&folder.path().join("links")).unwrap()
    }

    fn soon() -> Timestamp {
        Timestamp::now().after(Duration::from_secs(60))
    }

    #[test]
    fn a_link_opens_its_audio_and_no_other() {
        let (links, audio) = (links(), AudioId::generate());
        let token = links.sign(audio, soon());
        assert_eq!(links.verify(&token, audio), Ok(()));
        assert_eq!(links.verify(&token, AudioId::generate()), Err(LinkError::Invalid));
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)));
    }

    #[test]
    fn an_old_link_is_told_from_a_wrong_one() {
        let (links, audio) = (links(), AudioId::generate());
        let old = links.sign(audio, Timestamp::now().before(Duration::from_secs(2)));
        assert_eq!(links.verify(&old, audio), Err(LinkError::Expired));
        let good = links.sign(audio, soon());
        let longer = Timestamp::now().after(Duration::from_secs(600));
        let payload = links.sign(audio, longer).split('.').nth(1).unwrap().to_owned();
        let parts: Vec<&str> = good.split('.').collect();
        for token in ["", "x", &format!("{}.{payload}.{}", parts[0], parts[2]), &good[..good.len() - 2]] {
            assert_eq!(links.verify(token, audio), Err(LinkError::Invalid), "{token}");
        }
    }

    #[test]
    fn another_secret_opens_nothing() {
        let audio = AudioId::generate();
        assert_eq!(links().verify(&links().sign(audio, soon()), audio), Err(LinkError::Invalid));
    }
}
