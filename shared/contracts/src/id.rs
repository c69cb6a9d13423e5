//! Identifiers: ULIDs in lower case, one type per thing, so that a job's id can't be passed for a user's.

use std::{fmt, hash, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

use crate::Timestamp;

/// A ULID (26 characters of Crockford base 32, lower case) that names a `K`.
///
/// Ids sort by the millisecond in which they were made, so "newest first" is the descending order of ids.
pub struct Id<K> {
    ulid: Ulid,
    kind: PhantomData<fn() -> K>,
}

/// The kinds of things that have ids. They exist as types only.
pub mod kind {
    #![expect(unreachable_pub, reason = "seen from outside only as the parameter of an `Id`")]
    pub enum User {}
    pub enum Job {}
    pub enum Video {}
    pub enum Audio {}
    pub enum Event {}
    pub enum Key {}
    pub enum Token {}
    pub enum Delivery {}
    pub enum Feed {}
    pub enum Destination {}
}

/// Names a user.
pub type UserId = Id<kind::User>;
/// Names a job: one video on its way to becoming audio.
pub type JobId = Id<kind::Job>;
/// Names an uploaded video in the blob store.
pub type VideoId = Id<kind::Video>;
/// Names a finished audio in the blob store; the `fid` of the mail.
pub type AudioId = Id<kind::Audio>;
/// Names one occurrence of an event, over all of its deliveries.
pub type EventId = Id<kind::Event>;
/// Names an API key (not the secret itself).
pub type KeyId = Id<kind::Key>;
/// Names a refresh token (not the secret itself).
pub type TokenId = Id<kind::Token>;
/// Names a delivery: one thing that one user is told by one channel.
pub type DeliveryId = Id<kind::Delivery>;
/// Names a podcast feed (not the secret in its address).
pub type FeedId = Id<kind::Feed>;
/// Names a destination: a webhook, ntfy topic or Apprise key of a user.
pub type DestinationId = Id<kind::Destination>;

/// The text is no ULID.
#[derive(Debug, thiserror::Error)]
#[error("not an id: expected 26 characters, digits and letters")]
pub struct InvalidId;

impl<K> Id<K> {
    /// A new id, later in order than all that were made in earlier milliseconds.
    #[must_use]
    pub fn generate() -> Self {
        Self { ulid: Ulid::generate(), kind: PhantomData }
    }

    /// Sorts before all ids that are made at `time` or later, and after those from before.
    #[must_use]
    pub fn first_of(time: Timestamp) -> Self {
        let millis = u64::try_from(time.millis()).unwrap_or(0);
        Self { ulid: Ulid::from_parts(millis, 0), kind: PhantomData }
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.ulid == other.ulid
    }
}
impl<K> Eq for Id<K> {}
impl<K> hash::Hash for Id<K> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.ulid.hash(state);
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.ulid.to_string().to_ascii_lowercase())
    }
}
impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K> FromStr for Id<K> {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let ulid = Ulid::from_string(&text.to_ascii_uppercase()).map_err(|_| InvalidId)?;
        // 26 letters have room for 130 bits; the crate drops the two that are too many.
        if text.as_bytes().first().is_some_and(|first| *first > b'7') {
            return Err(InvalidId);
        }
        Ok(Self { ulid, kind: PhantomData })
    }
}

impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl<K> utoipa::PartialSchema for Id<K> {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("A ULID in lower case"))
            .pattern(Some("^[0-7][0-9a-hjkmnp-tv-z]{25}$"))
            .into()
    }
}
impl<K> utoipa::ToSchema for Id<K> {
    fn name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_in_lower_case_and_read_in_any_case() {
        let id = JobId::generate();
        let text = id.to_string();
        assert_eq!(text, text.to_lowercase());
        assert_eq!(text.parse::<JobId>().unwrap(), id);
        assert_eq!(text.to_uppercase().parse::<JobId>().unwrap(), id);
    }

    #[test]
    fn what_is_no_ulid_is_refused() {
        let (short, long) = ("01arz3ndektsv4rrffq69g5fa", "01arz3ndektsv4rrffq69g5faué");
        for text in ["", "1", "../../etc/passwd", short, long, "80000000000000000000000000"] {
            assert!(text.parse::<JobId>().is_err(), "{text}");
        }
    }
}
