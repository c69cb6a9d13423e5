//! The name under which a browser saves the audio (RFC 6266, RFC 8187).

use db::Job;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but `attr-char` of RFC 8187.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// `attachment` with the job's title as the file's name: once in ASCII for old clients, once in full.
pub(crate) fn disposition(job: &Job) -> String {
    named(job.title().as_deref().unwrap_or_default(), job.options.extension())
}

/// The same for this title and extension.
pub(crate) fn named(title: &str, extension: &str) -> String {
    let full = plain(title);
    let ascii: String = full.chars().map(|c| if c.is_ascii() { c } else { '_' }).collect();
    let encoded = utf8_percent_encode(&full, ENCODED);
    format!("attachment; filename=\"{ascii}.{extension}\"; filename*=UTF-8''{encoded}.{extension}")
}

/// The title as the name of a file, without extension.
pub(crate) fn plain(title: &str) -> String {
    // Characters that some file system or shell gives a meaning to, and dots that hide a file.
    let plain = |c: char| if "/\\:*?\"<>|%".contains(c) || c.is_control() { '_' } else { c };
    let plain: String = title.trim_start_matches(['.', ' ']).chars().map(plain).collect();
    if plain.is_empty() { "audio".into() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_safe_in_ascii_and_whole_in_utf_8() {
        for (title, name) in [
            ("holiday", "filename=\"holiday.mp3\"; filename*=UTF-8''holiday.mp3"),
            ("a \"b\" %41", "filename=\"a _b_ _41.mp3\"; filename*=UTF-8''a%20_b_%20_41.mp3"),
            ("Füße 🎸", "filename=\"F__e _.mp3\"; filename*=UTF-8''F%C3%BC%C3%9Fe%20%F0%9F%8E%B8.mp3"),
            ("../../x", "filename=\"_.._x.mp3\"; filename*=UTF-8''_.._x.mp3"),
            (
                "a\r\nSet-Cookie: x",
                "filename=\"a__Set-Cookie_ x.mp3\"; filename*=UTF-8''a__Set-Cookie_%20x.mp3",
            ),
            ("", "filename=\"audio.mp3\"; filename*=UTF-8''audio.mp3"),
        ] {
            assert_eq!(named(title, "mp3"), format!("attachment; {name}"));
        }
    }
}
