//! Signed webhooks by the Standard Webhooks scheme, version 1 with HMAC-SHA256 (standardwebhooks.com).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contracts::{Timestamp, UserId};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What a secret begins with, so that it is known where it turns up.
const PREFIX: &str = "whsec_";

/// With what the webhooks of one account are signed. Its text is what the receiver configures.
#[derive(Clone)]
pub struct WebhookSecret(Vec<u8>);

/// No JWT is ever signed over text with a blank in it, so this is no token, and no token is this.
pub(crate) fn derive(secret: &[u8], user: UserId) -> WebhookSecret {
    WebhookSecret(hmac(secret, &[b"webhook secret of ", user.to_string().as_bytes()]))
}

impl WebhookSecret {
    /// The header `webhook-signature` of a message with this `webhook-id` and `webhook-timestamp`.
    #[must_use]
    pub fn sign(&self, id: &str, time: Timestamp, body: &[u8]) -> String {
        let seconds = (time.millis() / 1000).to_string();
        let signature = hmac(&self.0, &[id.as_bytes(), b".", seconds.as_bytes(), b".", body]);
        format!("v1,{}", STANDARD.encode(signature))
    }
}

impl fmt::Display for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", STANDARD.encode(&self.0))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret")
    }
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // A key longer than a block is hashed first; no length is wrong, so the other arm is never taken.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_of_the_specifications_example() {
        let secret = WebhookSecret(STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap());
        assert_eq!(secret.to_string(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let time = Timestamp::from_millis(1_614_265_330_999);
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_secret_is_not_printed_by_accident() {
        assert_eq!(format!("{:?}", derive(b"x", UserId::generate())), "WebhookSecret");
    }
}
