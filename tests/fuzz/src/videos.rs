//! Damaged videos through the sandboxed worker: each must end in a result or in a reason that the user can be told.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use bytes::Bytes;
use media::{
    Chapters, Cover, Engine, Error, Format, Limits, Part, Peaks, Rate, Settings, Silence, Sink, Source,
    Summary, Track,
};

use crate::random::{Random, damage};
use crate::targets::fixtures;

/// Longer files are damaged in their first and last half of this only.
const MOST: usize = 256 << 10;
/// How long a worker that has reached a limit may take to be gone, on a busy machine.
const GRACE: Duration = Duration::from_secs(30);

/// Of each conversion. More output than any of the files has sound for; a tenth of the usual CPU time.
pub const LIMITS: Limits = Limits {
    wall: Duration::from_secs(120),
    cpu: Duration::from_secs(20),
    memory_bytes: 512 << 20,
    output_bytes: 64 << 20,
};

/// How all of them ended.
#[derive(Debug, Default)]
pub struct Ends {
    /// How many ended with a result, or by which reason.
    pub counts: BTreeMap<String, u64>,
    /// What should not have happened: the number of the file, what it was made of, what happened.
    pub found: Vec<String>,
    /// The longest of all conversions, and which it was.
    pub slowest: (Duration, u64),
}

/// A good file.
#[derive(Debug)]
pub struct Video {
    name: String,
    bytes: Vec<u8>,
}

/// The engine's fixtures, and the files in `more`, if there is such a folder.
///
/// # Panics
/// If a file can't be read.
#[must_use]
pub fn videos(more: &Path) -> Vec<Video> {
    let folders = [fixtures(), more.to_owned()];
    let files = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| !path.extension().is_none_or(|kind| kind == "sh" || kind == "md"));
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let bytes = ends_of(std::fs::read(path).unwrap());
        Video { name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(), bytes }
    };
    paths.iter().map(read).collect()
}

/// What is in the middle of a long file is like what is around it.
fn ends_of(bytes: Vec<u8>) -> Vec<u8> {
    if bytes.len() <= MOST { bytes } else { [&bytes[..MOST / 2], &bytes[bytes.len() - MOST / 2..]].concat() }
}

/// File `number` of this seed, and how to convert it.
///
/// # Panics
/// If there are no videos.
#[must_use]
pub fn damaged(videos: &[Video], seed: u64, number: u64) -> (String, Vec<u8>, Settings) {
    let mut random = Random::new(seed, number);
    let (video, other) = (random.one(videos).unwrap(), random.one(videos).unwrap());
    let bytes = damage(&mut random, &video.bytes, &other.bytes, 2 * MOST);
    (video.name.clone(), bytes, settings(&mut random))
}

/// Half of them one option, the others several together.
fn settings(random: &mut Random) -> Settings {
    let formats = [
        Format::Mp3,
        Format::Mp3,
        Format::M4a,
        Format::M4b,
        Format::Opus,
        Format::Ogg,
        Format::Flac,
        Format::Wav,
    ];
    let mut settings = Settings { format: formats[random.below(8)], ..Settings::default() };
    for _ in 0..1 << random.below(3) {
        set(random, &mut settings);
    }
    settings
}

fn set(random: &mut Random, settings: &mut Settings) {
    let seconds = |random: &mut Random| Some(Duration::from_millis(random.below(3000) as u64));
    match random.below(14) {
        0 | 1 => settings.copy = true,
        2 => settings.start = seconds(random),
        3 => settings.end = seconds(random).map(|end| end + Duration::from_millis(3001)),
        4 => settings.loudness = Some(-16.0),
        5 => settings.chapters = Chapters::Split,
        6 => settings.cover = Cover::None,
        7 if settings.format == Format::Mp3 => settings.rate = Rate::Cbr(128),
        8 => settings.silence = Silence::Trim,
        9 => settings.silence = Silence::Shorten,
        10 => settings.fade = seconds(random),
        11 => settings.peaks = true,
        12 => settings.track = Track::Mix,
        _ => settings.channels = Some(1),
    }
}

/// Converts `count` damaged files of this seed, one on each core at a time. What should not have happened is written to
/// `found`, if that is a folder.
///
/// # Panics
/// If the service's side of a conversion does.
pub fn convert(engine: &Engine, videos: &[Video], seed: u64, count: u64, found: Option<&Path>) -> Ends {
    let (next, ends) = (AtomicU64::new(0), Mutex::new(Ends::default()));
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                break;
            }
            let (name, bytes, settings) = damaged(videos, seed, number);
            let (start, mut sink) = (Instant::now(), Counting::default());
            let source = Memory(Bytes::from(bytes));
            let ended = runtime.block_on(engine.convert(&source, &settings, &mut sink, |_| ()));
            let (end, wrong) = judge(&ended, &sink, &settings, start.elapsed());
            if let (true, Some(folder)) = (wrong, found) {
                let _ = std::fs::write(folder.join(format!("{seed}-{number}-{name}")), &source.0);
            }
            let mut ends = ends.lock().unwrap();
            *ends.counts.entry(end).or_default() += 1;
            ends.slowest = ends.slowest.max((start.elapsed(), number));
            if wrong {
                ends.found.push(format!("{number} of seed {seed}, {name}, {settings:?}: {ended:?}"));
            }
        }
    };
    let cores = available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(work))));
    ends.into_inner().unwrap()
}

/// A word for how it ended, and whether that is wrong.
fn judge(
    ended: &Result<Summary, Error>,
    sink: &Counting,
    settings: &Settings,
    time: Duration,
) -> (String, bool) {
    let over = time > LIMITS.wall + GRACE || sink.written > LIMITS.output_bytes;
    let (end, wrong) = match ended {
        Ok(summary) => {
            let drawn = summary.peaks.as_ref().is_some_and(is_waveform);
            ("converted".to_owned(), summary.bytes != sink.written || drawn != settings.peaks)
        }
        Err(Error::NoAudio) => ("no sound".to_owned(), false),
        Err(Error::NoTrack(_)) => ("no such sound".to_owned(), false),
        Err(Error::Unreadable(_)) => ("unreadable".to_owned(), false),
        Err(Error::UnsupportedCodec(_)) => ("unknown codec".to_owned(), false),
        Err(Error::StartTooLate(_)) => ("starts too late".to_owned(), settings.start.is_none()),
        Err(Error::Encrypted) => ("encrypted".to_owned(), false),
        Err(Error::TooLarge) => ("too large".to_owned(), false),
        Err(Error::TimedOut) => ("timed out".to_owned(), true),
        Err(Error::Source(_) | Error::Sink(_)) => ("read or written wrongly".to_owned(), true),
        Err(Error::Crashed(_)) => ("crashed".to_owned(), true),
    };
    (end, wrong || over)
}

/// Whether there is a pixel, none too many, and in each the lowest sample is not above the highest.
fn is_waveform(peaks: &Peaks) -> bool {
    let (pixels, rest) = peaks.data.as_chunks::<2>();
    (1..=4096).contains(&pixels.len()) && rest.is_empty() && pixels.iter().all(|[low, high]| low <= high)
}

/// A file in memory.
struct Memory(Bytes);

impl Source for Memory {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    async fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        Ok(self.0.slice(offset as usize..offset as usize + len))
    }
}

/// Counts and forgets.
#[derive(Default)]
struct Counting {
    written: u64,
}

impl Sink for Counting {
    async fn begin(&mut self, _: &Part) -> io::Result<()> {
        Ok(())
    }

    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.written += bytes.len() as u64;
        Ok(())
    }

    async fn rewrite(&mut self, _: u64, _: Bytes) -> io::Result<()> {
        Ok(())
    }
}
