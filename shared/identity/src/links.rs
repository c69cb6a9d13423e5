//! Signed links: the address of one audio until a time, for whoever has the mail.

use std::{path::Path, sync::Arc};

use contracts::{AudioId, Clock, FeedId, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Error,
    feeds::FeedSecrets,
    files::{load_or_create_secret, load_secret},
};

/// For whom link tokens are. Not the audience of access tokens: one is never taken for the other.
const AUDIENCE: &str = "tapedeck-link";

/// Signs links and checks them. All processes that do either have the same secret file.
#[derive(Clone)]
pub struct Links {
    keys: Arc<(EncodingKey, DecodingKey)>,
    feeds: Option<FeedSecrets>,
    clock: Clock,
}

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
        let feeds = FeedSecrets::new(secret);
        let secret = secret.as_bytes();
        let keys = (EncodingKey::from_secret(secret), DecodingKey::from_secret(secret));
        Self { keys: Arc::new(keys), feeds, clock: Clock::system() }
    }

    /// The same by another clock: for tests.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// A token for a link to this audio, good until `expires`; fits into a URL as it is.
    #[must_use]
    pub fn sign(&self, audio_id: AudioId, expires: Timestamp) -> String {
        let link = Link { sub: audio_id, aud: AUDIENCE.into(), exp: expires.millis() / 1000 };
        // HMAC takes every key and a `Link` is always JSON; an empty token would verify nowhere.
        encode(&Header::new(Algorithm::HS256), &link, &self.keys.0).unwrap_or_default()
    }

    /// The secret in the address of a feed; fits into a URL as it is.
    #[must_use]
    pub fn feed_secret(&self, id: FeedId) -> String {
        // There always are some; an empty secret would be none of any feed.
        self.feeds.as_ref().map(|feeds| feeds.of(id)).unwrap_or_default()
    }

    /// The feed whose secret this is. Whether the feed is still there is for the database to say.
    #[must_use]
    pub fn feed(&self, secret: &str) -> Option<FeedId> {
        self.feeds.as_ref()?.read(secret)
    }

    /// Whether the token opens this audio now.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn verify(&self, token: &str, audio_id: AudioId) -> Result<(), LinkError> {
        let link: Link = read(token, &self.keys.1, AUDIENCE, &self.clock)?;
        if link.sub == audio_id { Ok(()) } else { Err(LinkError::Invalid) }
    }
}

/// Claims that are good for a time.
pub(crate) trait Expires: DeserializeOwned + Clone {
    /// When they cease to be, in seconds since 1970.
    fn exp(&self) -> i64;
}
impl Expires for Link {
    fn exp(&self) -> i64 {
        self.exp
    }
}

/// The claims of a token that was signed with this key for this audience and has not expired.
pub(crate) fn read<T: Expires>(
    token: &str,
    key: &DecodingKey,
    audience: &str,
    clock: &Clock,
) -> Result<T, LinkError> {
    let mut validation = Validation::new(Algorithm::HS256);
    // By our clock, below.
    validation.validate_exp = false;
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "aud", "sub"]);
    let claims = decode::<T>(token, key, &validation).map_err(|_| LinkError::Invalid)?.claims;
    if claims.exp() < clock.now().millis() / 1000 { Err(LinkError::Expired) } else { Ok(claims) }
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
        let clock = Clock::manual(Timestamp::now());
        let (links, audio) = (links().with_clock(clock.clone()), AudioId::generate());
        let old = links.sign(audio, soon());
        clock.advance(Duration::from_secs(60));
        assert_eq!(links.verify(&old, audio), Ok(()));
        clock.advance(Duration::from_secs(2));
        assert_eq!(links.verify(&old, audio), Err(LinkError::Expired));
        clock.advance(Duration::from_secs(365 * 86_400));
        assert_eq!(links.verify(&old, audio), Err(LinkError::Expired));
        let links = links.with_clock(Clock::system());
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
