//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a request that makes something may be sent again, with the
//! same key, by a client that has not heard the answer. It is made once.
//!
//! A key belongs to an account and a route, for 24 hours. Only what was made is remembered: a request that was refused has
//! made nothing, and may be sent again, changed or not.

use std::str::FromStr;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
};
use contracts::UserId;
use db::{Db, EarlierRequest, RequestKey};
use runtime::Problem;
use sha2::{Digest as _, Sha256};

const NAME: HeaderName = HeaderName::from_static("idempotency-key");
/// Longest key.
const LONGEST: usize = 255;

/// The key of a request, if it has one, and what the head says of the rest.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    key: Option<String>,
    route: String,
    head: String,
}

/// How a request goes on. `Id` names what it makes.
#[derive(Clone, Debug)]
pub enum Idempotent<Id> {
    /// It is the first one: what it makes is made by this handle, which notes it.
    First(Db),
    /// It was sent before, and has made this.
    Again(Id),
}

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let length = parts.headers.get(header::CONTENT_LENGTH).map(HeaderValue::as_bytes).unwrap_or_default();
        Ok(Self {
            key: key(&parts.headers)?,
            route: format!("{} {}", parts.method, parts.uri.path()),
            head: format!("{:?} {:?}", parts.uri.query(), String::from_utf8_lossy(length)),
        })
    }
}

impl IdempotencyKey {
    /// Whether this is the first request with the key. `said` is what it asks for beside its path, its query and the length
    /// of its body.
    ///
    /// # Errors
    /// 409 if the first one is in hand, 422 if it asked for something else; as the database fails.
    pub async fn begin<Id: FromStr>(
        self,
        db: &Db,
        user: UserId,
        said: &[&str],
    ) -> Result<Idempotent<Id>, Problem> {
        let Some(key) = self.key else { return Ok(Idempotent::First(db.clone())) };
        let id = hash(&[&user.to_string(), &self.route, &key]);
        let key = RequestKey { id, fingerprint: hash(&[&[self.head.as_str()], said].concat()) };
        match db.before(&key).await.map_err(Problem::of)? {
            EarlierRequest::Nothing => Ok(Idempotent::First(db.for_request(key))),
            EarlierRequest::Other => Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "This Idempotency-Key was sent with another request. Send a new one.",
            )),
            EarlierRequest::InHand => Err(still_running()),
            EarlierRequest::Made(made) => {
                let made =
                    made.parse().map_err(|_| Problem::internal("a request's key names no such thing"))?;
                Ok(Idempotent::Again(made))
            }
        }
    }
}

/// What a failure to make something is to the client: another request with the same key may have been faster.
#[must_use]
pub fn not_made(error: db::Error) -> Problem {
    match error {
        db::Error::Exists => still_running(),
        error => Problem::of(error),
    }
}

/// 409: what an earlier request with this key has made can't be shown any more.
#[must_use]
pub fn used_up(detail: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, "idempotency-key-used", detail)
}

fn still_running() -> Problem {
    let detail =
        "An earlier request with this Idempotency-Key is running. Send this one again in a few seconds.";
    Problem::new(StatusCode::CONFLICT, "idempotency-in-hand", detail)
        .header(header::RETRY_AFTER, HeaderValue::from_static("5"))
}

/// The draft has a quoted string (RFC 8941), most clients send it without quotes.
fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(&NAME).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    let key = value.to_str().unwrap_or_default().trim_matches('"');
    if values.next().is_none() && (1..=LONGEST).contains(&key.len()) && key.bytes().all(plain) {
        return Ok(Some(key.to_owned()));
    }
    let detail = format!("Idempotency-Key must have 1 to {LONGEST} visible characters, as a UUID has them.");
    Err(Problem::bad_request(detail))
}

/// Of texts that can't run into each other.
fn hash(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.len().to_be_bytes());
        hash.update(text);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Result<Option<String>, Problem> {
        let values = values.iter().map(|value| (NAME, HeaderValue::from_bytes(value.as_bytes()).unwrap()));
        key(&values.collect())
    }

    #[test]
    fn a_key_is_read_with_and_without_quotes() {
        assert_eq!(read(&[]).unwrap(), None);
        for value in ["8e03978e-40d5", "\"8e03978e-40d5\""] {
            assert_eq!(read(&[value]).unwrap().as_deref(), Some("8e03978e-40d5"));
        }
        let longest = "x".repeat(LONGEST);
        assert_eq!(read(&[&longest]).unwrap(), Some(longest.clone()));
        for values in
            [&[""][..], &["\"\""], &["a b"], &["ä"], &["a\"b"], &["a", "b"], &[&format!("{longest}x")]]
        {
            assert!(read(values).is_err(), "{values:?}");
        }
    }

    #[test]
    fn texts_of_a_hash_do_not_run_into_each_other() {
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        assert_eq!(hash(&[]).len(), 64);
    }
}
