//! What the client notes in files that only grow: a line of JSON for each thing. A line that was cut off by a crash is none.

use std::{fs::Metadata, time::UNIX_EPOCH};

use serde::de::DeserializeOwned;

/// The lines of such a file that can be read.
pub(crate) fn lines<T: DeserializeOwned>(text: &[u8]) -> impl Iterator<Item = T> {
    text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok())
}

/// When a file was changed, in nanoseconds since 1970; 0 where that is not known. Noted as text: JSON's numbers are not for
/// that.
pub(crate) fn changed(about: &Metadata) -> u128 {
    let since = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_nanos())
}
