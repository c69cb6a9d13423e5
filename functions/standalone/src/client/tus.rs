//! Sends a file by tus 1.0.0, and goes on where it was cut off: in this run, or in a later one. What is on its way is
//! noted in `uploads/` of our folder, by a fingerprint of the file, the server and the options.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::SeekFrom,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::TryStreamExt as _;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{
    Method,
    body::Frame,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, LOCATION},
};
use indicatif::ProgressBar;
use outbound::Answer;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use super::{
    Error,
    server::{Body, Server},
};

/// Tries in a row that bring the upload no further.
const TRIES: u32 = 10;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// So long may nothing move.
const STALLED: Duration = Duration::from_secs(90);
const CHUNK: usize = 256 * 1024;

const RESUMABLE: (HeaderName, &str) = (HeaderName::from_static("tus-resumable"), "1.0.0");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const JOB: HeaderName = HeaderName::from_static("job-location");

/// A file on its way.
pub(crate) struct Sending<'a> {
    path: &'a Path,
    size: u64,
    /// `filename` and the options.
    fields: Vec<(&'static str, String)>,
    /// Its note while it is not complete.
    note: PathBuf,
    fingerprint: String,
}

impl<'a> Sending<'a> {
    /// `options` are those of the conversion.
    pub(crate) fn of(
        server: &Server,
        path: &'a Path,
        options: &[(&'static str, String)],
    ) -> Result<Self, Error> {
        let wrong = |error| Error::File(path.to_owned(), error);
        let found = fs::metadata(path).map_err(wrong)?;
        if !found.is_file() {
            return Err(Error::Usage(format!("{}: no file", path.display())));
        }
        let whole = fs::canonicalize(path).map_err(wrong)?;
        let changed = found.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut fields = vec![("filename", name)];
        fields.extend(options.iter().cloned());
        let fingerprint = format!("{:?}", (server.name(), whole, found.len(), changed, &fields));
        let mut hasher = DefaultHasher::new();
        fingerprint.hash(&mut hasher);
        let note = server.folder.join("uploads").join(format!("{:016x}", hasher.finish()));
        Ok(Self { path, size: found.len(), fields, note, fingerprint })
    }

    /// Bytes of the file.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Sends what the server has not yet; the id of the job.
    pub(crate) async fn send(&self, server: &Server, bar: &ProgressBar) -> Result<String, Error> {
        let (place, mut offset) = match self.begun(server).await? {
            Some(begun) => begun,
            None => match self.begin(server).await {
                Ok(place) => (place, 0),
                // A server without tus.
                Err(Error::Absent(_)) => return self.send_raw(server, bar).await,
                Err(error) => return Err(error),
            },
        };
        let mut tries = 0;
        loop {
            bar.set_position(offset);
            let before = offset;
            let (next, failed) = match self.part(server, &place, offset, bar).await {
                Ok(answer) => (state(&answer), None),
                Err(error) => (self.look(server, &place).await, Some(error)),
            };
            match (next, failed) {
                (Ok((_, Some(job))), _) => {
                    self.discard();
                    return Ok(job);
                }
                (Ok((now, None)), failed) if now > before => {
                    (offset, tries) = (now, 0);
                    drop(failed);
                }
                (Err(error), failed) if !error.will_pass() => {
                    self.discard();
                    return Err(failed.unwrap_or(error));
                }
                (next, failed) => {
                    tries += 1;
                    let error = failed.or(next.err());
                    let error = error.unwrap_or_else(|| Error::Away("The upload does not go on.".into()));
                    if tries == TRIES || !error.will_pass() {
                        return Err(error);
                    }
                    tokio::time::sleep(LONGEST_PAUSE.min(Duration::from_secs(1 << tries.min(5)) / 2)).await;
                }
            }
        }
    }

    /// Where an earlier run has begun, and how far it came.
    async fn begun(&self, server: &Server) -> Result<Option<(String, u64)>, Error> {
        let Ok(note) = fs::read_to_string(&self.note) else { return Ok(None) };
        let place = match note.split_once('\n') {
            Some((place, fingerprint)) if fingerprint == self.fingerprint => place.to_owned(),
            _ => return Ok(None),
        };
        match self.look(server, &place).await {
            Ok((offset, _)) => Ok(Some((place, offset))),
            Err(error) if error.will_pass() => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// The address of a new upload.
    async fn begin(&self, server: &Server) -> Result<String, Error> {
        let pairs = self.fields.iter().map(|(name, value)| format!("{name} {}", STANDARD.encode(value)));
        let metadata = pairs.collect::<Vec<_>>().join(",");
        let headers = [own(RESUMABLE), (LENGTH, self.size.to_string()), (METADATA, metadata)];
        let answer = server.call(Method::POST, "/uploads", &headers).await?;
        let id = answer.header(LOCATION).and_then(last).map(str::to_owned);
        let id = id.ok_or_else(|| Error::Away("The server did not say where the upload goes.".into()))?;
        let place = format!("/uploads/{id}");
        let wrong = |error| Error::File(self.note.clone(), error);
        if let Some(folder) = self.note.parent() {
            fs::create_dir_all(folder).map_err(wrong)?;
        }
        fs::write(&self.note, format!("{place}\n{}", self.fingerprint)).map_err(wrong)?;
        Ok(place)
    }

    async fn look(&self, server: &Server, place: &str) -> Result<(u64, Option<String>), Error> {
        state(&server.call(Method::HEAD, place, &[own(RESUMABLE)]).await?)
    }

    /// All that is missing, in one request.
    async fn part(
        &self,
        server: &Server,
        place: &str,
        offset: u64,
        bar: &ProgressBar,
    ) -> Result<Answer, Error> {
        let left = self.size.saturating_sub(offset);
        if left == 0 {
            // All has come, but the job is not known: asking is what brings it on.
            return server.call(Method::HEAD, place, &[own(RESUMABLE)]).await;
        }
        let headers = [
            own(RESUMABLE),
            (OFFSET, offset.to_string()),
            (CONTENT_TYPE, "application/offset+octet-stream".into()),
            (CONTENT_LENGTH, left.to_string()),
        ];
        let (body, moved) = self.body(offset, bar).await?;
        watched(server.send(Method::PATCH, place, &headers, body), moved).await
    }

    /// The form that every server takes, without a second try.
    async fn send_raw(&self, server: &Server, bar: &ProgressBar) -> Result<String, Error> {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.fields);
        let headers =
            [(CONTENT_TYPE, "application/octet-stream".to_owned()), (CONTENT_LENGTH, self.size.to_string())];
        let (body, moved) = self.body(0, bar).await?;
        let path = format!("/upload?{}", query.finish());
        let answer = watched(server.send(Method::POST, &path, &headers, body), moved).await?;
        let body = answer.read(64 * 1024).await.map_err(|error| Error::Away(error.to_string()))?;
        let accepted: Value = serde_json::from_slice(&body).unwrap_or_default();
        let id = accepted["id"].as_str().map(str::to_owned);
        id.ok_or_else(|| Error::Away("The server did not say which job it made.".into()))
    }

    /// The file from `offset` on, and how much of it was taken.
    async fn body(&self, offset: u64, bar: &ProgressBar) -> Result<(Body, Arc<AtomicU64>), Error> {
        let wrong = |error| Error::File(self.path.to_owned(), error);
        let mut file = tokio::fs::File::open(self.path).await.map_err(wrong)?;
        file.seek(SeekFrom::Start(offset)).await.map_err(wrong)?;
        let (moved, bar) = (Arc::new(AtomicU64::new(0)), bar.clone());
        let counted = Arc::clone(&moved);
        let stream = ReaderStream::with_capacity(file.take(self.size - offset), CHUNK);
        let stream = stream.map_ok(move |bytes| {
            counted.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            bar.inc(bytes.len() as u64);
            Frame::data(bytes)
        });
        Ok((StreamBody::new(stream).boxed_unsync(), moved))
    }

    fn discard(&self) {
        // A note of an upload that is no more is asked about once, and then written anew.
        let _ = fs::remove_file(&self.note);
    }
}

/// An answer, unless nothing moves for too long.
async fn watched(
    answer: impl Future<Output = Result<Answer, Error>>,
    moved: Arc<AtomicU64>,
) -> Result<Answer, Error> {
    let stalled = async {
        let mut seen = None;
        while seen != Some(moved.load(Ordering::Relaxed)) {
            seen = Some(moved.load(Ordering::Relaxed));
            tokio::time::sleep(STALLED).await;
        }
    };
    tokio::select! {
        answer = answer => answer,
        () = stalled => Err(Error::Away("The upload stalled.".into())),
    }
}

/// How far it is, and its job once it has one.
fn state(answer: &Answer) -> Result<(u64, Option<String>), Error> {
    let offset = answer.header(OFFSET).and_then(|offset| offset.parse().ok());
    let offset = offset.ok_or_else(|| Error::Away("The server did not say how far the upload is.".into()))?;
    Ok((offset, answer.header(JOB).and_then(last).map(str::to_owned)))
}

/// The last part of a path.
fn last(path: &str) -> Option<&str> {
    path.rsplit('/').next().filter(|id| !id.is_empty())
}

fn own((name, value): (HeaderName, &str)) -> (HeaderName, String) {
    (name, value.to_owned())
}
