//! What reads and writes heads for strangers, as plain functions: for fuzzing.

use std::ops::Range;

use crate::{
    name,
    range::{self, RequestedRange},
};

/// The bytes that `Range` asks of a file of `size` bytes: none if they are not there, `None` for all of them.
#[must_use]
pub fn range(header: &str, size: u64) -> Option<Range<u64>> {
    match range::asked(header, size) {
        RequestedRange::Whole => None,
        RequestedRange::Part(range) => Some(range),
        RequestedRange::Nothing => Some(0..0),
    }
}

/// The value of `Content-Disposition` for an audio of this title.
#[must_use]
pub fn disposition(title: &str, extension: &str) -> String {
    name::named(title, extension)
}
