//! What the tests share: the engine under test, fixtures, sources and sinks in memory, and a reader of MP3 frames.
#![allow(dead_code, reason = "each test binary uses a part")]

mod mp3;

use std::io;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use media::{Engine, Error, FileSource, Settings, Sink, Source, Summary};

pub(crate) use mp3::Mp3;

/// An engine whose worker is the crate's own small program.
pub(crate) fn engine() -> Engine {
    Engine::at(env!("CARGO_BIN_EXE_media-worker").into())
}

pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

pub(crate) fn fixture(name: &str) -> FileSource {
    FileSource::open(path(name)).unwrap()
}

/// Converts a fixture in memory.
pub(crate) async fn convert(name: &str, settings: Settings) -> Result<(Summary, Mp3), Error> {
    convert_source(&fixture(name), settings).await
}

pub(crate) async fn convert_source<S: Source + Send + Sync>(
    source: &S,
    settings: Settings,
) -> Result<(Summary, Mp3), Error> {
    let mut sink = Memory::default();
    let summary = engine().convert(source, &settings, &mut sink, |_| ()).await?;
    assert_eq!(summary.bytes, sink.0.len() as u64);
    Ok((summary, Mp3::read(&sink.0)))
}

pub(crate) fn assert_close(found: Duration, expected: f64, what: &str) {
    assert!((found.as_secs_f64() - expected).abs() < 0.05, "{what}: {found:?} instead of {expected} s");
}

/// A sink that keeps everything.
#[derive(Default)]
pub(crate) struct Memory(pub(crate) Vec<u8>);

impl Sink for Memory {
    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.0.extend_from_slice(&bytes);
        Ok(())
    }

    async fn rewrite(&mut self, offset: u64, bytes: Bytes) -> io::Result<()> {
        self.0[offset as usize..][..bytes.len()].copy_from_slice(&bytes);
        Ok(())
    }
}

/// A source in memory that counts how often each byte was asked for, and can fail or never answer.
pub(crate) struct Bytewise {
    pub(crate) bytes: Bytes,
    pub(crate) read: AtomicU64,
    pub(crate) ranges: Mutex<Vec<(u64, usize)>>,
    pub(crate) fails_after: u64,
    pub(crate) hangs_after: u64,
}

impl Bytewise {
    pub(crate) fn new(bytes: impl Into<Bytes>) -> Self {
        Self {
            bytes: bytes.into(),
            read: AtomicU64::new(0),
            ranges: Mutex::default(),
            fails_after: u64::MAX,
            hangs_after: u64::MAX,
        }
    }
}

impl Source for Bytewise {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    async fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let before = self.read.fetch_add(len as u64, Ordering::SeqCst);
        self.ranges.lock().unwrap().push((offset, len));
        if before >= self.hangs_after {
            std::future::pending::<()>().await;
        }
        if before >= self.fails_after {
            return Err(io::Error::other("the disk is on fire"));
        }
        Ok(self.bytes.slice(offset as usize..offset as usize + len))
    }
}
