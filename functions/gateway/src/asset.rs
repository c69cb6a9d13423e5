//! A file that never changes while the process runs: served with an `ETag`, 304 if the client has it.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use axum::{
    body::Bytes,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};

/// Nothing from elsewhere, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

#[derive(Clone, Debug)]
pub(crate) struct Asset {
    media_type: &'static str,
    content: Bytes,
    etag: Arc<str>,
}

impl Asset {
    pub(crate) fn new(media_type: &'static str, content: impl Into<Bytes>) -> Self {
        let content = content.into();
        // Told apart from another version of ours, not from a forgery: no cryptographic hash is needed.
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        Self { media_type, content, etag: format!("\"{:016x}\"", hasher.finish()).into() }
    }

    pub(crate) fn answer(&self, headers: &HeaderMap) -> Response {
        // Ask again each time: after an update the page and its script must belong together.
        let common = [(header::ETAG, &*self.etag), (header::CACHE_CONTROL, "no-cache")];
        if self.is_known(headers) {
            return (StatusCode::NOT_MODIFIED, common).into_response();
        }
        let guards = [
            (header::CONTENT_TYPE, self.media_type),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_FRAME_OPTIONS, "DENY"),
        ];
        (common, guards, self.content.clone()).into_response()
    }

    fn is_known(&self, headers: &HeaderMap) -> bool {
        let tags = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|tags| tags.to_str().ok());
        let mut tags = tags.flat_map(|tags| tags.split(',')).map(str::trim);
        tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == &*self.etag)
    }
}
