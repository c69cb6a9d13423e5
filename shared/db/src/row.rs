//! Reading a row's columns as our types.

use std::{fmt::Display, str::FromStr};

use contracts::{Timestamp, Trace};
use sqlx::{Row as _, any::AnyRow};

use crate::{Error, Result};

/// A text column parsed as an id, a state, a code ...
pub(crate) fn parsed<T: FromStr<Err: Display>>(row: &AnyRow, column: &str) -> Result<T> {
    parse(column, &row.try_get::<String, _>(column)?)
}

/// The same for a column that may be null.
pub(crate) fn parsed_or_null<T: FromStr<Err: Display>>(row: &AnyRow, column: &str) -> Result<Option<T>> {
    row.try_get::<Option<String>, _>(column)?.map(|text| parse(column, &text)).transpose()
}

/// What a column holds, parsed.
pub(crate) fn parse<T: FromStr<Err: Display>>(column: &str, text: &str) -> Result<T> {
    text.parse().map_err(|error| Error::Corrupt(format!("{column}: {error}")))
}

/// A time column.
pub(crate) fn time(row: &AnyRow, column: &str) -> Result<Timestamp> {
    Ok(Timestamp::from_millis(row.try_get(column)?))
}

/// A time column that may be null.
pub(crate) fn time_or_null(row: &AnyRow, column: &str) -> Result<Option<Timestamp>> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp::from_millis))
}

/// The trace that a row belongs to. One that can't be read is none: nobody waits for it.
pub(crate) fn trace(row: &AnyRow) -> Result<Trace> {
    let extensions: String = row.try_get("trace")?;
    Ok(serde_json::from_str(&extensions)
        .map_or_else(|_| Trace::default(), |extensions| Trace::of(&extensions)))
}

/// A trace as [`trace`] reads it.
pub(crate) fn stored_trace(trace: &Trace) -> String {
    serde_json::json!(trace.extensions()).to_string()
}

/// A count of bytes, bits or milliseconds: never negative.
pub(crate) fn count_or_null(row: &AnyRow, column: &str) -> Result<Option<u64>> {
    let value = row.try_get::<Option<i64>, _>(column)?;
    value
        .map(|value| u64::try_from(value).map_err(|_| Error::Corrupt(format!("{column}: {value}"))))
        .transpose()
}

/// A count as the databases store it; what is larger than any real file saturates.
pub(crate) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// At most `limit` characters of a text that comes from outside, for a column of that width.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    text.chars().take(limit).collect()
}
