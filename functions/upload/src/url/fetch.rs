//! The way to a video: one request after the other, each held against the rules, until there is a file.

use ::url::Url;
use axum::http::{HeaderMap, Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::Empty;
use outbound::{Answer, Content, Error, Outbound, USER_AGENT};
use percent_encoding::percent_decode_str;
use runtime::Problem;

use super::{LONGEST, failed, refused};
use crate::{form::part::Part, refusal::Refusal};

/// Redirects that are followed.
const REDIRECTS: usize = 5;

/// A video at the end of the way.
pub(super) struct Found {
    /// As its server calls it, or as the address ends.
    pub(super) name: String,
    pub(super) content: Content,
}

/// A link that a client has sent.
pub(super) fn checked(link: &str) -> Result<Url, Problem> {
    if link.len() > LONGEST {
        return Err(refused(format!("The link is longer than {LONGEST} bytes.")));
    }
    link.parse().map_err(|error| refused(format!("The link can't be read: {error}.")))
}

/// Follows redirects to a file of at most `max_bytes`, as far as its server tells.
pub(super) async fn find(outbound: &Outbound, mut url: Url, max_bytes: u64) -> Result<Found, Problem> {
    for _ in 0..=REDIRECTS {
        let answer = outbound.send(&url, request()?).await.map_err(problem)?;
        match answer.status {
            StatusCode::OK => return video(&url, answer, max_bytes),
            StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT => url = elsewhere(&url, &answer)?,
            status => return Err(failed(format!("The server of the link answered {}.", status.as_u16()))),
        }
    }
    Err(failed(format!("The link leads through more than {REDIRECTS} redirects.")))
}

/// As it is stored is how it is wanted: nothing is ever decompressed.
fn request() -> Result<Request<Empty<Bytes>>, Problem> {
    Request::get("/")
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::ACCEPT, "*/*")
        .header(header::ACCEPT_ENCODING, "identity")
        .body(Empty::new())
        .map_err(|error| Problem::internal(error.to_string()))
}

/// Whether the name is unknown or names private addresses is nobody's business: one answer for both.
fn problem(error: Error) -> Problem {
    match error {
        Error::Forbidden(why) => {
            refused(format!("The link, or what it leads to, is not fetched: {why}. Send the video itself."))
        }
        Error::Private | Error::Unknown(_) => refused(
            "The link, or what it leads to, names no public host. Check it, or send the video itself.",
        ),
        Error::Failed(error) => {
            failed(format!("The server of the link can't be reached ({}).", error.kind()))
        }
    }
}

fn elsewhere(url: &Url, answer: &Answer) -> Result<Url, Problem> {
    let to = answer.header(header::LOCATION).filter(|to| to.len() <= LONGEST);
    let to = to.and_then(|to| url.join(to).ok());
    to.ok_or_else(|| failed("The server of the link leads to no address that can be read."))
}

fn video(url: &Url, answer: Answer, max_bytes: u64) -> Result<Found, Problem> {
    let encoding = answer.headers.get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(failed("The server of the link sends the file compressed, though it was asked not to."));
    }
    let announced = answer.header(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > max_bytes) {
        return Err(Refusal::TooLarge(max_bytes).into());
    }
    Ok(Found { name: name(url, &answer.headers), content: answer.into_content() })
}

/// As downloads are named (RFC 6266), else by the last part of the path.
fn name(url: &Url, headers: &HeaderMap) -> String {
    let disposition = headers.get(header::CONTENT_DISPOSITION).map(|value| value.as_bytes());
    let said = disposition.and_then(|value| Part::parse(value, b"").file).filter(|name| !name.is_empty());
    said.unwrap_or_else(|| {
        let last = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
        percent_decode_str(last).decode_utf8_lossy().into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_video_is_called_as_its_server_says_or_as_the_address_ends() {
        let cases = [
            ("https://x/a/talk%20one.mp4?sig=1#t", None, "talk one.mp4"),
            ("https://x/", None, ""),
            ("https://x/a/", None, ""),
            ("https://x/get?id=1", Some("attachment; filename=\"a;b.mkv\""), "a;b.mkv"),
            ("https://x/get", Some("attachment; filename*=UTF-8''%e2%82%ac.mp4; filename=x"), "€.mp4"),
            ("https://x/get.mp4", Some("inline"), "get.mp4"),
            ("https://x/get.mp4", Some("attachment; filename=\"\""), "get.mp4"),
        ];
        for (url, disposition, wanted) in cases {
            let mut headers = HeaderMap::new();
            if let Some(disposition) = disposition {
                headers.insert(header::CONTENT_DISPOSITION, disposition.parse().unwrap());
            }
            assert_eq!(name(&url.parse().unwrap(), &headers), wanted, "{url}");
        }
    }

    #[test]
    fn a_link_that_is_none_or_too_long_is_refused() {
        for link in
            ["", "x", "/etc/passwd", "https://", "https://[::1", "https://exa mple.org/", "https://x:99999/"]
        {
            assert!(checked(link).is_err(), "{link}");
        }
        assert!(checked(&format!("https://example.org/{}", "a".repeat(LONGEST))).is_err());
    }
}
