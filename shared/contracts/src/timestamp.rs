//! Points in time: milliseconds since 1970 in the database, RFC 3339 in UTC to the world.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The first millisecond of the year 0, and the last of the year 9999: RFC 3339 has no others.
const WRITABLE: (i64, i64) = (-62_167_219_200_000, 253_402_300_799_999);

/// A point in time with millisecond resolution, in the years 0 to 9999: what lies beyond is the nearest of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The wall clock's now.
    #[must_use]
    pub fn now() -> Self {
        let nanos = OffsetDateTime::now_utc().unix_timestamp_nanos();
        Self::of_nanos(nanos)
    }

    /// From milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(WRITABLE.0, WRITABLE.1))
    }

    fn of_nanos(nanos: i128) -> Self {
        Self::from_millis(i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn millis(self) -> i64 {
        self.0
    }

    /// This long after; saturates at the end of time.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(millis_of(span)))
    }

    /// This long before; saturates at the beginning of time.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(millis_of(span)))
    }

    /// Its month in UTC, as `2026-11`.
    #[must_use]
    pub fn month(self) -> String {
        let (year, month, _) = self.date_time().to_calendar_date();
        format!("{year:04}-{:02}", u8::from(month))
    }

    fn date_time(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

fn millis_of(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// RFC 3339 in UTC, always with three digits of the second: the order of the texts is that of the times.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.date_time();
        let (year, month, day) = time.to_calendar_date();
        let (hour, minute, second, milli) = time.to_hms_milli();
        let month = u8::from(month);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = OffsetDateTime::parse(&text, &Rfc3339).map_err(serde::de::Error::custom)?;
        Ok(Self::of_nanos(time.unix_timestamp_nanos()))
    }
}

impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::schema!(
            #[inline]
            String
        )
        .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime)))
        .into()
    }
}
impl utoipa::ToSchema for Timestamp {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_rfc_3339_in_json_and_survives_the_round_trip() {
        let time = Timestamp::from_millis(1_700_000_000_123);
        let json = serde_json::to_string(&time).unwrap();
        assert_eq!(json, "\"2023-11-14T22:13:20.123Z\"");
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), time);
    }

    #[test]
    fn clients_may_compare_the_texts_instead_of_the_times() {
        let texts = [0, 1, 10, 99, 100, 101, 110, 900, 999, 1000, 1001]
            .map(|millis| Timestamp::from_millis(1_700_000_000_000 + millis).to_string());
        assert!(texts.is_sorted(), "{texts:?}");
    }

    #[test]
    fn a_month_begins_at_its_first_millisecond_in_utc() {
        let december = Timestamp::from_millis(1_764_547_200_000);
        assert_eq!(december.month(), "2025-12");
        assert_eq!(december.before(Duration::from_millis(1)).month(), "2025-11");
    }

    #[test]
    fn a_time_that_rfc_3339_has_no_words_for_is_the_nearest_that_it_has() {
        let now = Timestamp::now();
        for (time, text) in [
            (Timestamp::from_millis(i64::MIN), "0000-01-01T00:00:00.000Z"),
            (Timestamp::from_millis(i64::MAX), "9999-12-31T23:59:59.999Z"),
            (now.after(Duration::MAX), "9999-12-31T23:59:59.999Z"),
            (now.before(Duration::MAX), "0000-01-01T00:00:00.000Z"),
            (serde_json::from_str("\"0000-01-01T00:00:00+00:01\"").unwrap(), "0000-01-01T00:00:00.000Z"),
            (serde_json::from_str("\"9999-12-31T23:59:59-00:01\"").unwrap(), "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(time.to_string(), text);
        }
    }
}
