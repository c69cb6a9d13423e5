//! Values of attributes as HTTP headers (HTTP binding, 3.1.3.2).

use std::borrow::Cow;

use axum::http::HeaderValue;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What is written in percent signs, besides all that is not ASCII.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// An attribute's value as a header holds it.
#[must_use]
pub fn header_value(value: &str) -> Cow<'_, str> {
    utf8_percent_encode(value, ENCODED).into()
}

/// The attribute's value that a header holds: its quotes are taken off, then it is decoded, once. `None` if it is no
/// text.
pub(crate) fn attribute_value(header: &HeaderValue) -> Option<String> {
    let text = std::str::from_utf8(header.as_bytes()).ok()?;
    let text = unquoted(text.trim());
    Some(percent_decode_str(&text).decode_utf8().ok()?.into_owned())
}

/// A quoted string (RFC 7230, 3.2.6), as senders write it that follow an older version of the binding.
fn unquoted(text: &str) -> Cow<'_, str> {
    let inside = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(inside) = inside else { return text.into() };
    let mut plain = String::new();
    let mut letters = inside.chars();
    while let Some(letter) = letters.next() {
        plain.push(if letter == '\\' { letters.next().unwrap_or(letter) } else { letter });
    }
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the binding and of its tests, in both directions where there is one way to write it.
    const PAIRS: [(&str, &str); 5] = [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro \u{20ac} \u{1f600}"),
        ("plain-value_1.0/~", "plain-value_1.0/~"),
        ("100%25", "100%"),
        ("%22quoted%22", "\"quoted\""),
        ("caf%C3%A9", "caf\u{e9}"),
    ];

    fn read(header: &[u8]) -> Option<String> {
        attribute_value(&HeaderValue::from_bytes(header).unwrap())
    }

    #[test]
    fn a_value_is_written_and_read_as_the_binding_shows() {
        for (header, value) in PAIRS {
            assert_eq!(header_value(value), header);
            assert_eq!(read(header.as_bytes()).as_deref(), Some(value));
        }
    }

    #[test]
    fn values_of_older_senders_are_read_too() {
        for (header, value) in [
            ("\"two words\"", "two words"),
            ("\"a \\\"b\\\" c\"", "a \"b\" c"),
            ("\"back\\\\slash\"", "back\\slash"),
            ("\"50%25\"", "50%"),
            ("%e2%82%ac", "\u{20ac}"),
            ("%41%42", "AB"),
            ("caf\u{e9}", "caf\u{e9}"),
            ("%2541", "%41"),
            ("\"", "\""),
            ("", ""),
        ] {
            assert_eq!(read(header.as_bytes()).as_deref(), Some(value), "{header}");
        }
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for header in [&b"%C0%A0"[..], b"%ff", b"\xff", b"%E2%82"] {
            assert_eq!(read(header), None, "{header:?}");
        }
    }
}
