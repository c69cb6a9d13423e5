//! Secrets of others that we have to send again, as the tokens of ntfy servers: sealed by ChaCha20-Poly1305 before they are
//! stored. Each is bound to what it is for, so that one can't be put in another's place.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::{Error, webhook::hmac};

/// No JWT is ever signed over text with a blank in it, so no token is this key.
fn key(secret: &[u8]) -> Result<LessSafeKey, Error> {
    let bytes = hmac(secret, &[b"the key that seals tokens"]);
    let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes);
    key.map(LessSafeKey::new).map_err(|_| Error::Key("it seals nothing".into()))
}

/// `text` for `whose`: a random nonce, the text and its tag, in base 64.
pub(crate) fn seal(secret: &[u8], whose: &str, text: &str) -> Result<String, Error> {
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce)?;
    let mut sealed = text.as_bytes().to_vec();
    let (unique, bound) = (Nonce::assume_unique_for_key(nonce), Aad::from(whose.as_bytes()));
    key(secret)?
        .seal_in_place_append_tag(unique, bound, &mut sealed)
        .map_err(|_| Error::Token("it is too long".into()))?;
    Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
}

pub(crate) fn open(secret: &[u8], whose: &str, sealed: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let (nonce, rest) = bytes.split_at_checked(NONCE_LEN)?;
    let (nonce, mut rest) = (Nonce::try_assume_unique_for_key(nonce).ok()?, rest.to_vec());
    let text = key(secret).ok()?.open_in_place(nonce, Aad::from(whose.as_bytes()), &mut rest).ok()?;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_by_the_same_key_for_the_same_thing_only() {
        let sealed = seal(b"ours", "one", "tk_secret").unwrap();
        assert_eq!(open(b"ours", "one", &sealed).as_deref(), Some("tk_secret"));
        assert!(!sealed.contains("secret") && sealed != seal(b"ours", "one", "tk_secret").unwrap());
        for (secret, whose, sealed) in [
            (b"ours", "two", sealed.as_str()),
            (b"else", "one", &sealed),
            (b"ours", "one", &sealed[4..]),
            (b"ours", "one", ""),
            (b"ours", "one", "#"),
        ] {
            assert_eq!(open(secret, whose, sealed), None, "{whose} {sealed}");
        }
    }

    #[test]
    fn the_longest_token_fits_into_its_column() {
        assert!(seal(b"ours", "one", &"x".repeat(200)).unwrap().len() <= 500);
    }
}
