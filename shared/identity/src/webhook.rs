//! Signed webhooks by the Standard Webhooks scheme, version 1 with HMAC-SHA256 (standardwebhooks.com).

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contracts::Timestamp;
use db::{Destination, User};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What a secret begins with, so that it is known where it turns up.
const PREFIX: &str = "whsec_";
/// How long the secret before signs too, so that a receiver can change over without missing a call.
const BOTH: Duration = Duration::from_secs(24 * 60 * 60);

/// With what the webhooks of one account, or of one destination, are signed. Its text is what the receiver configures.
#[derive(Clone)]
pub struct WebhookSecret {
    current: Vec<u8>,
    /// The one before, and until when it signs too.
    previous: Option<(Vec<u8>, Timestamp)>,
}

impl WebhookSecret {
    /// `secret` is the installation's.
    pub(crate) fn of(secret: &[u8], user: &User) -> Self {
        let whose = format!("webhook secret of {}", user.id);
        Self::derived(secret, &whose, user.webhook_generation, user.webhook_replaced_at)
    }

    /// That of a destination, which is another than its owner's.
    pub(crate) fn of_destination(secret: &[u8], destination: &Destination) -> Self {
        let whose = format!("webhook secret of the destination {}", destination.id);
        let Destination { secret_generation, secret_replaced_at, .. } = destination;
        Self::derived(secret, &whose, *secret_generation, *secret_replaced_at)
    }

    fn derived(secret: &[u8], whose: &str, generation: u32, replaced_at: Option<Timestamp>) -> Self {
        let until = replaced_at.map(|replaced_at| replaced_at.after(BOTH));
        let previous = generation.checked_sub(1).map(|before| derive(secret, whose, before));
        Self { current: derive(secret, whose, generation), previous: previous.zip(until) }
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
fn derive(secret: &[u8], whose: &str, generation: u32) -> Vec<u8> {
    // The first has no number: it is the one from before secrets could be replaced.
    let number = if generation == 0 { String::new() } else { format!(" {generation}") };
    hmac(secret, &[whose.as_bytes(), number.as_bytes()])
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

pub(crate) fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // A key longer than a block is hashed first; no length is wrong, so the other arm is never taken.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
pub(crate) mod tests {
    use contracts::{DestinationId, DestinationKind, UserId};
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
            job_mails: true,
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
    fn a_destination_has_a_secret_of_its_own_and_the_one_before_signs_for_a_day() {
        let now = Timestamp::now();
        let destination = Destination {
            id: DestinationId::generate(),
            user_id: UserId::generate(),
            kind: DestinationKind::Webhook,
            address: "https://example.org".into(),
            token: None,
            events: Vec::new(),
            active: true,
            secret_generation: 0,
            secret_replaced_at: None,
            created_at: now,
        };
        let other = Destination { id: DestinationId::generate(), ..destination.clone() };
        let replaced =
            Destination { secret_generation: 1, secret_replaced_at: Some(now), ..destination.clone() };
        let [first, other, second] =
            [&destination, &other, &replaced].map(|one| WebhookSecret::of_destination(b"x", one));
        assert_ne!(first.to_string(), other.to_string());
        let both = second.sign("id", now, b"body");
        let alone = second.sign("id", now.after(BOTH), b"body");
        let before = first.sign("id", now, b"body");
        assert_eq!(both, format!("{} {before}", second.sign("id", now, b"body").split(' ').next().unwrap()));
        assert!(!alone.contains(' ') && alone != before);
    }

    #[test]
    fn the_secret_is_not_printed_by_accident() {
        assert_eq!(format!("{:?}", WebhookSecret::of(b"x", &user())), "WebhookSecret");
    }
}
