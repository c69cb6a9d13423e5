//! What walks and deletes cost with many small blobs in a store: `walk-bench mongodb://HOST/DATABASE [BLOBS]`, or
//! `file:DIRECTORY`. The database is dropped, the directory is left empty of videos.
//!
//! `walk-bench fill mongodb://HOST/DATABASE BLOBS` only makes them, two days old, with ids that are numbers, and leaves them:
//! for `measure-sweep`.
//!
//! Prints times, and the most memory that the walks held beyond what the process had before (`VmHWM`).

use std::{
    error::Error,
    fs,
    io::Write as _,
    time::{Duration, Instant, SystemTime},
};

use blobs::{Blob, Blobs, Bucket};
use bytes::Bytes;
use contracts::VideoId;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use mongodb::{
    Client,
    bson::{DateTime, Document, doc, oid::ObjectId},
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const TWO_DAYS: Duration = Duration::from_secs(2 * 86_400);
/// Blobs of a page.
const PAGE: usize = 1000;
/// Half-written blobs among the others.
const PARTIALS: usize = 100;
/// Blobs that are put and deleted, and how many at the same time.
const DELETES: (usize, usize) = (5000, 8);

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).peekable();
    let keep = arguments.next_if(|word| word == "fill").is_some();
    let url = arguments.next().ok_or("which store? mongodb://HOST/DATABASE or file:DIRECTORY")?;
    let count: usize = arguments.next().map_or(Ok(300_000), |text| text.parse())?;
    let blobs = Blobs::open(&url)?;
    let filling = Instant::now();
    match url.strip_prefix("file:") {
        Some(folder) => fill_folder(folder, count)?,
        None if keep => return fill_database(&url, &blobs, &old_ids(count), TWO_DAYS).await,
        None => fill_database(&url, &blobs, &new_ids(count), Duration::ZERO).await?,
    }
    say(&format!("{count} blobs made in {:.1?}", filling.elapsed()))?;
    walk("whole", async |after| blobs.page(Bucket::Videos, after, PAGE).await).await?;
    walk("half-written", async |after| blobs.partials(Bucket::Videos, after, PAGE).await).await?;
    delete(&blobs).await?;
    match url.strip_prefix("file:") {
        Some(folder) => Ok(fs::remove_dir_all(format!("{folder}/videos"))?),
        None => Ok(Client::with_uri_str(&url).await?.default_database().ok_or("no name")?.drop().await?),
    }
}

fn fill_folder(folder: &str, count: usize) -> Result<()> {
    for n in 0..count + PARTIALS {
        let kind = if n < count { "videos" } else { "partial/videos" };
        fs::File::create(format!("{folder}/{kind}/{}", VideoId::generate()))?;
    }
    Ok(())
}

/// Of blobs, and of the partials among them.
fn new_ids(count: usize) -> Vec<String> {
    (0..count + PARTIALS).map(|_| VideoId::generate().to_string()).collect()
}

fn old_ids(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("01m{number:023}")).collect()
}

/// A files document and one chunk for each, and chunks alone for the partials, which lie between them.
async fn fill_database(url: &str, blobs: &Blobs, ids: &[String], age: Duration) -> Result<()> {
    let database = Client::with_uri_str(url).await?.default_database().ok_or("name a database in the URL")?;
    database.drop().await?;
    blobs.prepare().await?;
    let stored = DateTime::from_system_time(SystemTime::now() - age);
    let (files, chunks) =
        (database.collection::<Document>("videos.files"), database.collection::<Document>("videos.chunks"));
    for (n, group) in ids.chunks(5000).enumerate() {
        let chunk = |id| doc! { "_id": ObjectId::new(), "files_id": id, "n": 0 };
        chunks.insert_many(group.iter().map(chunk)).await?;
        let whole = group.iter().enumerate().filter(|(at, _)| (n * 5000 + at) % (ids.len() / PARTIALS) != 1);
        let file = |(_, id)| doc! { "_id": id, "filename": id, "length": 0_i64, "chunkSize": 1, "uploadDate": stored };
        files.insert_many(whole.map(file)).await?;
    }
    Ok(())
}

async fn walk(
    what: &str,
    page: impl AsyncFn(Option<&str>) -> blobs::Result<Vec<blobs::Stored>>,
) -> Result<()> {
    // Begins the count of the most memory anew.
    fs::write("/proc/self/clear_refs", "5")?;
    let (before, start) = (memory()?, Instant::now());
    let (mut found, mut slowest, mut after) = (0, Duration::ZERO, None);
    loop {
        let call = Instant::now();
        let page = page(after.as_deref()).await?;
        slowest = slowest.max(call.elapsed());
        found += page.len();
        let Some(last) = page.last() else { break };
        after = Some(last.blob.id());
    }
    say(&format!(
        "{found} {what} blobs walked in {:.2?}, slowest page {slowest:.0?}, {} KiB more memory than {before} KiB",
        start.elapsed(),
        memory()? - before
    ))
}

async fn delete(blobs: &Blobs) -> Result<()> {
    let (count, at_once) = DELETES;
    let ids: Vec<Blob> = (0..count).map(|_| Blob::Video(VideoId::generate())).collect();
    let each = |blob| async move {
        let mut upload = blobs.put(blob).await?;
        upload.write(Bytes::from_static(&[7; 20_000])).await?;
        upload.finish().await
    };
    let start = Instant::now();
    stream::iter(&ids).map(|blob| each(*blob)).buffer_unordered(at_once).try_collect::<Vec<u64>>().await?;
    let (put, start) = (start.elapsed(), Instant::now());
    let gone: Vec<bool> =
        stream::iter(&ids).map(|blob| blobs.delete(*blob)).buffer_unordered(at_once).try_collect().await?;
    let time = start.elapsed();
    say(&format!(
        "{count} blobs of 20 kB put in {put:.1?} and {} deleted in {time:.1?} ({:.0} a second), {at_once} at once",
        gone.iter().filter(|gone| **gone).count(),
        count as f64 / time.as_secs_f64()
    ))
}

/// The most memory held, in KiB.
fn memory() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn say(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
