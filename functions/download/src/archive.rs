//! `GET /jobs/archive`: many audios as one zip.
//!
//! It is written while it is sent, so memory stays flat: `zip` writes into a small buffer, which is sent before the next
//! piece of an audio is read. Audio does not get smaller, so it is stored as it is.

use std::{
    collections::HashSet,
    io::{self, Write},
    mem,
    sync::{Arc, Mutex, PoisonError},
    vec,
};

use axum::{
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use blobs::{Blob, Blobs};
use bytes::Bytes;
use contracts::{JobId, Timestamp};
use futures_util::{Stream, StreamExt as _, stream, stream::BoxStream};
use identity::{Caller, Scope};
use runtime::{Problem, Query};
use serde::Deserialize;
use time::{OffsetDateTime, PrimitiveDateTime};
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions, write::StreamWriter};

use crate::{Download, find, get, name};

/// Audios in one zip.
const MOST: usize = 100;

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ArchiveQuery {
    /// The jobs: 1 to 100 ids with commas between.
    #[param(pattern = "^[0-7][0-9a-hjkmnp-tv-z]{25}(,[0-7][0-9a-hjkmnp-tv-z]{25}){0,99}$")]
    ids: String,
}

/// The audio of many jobs as one zip
///
/// All of it must be there: if one job has no audio, nothing is sent and the member `job` of the answer names it. Of two
/// with one name the second becomes `name (2)`. The length is not known before the end; a download that breaks off has no
/// end.
#[utoipa::path(get, path = "/jobs/archive", tag = "download", security(("bearer" = [])), params(ArchiveQuery),
    responses((status = 200, description = "The zip", content((Vec<u8> = "application/zip"))),
        (status = 404, description = "One is no job of yours; the member `job` names it"),
        (status = 409, description = "One is not ready; the members `job` and `state` say which, and where it is"),
        (status = 410, description = "The audio of one has expired; the member `job` names it"),
        (status = 422, description = "No ids, or too many")))]
pub(crate) async fn archive(
    State(deps): State<Download>,
    caller: Caller,
    Query(asked): Query<ArchiveQuery>,
) -> Result<impl IntoResponse, Problem> {
    caller.require(Scope::Read)?;
    let (mut entries, mut names) = (Vec::new(), HashSet::new());
    for id in ids(&asked.ids)? {
        let entry = entry(&deps, &caller, id, &mut names).await;
        entries.push(entry.map_err(|problem| problem.member("job", id.to_string()))?);
    }
    Ok(answer(deps.blobs, entries))
}

fn ids(text: &str) -> Result<Vec<JobId>, Problem> {
    let mut ids = Vec::new();
    for id in text.split(',') {
        let id =
            id.parse().map_err(|_| Problem::unprocessable("ids must be ids of jobs with commas between."))?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    if ids.len() > MOST {
        return Err(Problem::unprocessable(format!("A zip has at most {MOST} audios. Ask for several.")));
    }
    Ok(ids)
}

/// A file in the zip.
struct Entry {
    name: String,
    blob: Blob,
    bytes: u64,
    made: Option<Timestamp>,
}

/// Whatever is missing is told before the first byte is sent.
async fn entry(
    deps: &Download,
    caller: &Caller,
    id: JobId,
    names: &mut HashSet<String>,
) -> Result<Entry, Problem> {
    let ready = find::by_job(&deps.db, id, caller.user_id).await?;
    let blob = Blob::Audio(ready.audio.id);
    let bytes = get::open(deps, blob).await?.size();
    let (title, extension) = (ready.job.title().unwrap_or_default(), ready.job.options.extension());
    Ok(Entry { name: free(names, &name::plain(&title), extension), blob, bytes, made: ready.job.finished_at })
}

/// A name that is not taken, also where upper and lower case are the same.
fn free(names: &mut HashSet<String>, title: &str, extension: &str) -> String {
    let numbered = (2..).map(|number| format!("{title} ({number}).{extension}"));
    let mut wanted = std::iter::once(format!("{title}.{extension}")).chain(numbered);
    wanted.find(|name| names.insert(name.to_lowercase())).unwrap_or_default()
}

fn answer(blobs: Blobs, entries: Vec<Entry>) -> Response {
    let described = [
        (header::CONTENT_TYPE, "application/zip"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"tapedeck.zip\""),
        (header::CACHE_CONTROL, "private, no-store"),
    ];
    (described, Body::from_stream(written(blobs, entries))).into_response()
}

/// The bytes of the zip.
fn written(blobs: Blobs, entries: Vec<Entry>) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let buffer = Buffer::default();
    let zip = Some(ZipWriter::new_stream(buffer.clone()));
    let audio = stream::empty().boxed();
    stream::try_unfold(Writing { blobs, entries: entries.into_iter(), audio, zip, buffer }, Writing::next)
}

/// What was written and not yet sent.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn take(&self) -> Bytes {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Writing {
    blobs: Blobs,
    entries: vec::IntoIter<Entry>,
    /// What is left of the one that is written.
    audio: BoxStream<'static, blobs::Result<Bytes>>,
    /// None at the end.
    zip: Option<ZipWriter<StreamWriter<Buffer>>>,
    buffer: Buffer,
}

impl Writing {
    /// The next bytes.
    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        while let Some(mut zip) = self.zip.take() {
            if let Some(bytes) = self.audio.next().await {
                zip.write_all(&bytes.map_err(io::Error::other)?)?;
                self.zip = Some(zip);
            } else if let Some(entry) = self.entries.next() {
                zip.start_file(&entry.name, options(&entry))?;
                self.audio = audio(&self.blobs, entry.blob).await.map_err(io::Error::other)?;
                self.zip = Some(zip);
            } else {
                zip.finish()?;
            }
            let written = self.buffer.take();
            if !written.is_empty() {
                return Ok(Some((written, self)));
            }
        }
        Ok(None)
    }
}

async fn audio(blobs: &Blobs, blob: Blob) -> Result<BoxStream<'static, blobs::Result<Bytes>>, io::Error> {
    let reader = blobs.open_blob(blob).await.map_err(io::Error::other)?;
    let reader = reader.ok_or_else(|| io::Error::other(format!("{blob} was removed while it was sent")))?;
    Ok(reader.stream(0..reader.size()).boxed())
}

fn options(entry: &Entry) -> SimpleFileOptions {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(entry.bytes >= u64::from(u32::MAX));
    match entry.made.and_then(date) {
        Some(date) => options.last_modified_time(date),
        None => options,
    }
}

/// In UTC, to two seconds. Zip knows the years 1980 to 2107.
fn date(at: Timestamp) -> Option<DateTime> {
    let at = OffsetDateTime::from_unix_timestamp(at.millis() / 1000).ok()?;
    PrimitiveDateTime::new(at.date(), at.time()).try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_files_have_one_name() {
        let mut names = HashSet::new();
        let free = |title, names: &mut _| free(names, title, "mp3");
        let given: Vec<_> = ["a", "A", "a (2)", "a", "b"].map(|title| free(title, &mut names)).into();
        assert_eq!(given, ["a.mp3", "A (2).mp3", "a (2) (2).mp3", "a (3).mp3", "b.mp3"]);
    }

    #[test]
    fn ids_are_read_once_each_and_only_so_many() {
        let id = JobId::generate();
        assert_eq!(ids(&format!("{id},{id}")).unwrap(), [id]);
        let many: Vec<_> = (0..=MOST).map(|_| JobId::generate().to_string()).collect();
        assert_eq!(ids(&many[1..].join(",")).unwrap().len(), MOST);
        for wrong in ["", "x", &format!("{id},"), &format!("{id} {id}"), &many.join(",")] {
            assert!(ids(wrong).is_err(), "{wrong}");
        }
    }
}
