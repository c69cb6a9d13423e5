//! `GET /feeds/{secret}.xml` and what it points to: for podcast apps, which have no other credential than the address.
//!
//! Whatever is not there, or not any more, or somebody else's, is 404: an address tells nothing.

use std::time::{Duration, SystemTime};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use blobs::Blob;
use contracts::{JobId, Timestamp};
use db::Feed;
use runtime::{Path, Problem};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::{
    Download,
    conditions::Validators,
    feeds::address,
    find::{self, Ready},
    get, picture, xml,
};

/// Audios in a feed at the most: the newest ones.
const ITEMS: u32 = 300;
/// What was removed is known for a day: a client that was here before that gets the feed anew, whatever it has.
const KNOWN: Duration = Duration::from_secs(86_400);
/// HTTP dates have whole seconds, so what is so young may be of the same second as the next change.
const YOUNG: Duration = Duration::from_secs(2);
const CHAPTERS: &str = "chapters.json";
const COVER: &str = "cover";
const HIDDEN: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex"));
const PRIVATE: (HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));

/// A podcast feed
///
/// RSS 2.0 with iTunes and Podcasting 2.0 tags: the newest 300 audios that are still kept, of all jobs or of one folder,
/// those that were done last first. The path is `/feeds/{secret}.xml`; the whole address is told by `GET /me/feeds`.
/// Conditional requests work, and `HEAD` too.
#[utoipa::path(get, path = "/feeds/{feed}", tag = "feeds", security(()),
    params(("feed" = String, Path, description = "The secret and `.xml`")),
    responses((status = 200, description = "The feed", body = String, content_type = "application/rss+xml"),
        (status = 304, description = "The client has it already"), (status = 404, description = "No such feed")))]
pub(crate) async fn feed(
    State(deps): State<Download>,
    Path(feed): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let feed = open(&deps, feed.strip_suffix(".xml").ok_or_else(nothing)?).await?;
    let version = version(&deps, &feed).await?;
    let jobs = deps.db.jobs().done(feed.user_id, feed.folder.as_deref(), ITEMS).await.map_err(Problem::of)?;
    let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    let with_chapters = deps.db.jobs().with_chapters(&ids).await.map_err(Problem::of)?;
    let cover = format!("{}/feeds/cover.png", deps.public_url.trim_end_matches('/'));
    let written = xml::Written { feed: &feed, address: &address(&deps, feed.id), cover: &cover };
    let xml = written.xml(&deps.public_url, jobs, &with_chapters);
    let etag = format!("\"{}\"", digest(xml.as_bytes()));
    let mut described = HeaderMap::from_iter([HIDDEN, PRIVATE]);
    described.insert(header::ETAG, text(&etag));
    if let Some(date) = version.date() {
        described.insert(header::LAST_MODIFIED, text(&date));
    }
    if version.is_known(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, described).into_response());
    }
    described.insert(header::CONTENT_TYPE, text("application/rss+xml; charset=utf-8"));
    described.insert(header::CONTENT_LENGTH, text(&xml.len().to_string()));
    Ok((described, xml).into_response())
}

/// An audio of a podcast feed, its chapters, or its picture
///
/// `{job}.mp3` (or what else the job's format ends in) is the audio, as `GET /download` answers it, ranges and `HEAD`
/// included. `{job}.chapters.json` is its chapters in the format of Podcasting 2.0, `{job}.cover` the picture in an MP3, or
/// the way to that of all feeds.
#[utoipa::path(get, path = "/feeds/{secret}/{file}", tag = "feeds", security(()),
    params(("secret" = String, Path, description = "The feed's secret"), ("file" = String, Path, description = "The job and what is wanted of it, as `{job}.mp3`")),
    responses((status = 200, description = "The audio", content((Vec<u8> = "audio/*"), (String = "application/json+chapters"), (Vec<u8> = "image/*"))),
        (status = 206, description = "The part that `Range` asks for", content((Vec<u8> = "audio/*"))),
        (status = 302, description = "There is no picture but that of all feeds"), (status = 304, description = "The client has it already"),
        (status = 404, description = "No such feed, or nothing like that in it"),
        (status = 416, description = "The range is not in the audio")))]
pub(crate) async fn file(
    State(deps): State<Download>,
    Path((secret, file)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let feed = open(&deps, &secret).await?;
    let (job, wanted) = file.split_once('.').ok_or_else(nothing)?;
    let ready = find::by_job(&deps.db, job.parse().map_err(|_| nothing())?, feed.user_id).await;
    let ready = ready.map_err(|problem| if is_ours(&problem) { problem } else { nothing() })?;
    if feed.folder.is_some() && feed.folder != ready.job.options.folder {
        return Err(nothing());
    }
    if wanted == CHAPTERS {
        return chapters(&deps, &ready, &headers).await;
    }
    if wanted == COVER {
        return picture(&deps, &ready, &headers).await;
    }
    if wanted != ready.job.options.extension() {
        return Err(nothing());
    }
    get::answer(&deps, &ready, &method, &headers).await
}

/// The picture of an MP3; that of all feeds if it has none.
async fn picture(deps: &Download, ready: &Ready, headers: &HeaderMap) -> Result<Response, Problem> {
    let validators = Validators::of(ready);
    if validators.is_known(headers) {
        return Ok((StatusCode::NOT_MODIFIED, validators.headers(), [PRIVATE]).into_response());
    }
    let audio = get::open(deps, Blob::Audio(ready.audio.id)).await?;
    let Some(picture) = picture::of(&audio).await.map_err(Problem::of)? else {
        return Ok((StatusCode::FOUND, [(header::LOCATION, "../cover.png")]).into_response());
    };
    let described = [PRIVATE, (header::CONTENT_TYPE, HeaderValue::from_static(picture.media_type))];
    Ok((validators.headers(), described, picture.bytes).into_response())
}

/// The picture of all feeds.
pub(crate) async fn cover() -> Response {
    let described = [(header::CONTENT_TYPE, "image/png"), (header::CACHE_CONTROL, "public, max-age=86400")];
    (described, include_bytes!("cover.png").as_slice()).into_response()
}

async fn open(deps: &Download, secret: &str) -> Result<Feed, Problem> {
    let id = deps.links.feed(secret).ok_or_else(nothing)?;
    deps.db.feed(id).await.map_err(Problem::of)?.ok_or_else(nothing)
}

fn nothing() -> Problem {
    Problem::not_found("There is no such feed, or nothing like that in it. Your feeds are at GET /me/feeds.")
}

fn is_ours(problem: &Problem) -> bool {
    problem.clone().into_response().status().is_server_error()
}

/// When a feed was last another one.
struct Version {
    modified: Timestamp,
    now: Timestamp,
}

/// Whatever becomes of a job may change the feed.
async fn version(deps: &Download, feed: &Feed) -> Result<Version, Problem> {
    let now = deps.db.now().await.map_err(Problem::of)?;
    let changed = deps.db.jobs().last_change(feed.user_id).await.map_err(Problem::of)?;
    Ok(Version { modified: changed.map_or(feed.created_at, |at| at.max(feed.created_at)), now })
}

impl Version {
    /// `Last-Modified`.
    fn date(&self) -> Option<String> {
        let known = self.modified.after(YOUNG) < self.now;
        known.then(|| httpdate::fmt_http_date(time(self.modified)))
    }

    /// Whether the client has it.
    fn is_known(&self, headers: &HeaderMap, etag: &str) -> bool {
        let mut tags = headers.get_all(header::IF_NONE_MATCH).iter().peekable();
        if tags.peek().is_some() {
            let mut tags = tags.filter_map(|tags| tags.to_str().ok()).flat_map(|tags| tags.split(','));
            return tags.any(|tag| {
                matches!(tag.trim().trim_start_matches("W/"), "*")
                    || tag.trim().trim_start_matches("W/") == etag
            });
        }
        let since = headers.get(header::IF_MODIFIED_SINCE).and_then(|date| date.to_str().ok());
        let since = since.and_then(|date| httpdate::parse_http_date(date).ok());
        let known = time(self.now.before(KNOWN));
        self.date().is_some() && since.is_some_and(|since| time(self.modified) <= since && since > known)
    }
}

/// HTTP dates have whole seconds.
fn time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(at.millis() / 1000).unwrap_or(0))
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// ASCII of our own.
fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""))
}

/// <https://github.com/Podcastindex-org/podcast-namespace>, `chapters/jsonChapters.md`.
#[derive(Serialize)]
struct JsonChapters {
    version: &'static str,
    chapters: Vec<JsonChapter>,
}

#[derive(Serialize)]
struct JsonChapter {
    /// Seconds.
    #[serde(rename = "startTime")]
    start: f64,
    title: String,
}

async fn chapters(deps: &Download, ready: &Ready, headers: &HeaderMap) -> Result<Response, Problem> {
    let chapters = deps.db.jobs().chapters(ready.job.id).await.map_err(Problem::of)?;
    if chapters.is_empty() {
        return Err(nothing());
    }
    let validators = Validators::of(ready);
    if validators.is_known(headers) {
        return Ok((StatusCode::NOT_MODIFIED, validators.headers(), [PRIVATE]).into_response());
    }
    let chapter = |chapter: db::Chapter| JsonChapter {
        start: Duration::from_millis(chapter.start_ms).as_secs_f64(),
        title: chapter.title,
    };
    let chapters = JsonChapters { version: "1.2.0", chapters: chapters.into_iter().map(chapter).collect() };
    let json = serde_json::to_string(&chapters).map_err(|error| Problem::internal(error.to_string()))?;
    let described = [PRIVATE, (header::CONTENT_TYPE, HeaderValue::from_static("application/json+chapters"))];
    Ok((validators.headers(), described, json).into_response())
}
