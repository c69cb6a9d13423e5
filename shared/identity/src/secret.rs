//! Opaque tokens: 256 random bits for the client, a hash for us.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

use crate::Error;

/// `prefix` and 32 random bytes in URL-safe base 64.
///
/// # Errors
/// [`Error::Random`] if the operating system gives no random bytes.
pub fn new_secret(prefix: &str) -> Result<String, Error> {
    Ok(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random()?)))
}

/// SHA-256 in hex: how a secret is stored. It needs no salt and no slowness, because nobody guesses 256 bits.
#[must_use]
pub fn hash_secret(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn random() -> Result<[u8; 32], Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_sha_256_in_hex() {
        // FIPS 180-4, example "abc".
        assert_eq!(hash_secret("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn secrets_differ_and_fit_into_a_url() {
        let (one, two) = (new_secret("td_").unwrap(), new_secret("td_").unwrap());
        assert_ne!(one, two);
        assert_eq!(one.len(), 3 + 43);
        assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    }
}
