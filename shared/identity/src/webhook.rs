//! Signed webhooks by the Standard Webhooks scheme, version 1 with HMAC-SHA256 (standardwebhooks.com).

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contracts::Timestamp;
use db::User;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What a secret begins with, so that it is known where it turns up.
const PREFIX: &str = "whsec_";
/// How long the secret before signs too, so that a receiver can change over without missing a call.
const BOTH: Duration = Duration::from_secs(24 * 60 * 60);

/// With what the webhooks of one account are signed. Its text is what the receiver configures.
#[derive(Clone)]
pub struct WebhookSecret {
    current: Vec<u8>,
    /// The one before, and until when it signs too.
    previous: Option<(Vec<u8>, Timestamp)>,
}

impl WebhookSecret {
    /// `secret` is the installation's.
    pub(crate) fn of(secret: &[u8], user: &User) -> Self {
        let generation = user.webhook_generation;
        let until = user.webhook_replaced_at.map(|replaced_at| replaced_at.after(BOTH));
        let previous = generation.checked_sub(1).map(|before| derive(secret, user, before));
        Self { current: derive(secret, user, generation), previous: previous.zip(until) }
    }

    /// The header `webhook-signature` of a message with this `webhook-id` and `webhook-timestamp`: one signature, or
    /// two with a blank between them.
    #[must_use]
    pub fn sign(&self, id: &str, time: Timestamp, body: &[u8]) -> String {
        let previous = self.previous.iter().filter(|(_, until)| time < *until).map(|(key, _)| key);
        let keys = std::iter::once(&self.current).chain(previous);
        keys.map(|key| signature(key, id, time, body)).collect::<Vec<_>>().join(" ")
    }
}

/// No JWT is ever signed over text with a blank in it, so this is no token, and no token is this.
fn derive(secret: &[u8], user: &User, generation: u32) -> Vec<u8> {
    let id = user.id.to_string();
    // The first has no number: it is the one from before secrets could be replaced.
    let number = if generation == 0 { String::new() } else { format!(" {generation}") };
    hmac(secret, &[b"webhook secret of ", id.as_bytes(), number.as_bytes()])
}

fn signature(key: &[u8], id: &str, time: Timestamp, body: &[u8]) -> String {
    let seconds = (time.millis() / 1000).to_string();
    let signature = hmac(key, &[id.as_bytes(), b".", seconds.as_bytes(), b".", body]);
    format!("v1,{}", STANDARD.encode(signature))
}

impl fmt::Display for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", STANDARD.encode(&self.current))
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
pub(crate) mod tests {
    use contracts::UserId;
    use db::Role;

    use super::*;

    pub(crate) fn user() -> User {
        User {
            id: UserId::generate(),
            email: "ada@example.org".into(),
            password_hash: "-".into(),
            role: Role::User,
            class: "standard".into(),
            verified_at: None,
            disabled_at: None,
            created_at: Timestamp::now(),
            login_generation: 0,
            webhook_generation: 0,
            webhook_replaced_at: None,
            guest_until: None,
        }
    }

    #[test]
    fn the_signature_is_the_one_of_the_specifications_example() {
        let current = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let secret = WebhookSecret { current, previous: None };
        assert_eq!(secret.to_string(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let time = Timestamp::from_millis(1_614_265_330_999);
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_first_secret_is_the_one_from_before_secrets_could_be_replaced() {
        let user = User { id: "01arz3ndektsv4rrffq69g5fav".parse().unwrap(), ..user() };
        let before = hmac(b"x", &[b"webhook secret of 01arz3ndektsv4rrffq69g5fav"]);
        assert_eq!(WebhookSecret::of(b"x", &user).current, before);
    }

    #[test]
    fn for_a_day_the_secret_before_signs_too_and_the_one_before_that_does_not() {
        let now = Timestamp::now();
        let first = user();
        let replaced = |generation| User {
            webhook_generation: generation,
            webhook_replaced_at: Some(now),
            ..first.clone()
        };
        let secrets = [first.clone(), replaced(1), replaced(2)].map(|user| WebhookSecret::of(b"x", &user));
        assert_ne!(secrets[0].to_string(), secrets[1].to_string());
        let alone = |secret: &WebhookSecret, time| signature(&secret.current, "id", time, b"body");
        for (time, signers) in [(now, vec![2, 1]), (now.after(BOTH), vec![2])] {
            let expected: Vec<_> = signers.into_iter().map(|which| alone(&secrets[which], time)).collect();
            assert_eq!(secrets[2].sign("id", time, b"body"), expected.join(" "));
        }
    }

    #[test]
    fn the_secret_is_not_printed_by_accident() {
        assert_eq!(format!("{:?}", WebhookSecret::of(b"x", &user())), "WebhookSecret");
    }
}
