//! `If-None-Match`, `If-Modified-Since` and `If-Range` (RFC 9110, section 13).

use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use contracts::Timestamp;

use crate::find::Ready;

/// What tells this version of the audio from any other. An audio's bytes never change: its id is enough.
pub(crate) struct Validators {
    etag: String,
    modified: SystemTime,
}

impl Validators {
    pub(crate) fn of(ready: &Ready) -> Self {
        let millis = ready.job.finished_at.map_or(0, Timestamp::millis);
        // HTTP dates have whole seconds.
        let seconds = Duration::from_secs(u64::try_from(millis / 1000).unwrap_or(0));
        Self { etag: format!("\"{}\"", ready.audio.id), modified: SystemTime::UNIX_EPOCH + seconds }
    }

    /// `ETag` and `Last-Modified`.
    pub(crate) fn headers(&self) -> [(HeaderName, String); 2] {
        [(header::ETAG, self.etag.clone()), (header::LAST_MODIFIED, httpdate::fmt_http_date(self.modified))]
    }

    /// Whether the client has this version already.
    pub(crate) fn is_known(&self, headers: &HeaderMap) -> bool {
        let mut tags = headers.get_all(header::IF_NONE_MATCH).iter().peekable();
        if tags.peek().is_some() {
            // If-None-Match overrules If-Modified-Since.
            return tags.any(|tags| self.is_among(tags));
        }
        let since =
            text(headers, &header::IF_MODIFIED_SINCE).and_then(|date| httpdate::parse_http_date(date).ok());
        since.is_some_and(|since| self.modified <= since)
    }

    /// Whether a range may be answered with a part: without `If-Range` always, else only of this very version.
    pub(crate) fn allow_range(&self, headers: &HeaderMap) -> bool {
        let Some(version) = headers.get(header::IF_RANGE) else { return true };
        let date = version.to_str().ok().and_then(|date| httpdate::parse_http_date(date).ok());
        version == self.etag.as_str() || date == Some(self.modified)
    }

    /// The weak comparison, over a list of tags.
    fn is_among(&self, tags: &HeaderValue) -> bool {
        let mut tags = tags.to_str().unwrap_or_default().split(',').map(str::trim);
        tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
