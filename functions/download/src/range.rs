//! `Range: bytes=...` (RFC 9110, section 14).

use std::ops::Range;

/// What a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RequestedRange {
    /// Everything: no range, none that we understand, or several at once (the RFC lets us ignore those).
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes that are not there.
    Nothing,
}

/// What `header` asks of a file of `size` bytes.
pub(crate) fn asked(header: &str, size: u64) -> RequestedRange {
    parse(header, size).unwrap_or(RequestedRange::Whole)
}

/// `None` if it is malformed: then the header counts as absent.
fn parse(header: &str, size: u64) -> Option<RequestedRange> {
    let (unit, spec) = header.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = spec.trim().split_once('-')?;
    let (first, last) = match (first, last) {
        ("", suffix) => (size.saturating_sub(number(suffix)?), size),
        (first, "") => (number(first)?, size),
        (first, last) if number(last)? < number(first)? => return None,
        (first, last) => (number(first)?, number(last)?.saturating_add(1).min(size)),
    };
    Some(if first < last { RequestedRange::Part(first..last) } else { RequestedRange::Nothing })
}

/// A number too large for us is larger than any file.
fn number(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_understood_in_all_its_forms() {
        for (header, range) in [
            ("bytes=0-0", 0..1),
            ("bytes=0-499", 0..500),
            ("bytes=500-", 500..1000),
            ("bytes=-500", 500..1000),
            ("bytes=-5000", 0..1000),
            ("bytes=990-99999999999999999999999", 990..1000),
            ("Bytes = 1-2 ", 1..3),
        ] {
            assert_eq!(asked(header, 1000), RequestedRange::Part(range), "{header}");
        }
    }

    #[test]
    fn bytes_that_are_not_there_are_told() {
        for header in ["bytes=1000-", "bytes=1000-1001", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(asked(header, 1000), RequestedRange::Nothing, "{header}");
        }
        assert_eq!(asked("bytes=0-", 0), RequestedRange::Nothing);
        assert_eq!(asked("bytes=-5", 0), RequestedRange::Nothing);
    }

    #[test]
    fn what_is_malformed_or_several_ranges_is_the_whole() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-2",
            "bytes=1-2,4-5",
            "items=0-1",
            "bytes=+1-2",
            "bytes=1--2",
            "bytes= 1 - 2",
        ] {
            assert_eq!(asked(header, 1000), RequestedRange::Whole, "{header}");
        }
    }
}
