//! A file that never changes while the process runs: served with an `ETag`, 304 if the client has it, and as gzip if the
//! client takes that.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::Read as _,
    sync::{Arc, OnceLock},
};

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use flate2::{Compression, bufread::GzEncoder};

/// Nothing from elsewhere, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; \
                      connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";
/// Types that are as small as they get.
const PACKED: [&str; 1] = ["image/png"];

#[derive(Clone, Debug)]
pub(crate) struct Asset {
    media_type: &'static str,
    content: Bytes,
    etag: Arc<str>,
    /// Made when it is first asked for: a start waits for nothing.
    zipped: Arc<OnceLock<Bytes>>,
}

impl Asset {
    pub(crate) fn new(media_type: &'static str, content: impl Into<Bytes>) -> Self {
        let content = content.into();
        // Told apart from another version of ours, not from a forgery: no cryptographic hash is needed.
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        let etag = format!("\"{:016x}\"", hasher.finish()).into();
        Self { media_type, content, etag, zipped: Arc::default() }
    }

    /// As it is, without compression.
    pub(crate) fn content(&self) -> &[u8] {
        &self.content
    }

    pub(crate) fn answer(&self, headers: &HeaderMap) -> Response {
        let zipped = !PACKED.contains(&self.media_type) && takes_gzip(headers);
        // One tag for each form (RFC 9110, 8.8.3.3).
        let zipped_tag = format!("{}-gzip\"", self.etag.trim_end_matches('"'));
        let etag = if zipped { &*zipped_tag } else { &*self.etag };
        // Ask again each time: after an update the page and its scripts must belong together.
        let common =
            [(header::ETAG, etag), (header::CACHE_CONTROL, "no-cache"), (header::VARY, "accept-encoding")];
        if is_known(headers, etag) {
            return (StatusCode::NOT_MODIFIED, common).into_response();
        }
        let guards = [
            (header::CONTENT_TYPE, self.media_type),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_FRAME_OPTIONS, "DENY"),
        ];
        if !zipped {
            return (common, guards, self.content.clone()).into_response();
        }
        let content = self.zipped.get_or_init(|| zip(&self.content)).clone();
        (common, guards, [(header::CONTENT_ENCODING, "gzip")], content).into_response()
    }
}

fn zip(content: &[u8]) -> Bytes {
    let mut zipped = Vec::new();
    // Neither reading from nor writing to memory fails.
    let _ = GzEncoder::new(content, Compression::best()).read_to_end(&mut zipped);
    zipped.into()
}

/// The elements of a header that is a list, however many lines it has.
fn list(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let mut tags = list(headers, header::IF_NONE_MATCH);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// Whether `Accept-Encoding` names gzip, and not with a weight of nothing.
fn takes_gzip(headers: &HeaderMap) -> bool {
    list(headers, header::ACCEPT_ENCODING).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case("gzip") && weight.is_some_and(|weight| weight > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_whoever_takes_it_and_to_nobody_else() {
        let asks = |coding: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, coding.parse().unwrap());
            takes_gzip(&headers)
        };
        assert!(asks("gzip, deflate, br") && asks("br;q=1.0, GZIP;q=0.5"));
        assert!(!asks("br") && !asks("gzip;q=0") && !asks("gzip;q=x") && !asks("gzipped"));
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
