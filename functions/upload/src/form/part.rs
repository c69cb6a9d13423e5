//! The head of a form's part: what it is called, and whether it is a file (RFC 7578). Clients differ more than the
//! standard allows, so this reads what they are known to send.

use axum::http::{HeaderMap, HeaderName, header};
use encoding_rs::WINDOWS_1252;
use percent_encoding::percent_decode;

/// What the head of a part says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    /// The name of the field.
    pub(crate) name: String,
    /// Of a file its name, which may be empty; `None` for a field of text.
    pub(crate) file: Option<String>,
}

impl Part {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let value = |name: HeaderName| headers.get(name).map(|value| value.as_bytes()).unwrap_or_default();
        Self::parse(value(header::CONTENT_DISPOSITION), value(header::CONTENT_TYPE))
    }

    /// From the values of `Content-Disposition` and `Content-Type`, empty if absent.
    pub(crate) fn parse(disposition: &[u8], media_type: &[u8]) -> Self {
        let parameters = parameters(disposition);
        let find = |wanted: &str| {
            parameters
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()))
                .map(|(_, value)| value)
        };
        let extended = find("filename*").map(|value| extended(value)).filter(|name| !name.is_empty());
        let file = extended
            .or_else(|| find("filename").map(|value| as_browsers_write(value)))
            // A part of a program that names no file, but says that it is none of text.
            .or_else(|| is_of_files(media_type).then(String::new));
        Self { name: find("name").map(|value| as_browsers_write(value)).unwrap_or_default(), file }
    }
}

/// Text in UTF-8, or as old clients and pages write it. Anything is text in that.
pub(crate) fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

/// Browsers escape the quote and the ends of lines, and nothing else (HTML, 4.10.22.8): `100%25.mp4` is a name as it is.
fn as_browsers_write(value: &[u8]) -> String {
    text(value).replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n")
}

/// `UTF-8''%e2%82%ac.mp4` (RFC 8187).
fn extended(value: &[u8]) -> String {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    let encoded = match (parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(_), Some(encoded)) => encoded,
        _ => value,
    };
    text(&percent_decode(encoded).collect::<Vec<u8>>())
}

/// Whether a part of this media type is a file even without a file name. Some clients label fields of text too.
fn is_of_files(media_type: &[u8]) -> bool {
    let essence = media_type.split(|byte| *byte == b';').next().unwrap_or_default();
    let essence = essence.trim_ascii().to_ascii_lowercase();
    let of_text = [&b"text/"[..], b"multipart/", b"application/json", b"application/x-www-form-urlencoded"];
    !essence.is_empty() && !of_text.iter().any(|begin| essence.starts_with(begin))
}

/// The parameters after the first semicolon: names as they are, values without quotes.
fn parameters(value: &[u8]) -> Vec<(&[u8], Vec<u8>)> {
    let mut found = Vec::new();
    let mut rest = after(value, b';');
    while let Some(equals) = rest.iter().position(|byte| *byte == b'=') {
        let (name, value) = (&rest[..equals], rest[equals + 1..].trim_ascii_start());
        // What stands before a semicolon without a value is no parameter.
        let name = name.rsplit(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let (value, left) = match value.strip_prefix(b"\"").and_then(quoted) {
            Some(quoted) => quoted,
            None => {
                let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
                (value[..end].trim_ascii().to_vec(), &value[end..])
            }
        };
        found.push((name, value));
        rest = after(left, b';');
    }
    found
}

fn after(bytes: &[u8], separator: u8) -> &[u8] {
    bytes.iter().position(|byte| *byte == separator).map_or(&[], |at| &bytes[at + 1..])
}

/// What stands before the closing quote, and what follows it. Only quotes and backslashes are escaped with a backslash:
/// old browsers send `C:\video.mp4` as it is.
fn quoted(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (mut text, mut rest) = (Vec::new(), bytes);
    loop {
        rest = match rest {
            [b'\\', escaped @ (b'"' | b'\\'), rest @ ..] => {
                text.push(*escaped);
                rest
            }
            [b'"', rest @ ..] => return Some((text, rest)),
            [byte, rest @ ..] => {
                text.push(*byte);
                rest
            }
            [] => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(disposition: &[u8]) -> Option<String> {
        let part = Part::parse(disposition, b"");
        assert_eq!(part.name, "file", "{}", disposition.escape_ascii());
        part.file
    }

    #[test]
    fn names_of_files_are_read_as_clients_write_them() {
        for (disposition, name) in [
            (&b"form-data; name=\"file\"; filename=\"a.mp4\""[..], "a.mp4"),
            (b"form-data; name=file; filename=a.mp4", "a.mp4"),
            (b"form-data;name=\"file\";filename=\"a b;c=d.mp4\"", "a b;c=d.mp4"),
            (b"Form-Data; Filename=\"a.mp4\"; NAME=\"file\"", "a.mp4"),
            (b"form-data; name=\"file\"; filename=\"\"", ""),
            (b"form-data; name=\"file\"; filename=\"\xc3\xbc.mp4\"", "\u{fc}.mp4"),
            (b"form-data; name=\"file\"; filename=\"\xfc\x80.mp4\"", "\u{fc}\u{20ac}.mp4"),
            (b"form-data; name=\"file\"; filename*=UTF-8''%c3%bc%20b.mp4", "\u{fc} b.mp4"),
            (b"form-data; name=\"file\"; filename*=\"utf-8'de'%c3%bc.mp4\"", "\u{fc}.mp4"),
            (b"form-data; name=\"file\"; filename*=iso-8859-1''%fc.mp4", "\u{fc}.mp4"),
            (b"form-data; name=\"file\"; filename=\"u.mp4\"; filename*=UTF-8''%c3%bc.mp4", "\u{fc}.mp4"),
            (b"form-data; name=\"file\"; filename=\"say %22hi%22 100%25.mp4\"", "say \"hi\" 100%25.mp4"),
            (b"form-data; name=\"file\"; filename=\"say \\\"hi\\\".mp4\"", "say \"hi\".mp4"),
            (b"form-data; name=\"file\"; filename=\"C:\\video\\a.mp4\"", "C:\\video\\a.mp4"),
        ] {
            assert_eq!(file(disposition).as_deref(), Some(name), "{}", disposition.escape_ascii());
        }
    }

    #[test]
    fn a_part_without_a_file_name_is_a_file_if_its_media_type_is_not_of_text() {
        for (media_type, is_file) in [
            (&b""[..], false),
            (b"text/plain; charset=utf-8", false),
            (b"application/json", false),
            (b"video/mp4", true),
            (b"Audio/MPEG; x=y", true),
            (b"application/octet-stream", true),
        ] {
            let part = Part::parse(b"form-data; name=\"x\"", media_type);
            assert_eq!(part.file.is_some(), is_file, "{}", media_type.escape_ascii());
        }
    }

    #[test]
    fn a_broken_head_is_read_as_far_as_it_goes() {
        for disposition in
            [&b""[..], b";", b"form-data", b"form-data; name", b"form-data; =", b"=;=\"", b"x; a=\"b"]
        {
            assert_eq!(Part::parse(disposition, b""), Part::default(), "{}", disposition.escape_ascii());
        }
    }
}
