//! The secrets in the addresses of podcast feeds. Each is made of its feed's id and the key that signs links, so that it
//! can be shown again at any time and stands in no database.

use contracts::FeedId;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Letters of an id.
const ID: usize = 26;
/// Bytes of the proof that the id is ours: nobody guesses 128 bits.
const PROOF: usize = 16;

/// Makes the secrets of feeds, and knows them.
#[derive(Clone)]
pub(crate) struct FeedSecrets(Hmac<Sha256>);

impl FeedSecrets {
    /// `None` never happens: HMAC takes a key of any length.
    pub(crate) fn new(key: &str) -> Option<Self> {
        Hmac::new_from_slice(key.as_bytes()).ok().map(Self)
    }

    /// No JWT is ever signed over text with a blank in it, so this is no token, and no token is this.
    fn proof(&self, id: &str) -> Hmac<Sha256> {
        let mut proof = self.0.clone();
        proof.update(b"the feed ");
        proof.update(id.as_bytes());
        proof
    }

    pub(crate) fn of(&self, id: FeedId) -> String {
        let id = id.to_string();
        let proof = self.proof(&id).finalize().into_bytes();
        let proof = URL_SAFE_NO_PAD.encode(&proof[..PROOF]);
        format!("{id}{proof}")
    }

    pub(crate) fn read(&self, secret: &str) -> Option<FeedId> {
        let (id, proof) = secret.split_at_checked(ID)?;
        let proof = URL_SAFE_NO_PAD.decode(proof).ok().filter(|proof| proof.len() == PROOF)?;
        // In a time that tells nothing.
        self.proof(id).verify_truncated_left(&proof).ok()?;
        id.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_that_of_one_feed_and_of_one_installation() {
        let (secrets, others) =
            (FeedSecrets::new(&"k".repeat(43)).unwrap(), FeedSecrets::new(&"l".repeat(43)).unwrap());
        let (one, two) = (FeedId::generate(), FeedId::generate());
        let secret = secrets.of(one);
        assert_eq!(secrets.read(&secret), Some(one));
        assert_eq!(secret, secrets.of(one), "it can be shown again");
        assert!(
            secret.len() == 48
                && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
        assert_eq!(others.read(&secret), None);
        let swapped = format!("{two}{}", &secret[ID..]);
        let upper = secret.to_ascii_uppercase();
        let odd = "ü".repeat(24);
        for wrong in [swapped.as_str(), &upper, &secret[..47], &secret[..ID], "", &odd] {
            assert_eq!(secrets.read(wrong), None, "{wrong}");
        }
    }
}
