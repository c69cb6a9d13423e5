//! What the tests share: the engine under test, fixtures, sources and sinks in memory, and a reader of MP3 frames.
#![allow(dead_code, reason = "each test binary uses a part")]

pub(crate) mod compare;
pub(crate) mod long;
pub(crate) mod masking;
pub(crate) mod matroska;
mod mp3;
pub(crate) mod mp4;
pub(crate) mod recipe;
pub(crate) mod silence;
pub(crate) mod ts;

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

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

/// Counts and forgets.
pub(crate) struct Counted(pub(crate) u64);

impl Sink for Counted {
    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.0 += bytes.len() as u64;
        Ok(())
    }

    async fn rewrite(&mut self, _: u64, _: Bytes) -> io::Result<()> {
        Ok(())
    }
}

/// The most that a process ever had in memory, in KiB.
pub(crate) fn highest(process: impl std::fmt::Display) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?.parse().ok()
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

/// What ffmpeg makes of these arguments; the name says the container.
#[expect(clippy::disallowed_methods, reason = "ffmpeg makes some of the files")]
pub(crate) fn made(arguments: &str, name: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let status =
        Command::new("ffmpeg").args(["-v", "error", "-nostdin"]).args(arguments).arg(&file).status().unwrap();
    assert!(status.success());
    std::fs::read(file).unwrap()
}

/// A worker program under a name of its own, so that a test finds its workers among those of others.
pub(crate) struct Program {
    _folder: tempfile::TempDir,
    pub(crate) path: PathBuf,
}

impl Program {
    pub(crate) fn new() -> Self {
        let original = Path::new(env!("CARGO_BIN_EXE_media-worker"));
        let folder = tempfile::tempdir_in(original.parent().unwrap()).unwrap();
        let path = folder.path().join("worker");
        std::fs::hard_link(original, &path).unwrap();
        Self { _folder: folder, path }
    }

    pub(crate) fn pids(&self) -> Vec<i32> {
        let processes = std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let ours =
            |pid: &i32| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == self.path);
        processes.filter_map(|name| name.parse().ok()).filter(ours).collect()
    }

    /// Waits until there are so many workers.
    pub(crate) async fn settle(&self, count: usize) -> Vec<i32> {
        until(&format!("there are {count} workers"), || self.pids().len() == count).await;
        self.pids()
    }
}

/// A source that answers nothing, so that its worker waits.
pub(crate) fn hanging() -> Bytewise {
    Bytewise { hangs_after: 0, ..Bytewise::new(vec![0; 1000]) }
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(20), "in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
