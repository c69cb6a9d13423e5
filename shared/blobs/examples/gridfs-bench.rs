//! Our GridFS against pymongo's, on the same server and file, in turns:
//! `gridfs-bench mongodb://HOST/DATABASE [MIB] [ROUNDS]`, with pymongo on the `PYTHONPATH`. The database is dropped.
//!
//! Prints rows of `make bench`'s table: the medians of put and get, their ratios, and what 1 MiB from the middle of 1 GiB
//! costs in documents.

use std::{
    error::Error,
    io::{Read as _, Write as _},
    time::Instant,
};

use blobs::{Blob, Blobs, Bucket};
use bytes::{Bytes, BytesMut};
use contracts::VideoId;
use futures_util::TryStreamExt as _;
use mongodb::{
    Client, Database,
    bson::{Document, doc},
};
use tempfile::NamedTempFile;
use tokio::io::AsyncReadExt as _;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const MIB: u64 = 1024 * 1024;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("which server? mongodb://HOST/DATABASE")?;
    let mib: u64 = arguments.next().map_or(Ok(256), |text| text.parse())?;
    let rounds: usize = arguments.next().map_or(Ok(7), |text| text.parse())?;
    let database =
        Client::with_uri_str(&url).await?.default_database().ok_or("name a database in the URL")?;
    database.drop().await?;
    Blobs::open(&url)?.prepare().await?;
    compare(&url, mib, rounds).await?;
    range(&url, &database).await?;
    database.drop().await?;
    Ok(())
}

async fn compare(url: &str, mib: u64, rounds: usize) -> Result<()> {
    let file = noise(mib)?;
    let blobs = Blobs::open(url)?;
    let mut speeds: [Vec<f64>; 4] = Default::default();
    // The first round warms up the server and is not counted.
    for round in 0..=rounds {
        let blob = Blob::Video(VideoId::generate());
        let speed = [
            put(&blobs, blob, &file).await?,
            pymongo(url, "put", &file)?,
            get(&blobs, blob).await?,
            pymongo(url, "get", &file)?,
        ];
        blobs.delete(blob).await?;
        if round > 0 {
            speeds.iter_mut().zip(speed).for_each(|(all, one)| all.push(one));
        }
    }
    let [put, their_put, get, their_get] = speeds.map(median);
    say(&format!(
        "| GridFS, put of {mib} MiB | {put:.0} MB/s | pymongo: {their_put:.0} MB/s | {:.1}x |",
        put / their_put
    ))?;
    let ratio = get / their_get;
    say(&format!("| GridFS, get of it | {get:.0} MB/s | pymongo: {their_get:.0} MB/s | {ratio:.1}x |"))
}

/// MB/s of a put of the file in pieces as they come from a socket.
async fn put(blobs: &Blobs, blob: Blob, file: &NamedTempFile) -> Result<f64> {
    let mut file = tokio::fs::File::open(file.path()).await?;
    // The first call connects.
    blobs.open_blob(blob).await?;
    let start = Instant::now();
    let mut upload = blobs.put(blob).await?;
    let mut piece = BytesMut::with_capacity(64 * 1024);
    while file.read_buf(&mut piece).await? > 0 {
        upload.write(piece.split().freeze()).await?;
        piece.reserve(64 * 1024);
    }
    let bytes = upload.finish().await?;
    Ok(bytes as f64 / 1e6 / start.elapsed().as_secs_f64())
}

async fn get(blobs: &Blobs, blob: Blob) -> Result<f64> {
    let start = Instant::now();
    let reader = blobs.open_blob(blob).await?.ok_or("the blob is gone")?;
    let pieces = reader.stream(0..reader.size());
    let bytes = pieces.try_fold(0, async |sum, piece: Bytes| Ok(sum + piece.len())).await?;
    Ok(bytes as f64 / 1e6 / start.elapsed().as_secs_f64())
}

/// MB/s of the script beside this program.
#[expect(clippy::disallowed_methods, reason = "a measurement, not a part of the service")]
fn pymongo(url: &str, work: &str, file: &NamedTempFile) -> Result<f64> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/gridfs-bench.py");
    let output = std::process::Command::new("python3").args([script, work, url]).arg(file.path()).output()?;
    let text = String::from_utf8(output.stdout)?;
    let (bytes, seconds) = text.trim().split_once(' ').ok_or(String::from_utf8_lossy(&output.stderr))?;
    Ok(bytes.parse::<f64>()? / 1e6 / seconds.parse::<f64>()?)
}

/// What 1 MiB from the middle of 1 GiB costs, as the server's own profiler counts it.
async fn range(url: &str, database: &Database) -> Result<()> {
    let blobs = Blobs::open(url)?;
    let blob = Blob::Video(VideoId::generate());
    let mut upload = blobs.put(blob).await?;
    let piece = Bytes::from(vec![7; MIB as usize]);
    for _ in 0..1024 {
        upload.write(piece.clone()).await?;
    }
    upload.finish().await?;
    let reader = blobs.open_blob(blob).await?.ok_or("the blob is gone")?;
    database.run_command(doc! { "profile": 2 }).await?;
    let start = Instant::now();
    let bytes = reader.read_at(512 * MIB, MIB as usize).await?;
    let time = start.elapsed();
    database.run_command(doc! { "profile": 0 }).await?;
    let reads = doc! { "ns": format!("{}.{}.chunks", database.name(), Bucket::Videos.name()) };
    let profile = database.collection::<Document>("system.profile").find(reads).await?;
    let calls: Vec<Document> = profile.try_collect().await?;
    let documents: i32 = calls.iter().filter_map(|call| call.get_i32("docsExamined").ok()).sum();
    say(&format!(
        "| GridFS, {} KiB from the middle of 1 GiB | {:.1} ms, {documents} chunks in {} calls | | |",
        bytes.len() / 1024,
        time.as_secs_f64() * 1e3,
        calls.len()
    ))
}

/// A file that can't be compressed.
fn noise(mib: u64) -> Result<NamedTempFile> {
    let mut file = NamedTempFile::new()?;
    let mut random = std::fs::File::open("/dev/urandom")?.take(mib * MIB);
    std::io::copy(&mut random, &mut file)?;
    Ok(file)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn say(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
