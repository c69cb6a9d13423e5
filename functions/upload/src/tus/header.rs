//! The protocol's headers.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use contracts::{JobId, State, Timestamp};
use db::PartialUpload;
use runtime::Problem;

use super::checksum::Checksum;

pub(super) const VERSIONS: &str = "1.0.0";
pub(super) const EXTENSIONS: &str =
    "creation,creation-with-upload,creation-defer-length,checksum,termination,expiration";
/// What the body of a part is.
const PART: &str = "application/offset+octet-stream";

pub(super) const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
pub(super) const VERSION: HeaderName = HeaderName::from_static("tus-version");
pub(super) const EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
pub(super) const MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
pub(super) const CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
pub(super) const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");
pub(super) const LENGTH: HeaderName = HeaderName::from_static("upload-length");
pub(super) const DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
pub(super) const METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
/// Ours: where the job is that the upload has become.
const JOB_LOCATION: HeaderName = HeaderName::from_static("job-location");

/// What a request says of its body.
pub(super) struct Part {
    /// The number of its first byte.
    pub(super) offset: u64,
    /// Bytes of the whole, if it says so.
    pub(super) length: Option<u64>,
    /// Bytes of the body, if it says so.
    pub(super) bytes: Option<u64>,
    pub(super) checksum: Option<Checksum>,
}

impl Part {
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        if !is_part(headers) {
            let detail = format!("Send the bytes with Content-Type: {PART}.");
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail));
        }
        let offset = number(headers, &OFFSET)?
            .ok_or_else(|| Problem::bad_request("Say which byte the part begins with: Upload-Offset."))?;
        Ok(Self { offset, length: number(headers, &LENGTH)?, ..Self::first(headers)? })
    }

    /// That of a creation.
    pub(super) fn first(headers: &HeaderMap) -> Result<Self, Problem> {
        let checksum = headers.contains_key(&CHECKSUM).then(|| Checksum::parse(text(headers, &CHECKSUM)));
        let bytes = number(headers, &header::CONTENT_LENGTH)?;
        Ok(Self { offset: 0, length: None, bytes, checksum: checksum.transpose()? })
    }
}

/// Whether the body is a part.
pub(super) fn is_part(headers: &HeaderMap) -> bool {
    text(headers, &header::CONTENT_TYPE).is_some_and(|kind| kind.eq_ignore_ascii_case(PART))
}

pub(super) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

pub(super) fn number(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>, Problem> {
    if !headers.contains_key(name) {
        return Ok(None);
    }
    let number = text(headers, name)
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .filter(|number: &u64| i64::try_from(*number).is_ok());
    number.map(Some).ok_or_else(|| Problem::bad_request(format!("{name} is no number of bytes.")))
}

/// Where the parts of an upload go.
pub(super) fn location(id: JobId) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("/uploads/{id}")).ok()
}

/// How far an upload is. With 200 all that is known of it, as HEAD asks for; else what a part must know.
pub(super) fn state(upload: &PartialUpload, status: StatusCode) -> Response {
    let mut response = status.into_response();
    let headers = response.headers_mut();
    headers.insert(OFFSET, HeaderValue::from(upload.received));
    if upload.state == State::Uploading {
        insert(headers, EXPIRES, &date(upload.expires_at));
    } else {
        insert(headers, JOB_LOCATION, &format!("/jobs/{}", upload.id));
    }
    if status != StatusCode::OK {
        return response;
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match upload.length {
        Some(length) => headers.insert(LENGTH, HeaderValue::from(length)),
        None => headers.insert(DEFER_LENGTH, HeaderValue::from_static("1")),
    };
    if !upload.metadata.is_empty() {
        insert(headers, METADATA, &upload.metadata);
    }
    response
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn date(time: Timestamp) -> String {
    let millis = u64::try_from(time.millis()).unwrap_or(0);
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_millis(millis))
}
