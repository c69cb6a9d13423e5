//! The worker process: its limits, its ends, and what the service reads for it.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(
    clippy::disallowed_methods,
    reason = "ffmpeg makes a file, and the service that is killed is a process of its own"
)]

mod common;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::silence::Silence;
use common::{Bytewise, Memory, Program, convert_source, engine, fixture, hanging, path};
use media::{CpuTime, Engine, Error, Limits, Settings, Sink, Source};

const BLOCK: u64 = 255 * 1024;

/// Five minutes of a quiet hiss as WAV, which needs no decoder to speak of.
fn long_wav() -> Bytes {
    let samples = 300 * 44100 * 2;
    let mut wav = Vec::with_capacity(44 + 2 * samples as usize);
    wav.extend_from_slice(
        b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0data",
    );
    wav.extend_from_slice(&(2 * samples as u32).to_le_bytes());
    let mut random = 1_u32;
    for _ in 0..samples {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        wav.extend_from_slice(&((random >> 24) as i16 - 128).to_le_bytes());
    }
    wav.into()
}

#[tokio::test]
async fn dropping_the_future_kills_the_worker() {
    let program = Program::new();
    let engine = Engine::at(program.path.clone());
    let job = tokio::spawn(async move { engine.probe(&hanging()).await });
    program.settle(1).await;
    job.abort();
    program.settle(0).await;
}

#[tokio::test]
async fn a_killed_worker_is_an_error() {
    let program = Program::new();
    let (source, mut sink) = (Bytewise::new(long_wav()), Memory::default());
    let kill_it = |_| program.pids().into_iter().for_each(kill);
    let outcome =
        Engine::at(program.path.clone()).convert(&source, &Settings::default(), &mut sink, kill_it).await;
    assert!(matches!(&outcome, Err(Error::Crashed(cause)) if cause.contains("signal: 9")), "{outcome:?}");
}

#[tokio::test]
async fn the_cpu_time_of_workers_is_known_whether_they_end_are_killed_or_are_dropped() {
    let program = Program::new();
    let (cpu, source) = (CpuTime::default(), Bytewise::new(long_wav()));
    let engine = Engine::at(program.path.clone()).metered(&cpu);
    let (settings, mut sink) = (Settings::default(), Memory::default());
    let begun = std::time::Instant::now();
    engine.convert(&source, &settings, &mut sink, |_| ()).await.unwrap();
    let whole = cpu.get();
    // MP3 of five minutes takes longer than this on any machine, and no more than all cores for all of the time.
    let most = begun.elapsed() * std::thread::available_parallelism().unwrap().get() as u32;
    assert!(whole > Duration::from_millis(50) && whole <= most, "{whole:?} of {most:?}");

    let kill_it = |_| program.pids().into_iter().for_each(kill);
    engine.convert(&source, &settings, &mut sink, kill_it).await.unwrap_err();
    let killed = cpu.get();
    assert!(killed > whole, "{killed:?}");

    let (reached, begun) = tokio::sync::oneshot::channel::<()>();
    let mut reached = Some(reached);
    let conversion = engine.convert(&source, &settings, &mut sink, |_| drop(reached.take()));
    tokio::select! {
        _ = conversion => panic!("it was to be dropped"),
        _ = begun => {}
    }
    assert!(cpu.get() > killed);
}

#[tokio::test]
async fn a_killed_service_leaves_no_worker_behind() {
    let program = Program::new();
    let mut service = service(&program.path);
    program.settle(1).await;
    service.kill().unwrap();
    service.wait().unwrap();
    program.settle(0).await;
}

fn service(worker: &Path) -> std::process::Child {
    std::process::Command::new(env!("CARGO_BIN_EXE_media-test-helper"))
        .arg("serve")
        .arg(worker)
        .spawn()
        .unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "std has no other way to signal a process that it didn't start itself"
)]
fn kill(pid: i32) {
    assert!(std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

#[tokio::test]
async fn too_long_on_the_clock_is_timed_out() {
    let program = Program::new();
    let limits = Limits { wall: Duration::from_millis(200), ..Limits::default() };
    let outcome = Engine::at(program.path.clone()).limits(limits).probe(&hanging()).await;
    assert!(matches!(outcome, Err(Error::TimedOut)), "{outcome:?}");
    program.settle(0).await;
}

#[tokio::test]
async fn too_much_cpu_is_timed_out() {
    // Ten hours: five minutes of hiss take less than a second by now.
    let (source, mut sink) = (Silence::new(36_000), Memory::default());
    let engine = engine().limits(Limits { cpu: Duration::from_secs(1), ..Limits::default() });
    let outcome = engine.convert(&source, &Settings::default(), &mut sink, |_| ()).await;
    assert!(matches!(outcome, Err(Error::TimedOut)), "{outcome:?}");
}

#[tokio::test]
async fn too_much_output_is_too_large() {
    let outcome = limited(Limits { output_bytes: 100_000, ..Limits::default() }).await;
    assert!(matches!(outcome, Error::TooLarge), "{outcome:?}");
}

#[tokio::test]
async fn too_little_memory_is_an_error_and_no_more() {
    let outcome = limited(Limits { memory_bytes: 1 << 20, ..Limits::default() }).await;
    assert!(matches!(outcome, Error::Crashed(_)), "{outcome:?}");
}

#[tokio::test]
async fn whatever_memory_there_is_the_job_ends() {
    let hiss = long_wav().slice(..5 << 20);
    let wall = Duration::from_secs(60);
    for megabytes in (12..44).step_by(2) {
        let limits = Limits { wall, memory_bytes: megabytes << 20, ..Limits::default() };
        let (source, mut sink) = (Bytewise::new(hiss.clone()), Memory::default());
        let engine = engine().limits(limits).threads(2);
        let ended = engine.convert(&source, &Settings::default(), &mut sink, |_| ()).await;
        assert!(
            matches!(ended, Ok(_) | Err(Error::Crashed(_) | Error::Unreadable(_))),
            "{megabytes} MiB: {ended:?}"
        );
    }
}

/// After how many CPU seconds a worker on `source` is stopped, as the system says it: while it opens its file, while
/// it encodes, and at the very most.
async fn cpu_limits(source: &Bytewise) -> [u64; 3] {
    let program = Program::new();
    let limits = || {
        let pid = program.pids()[0];
        let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let line = limits.lines().find_map(|line| line.strip_prefix("Max cpu time")).unwrap();
        let numbers: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        (numbers[0], numbers[1])
    };
    let (opening, encoding) = (Mutex::new(None), Mutex::new(None));
    let note = |place: &Mutex<Option<(u64, u64)>>| {
        place.lock().unwrap().get_or_insert_with(limits);
    };
    let source = Watched { source, read: || note(&opening) };
    let look = |_| note(&encoding);
    let engine = Engine::at(program.path.clone());
    engine.convert(&source, &Settings::default(), &mut Memory::default(), look).await.unwrap();
    let (opening, encoding) =
        (opening.into_inner().unwrap().unwrap(), encoding.into_inner().unwrap().unwrap());
    assert_eq!(opening.1, encoding.1);
    [opening.0, encoding.0, opening.1]
}

/// Tells of each read.
struct Watched<'a, F> {
    source: &'a Bytewise,
    read: F,
}

impl<F: Fn() + Sync> Source for Watched<'_, F> {
    fn size(&self) -> u64 {
        self.source.size()
    }

    async fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        (self.read)();
        self.source.read_at(offset, len).await
    }
}

#[tokio::test]
async fn a_worker_has_as_much_cpu_time_as_its_source_is_long_and_two_minutes() {
    assert_eq!(cpu_limits(&Bytewise::new(long_wav())).await, [120, 120 + 300, 20 * 60 + 1]);
}

#[tokio::test]
async fn a_source_that_declares_no_length_has_all_the_cpu_time_there_is() {
    // Twenty minutes of telephone sound, whose container has no place for a length.
    let amr = std::fs::read(path("amr-nb.amr")).unwrap();
    let (kind, frames) = amr.split_at(6);
    let source = Bytewise::new([kind, &frames.repeat(500)].concat());
    assert_eq!(cpu_limits(&source).await, [120, 20 * 60, 20 * 60 + 1]);
}

/// What becomes of five minutes of hiss under these limits.
async fn limited(limits: Limits) -> Error {
    let source = Bytewise::new(long_wav());
    let mut sink = Memory::default();
    engine().limits(limits).convert(&source, &Settings::default(), &mut sink, |_| ()).await.unwrap_err()
}

#[tokio::test]
async fn a_program_that_is_not_there_is_an_error() {
    let outcome = Engine::at("/nowhere/worker".into()).probe(&hanging()).await;
    assert!(matches!(outcome, Err(Error::Crashed(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_source_that_fails_is_told_from_a_bad_file() {
    let source = Bytewise { fails_after: 0, ..Bytewise::new(std::fs::read(path("moov-end.mp4")).unwrap()) };
    let outcome = convert_source(&source, Settings::default()).await;
    assert!(matches!(outcome, Err(Error::Source(error)) if error.to_string().contains("fire")));
}

#[tokio::test]
async fn a_source_that_fails_in_the_middle_is_told_too() {
    let source = Bytewise { fails_after: 20 * BLOCK, ..Bytewise::new(long_wav()) };
    let outcome = convert_source(&source, Settings::default()).await;
    assert!(matches!(outcome, Err(Error::Source(_))));
}

/// A sink that takes nothing.
struct Full;

impl Sink for Full {
    async fn write(&mut self, _: Bytes) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }

    async fn rewrite(&mut self, _: u64, _: Bytes) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_sink_that_fails_is_told() {
    let outcome = engine().convert(&fixture("moov-end.mp4"), &Settings::default(), &mut Full, |_| ()).await;
    assert!(matches!(outcome, Err(Error::Sink(error)) if error.kind() == io::ErrorKind::StorageFull));
}

#[tokio::test]
async fn unchecked_settings_do_no_harm() {
    let settings = Settings { channels: Some(9), ..Settings::default() };
    assert!(matches!(common::convert("moov-end.mp4", settings).await, Err(Error::Crashed(_))));
}

#[tokio::test]
async fn a_source_is_read_once_and_in_whole_blocks() {
    let source = Bytewise::new(long_wav());
    let settings = Settings { rate: media::Rate::Vbr(9), ..Settings::default() };
    let mut positions = vec![];
    let mut sink = Memory::default();
    let summary = engine().convert(&source, &settings, &mut sink, |p| positions.push(p)).await.unwrap();
    assert_eq!(summary.duration, Duration::from_secs(300));
    assert_eq!(summary.source_bytes_read, source.read.into_inner());
    assert!(
        summary.source_bytes_read * 100 <= source.bytes.len() as u64 * 101,
        "{}",
        summary.source_bytes_read
    );
    assert!(source.ranges.into_inner().unwrap().iter().all(|(offset, _)| offset % BLOCK == 0));
    assert!(positions.is_sorted_by_key(|progress| progress.position) && positions.len() > 2);
    assert!(positions.iter().all(|progress| progress.total == Some(Duration::from_secs(300))));
}

#[tokio::test]
async fn what_is_not_needed_is_not_read() {
    // A box that nobody reads, before the index at the end.
    let mut file = std::fs::read(path("moov-end.mp4")).unwrap();
    let index = file.windows(4).rposition(|bytes| bytes == b"moov").unwrap() - 4;
    let free = [20_000_000_u32.to_be_bytes().as_slice(), b"free", &vec![0; 20_000_000 - 8]].concat();
    file.splice(index..index, free);
    let source = Bytewise::new(file);
    let (summary, _) = convert_source(&source, Settings::default()).await.unwrap();
    assert!(summary.source_bytes_read <= 3 * BLOCK, "{:?}", source.ranges);
    assert_eq!(source.size(), 20_046_632);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversion_can_run_in_any_task() {
    let source = Arc::new(fixture("sample.mp4"));
    let jobs: Vec<_> = (0..4)
        .map(|_| {
            let source = Arc::clone(&source);
            tokio::spawn(async move {
                let mut sink = Memory::default();
                engine().convert(&*source, &Settings::default(), &mut sink, |_| ()).await.unwrap();
                sink.0
            })
        })
        .collect();
    let mut results = vec![];
    for job in jobs {
        results.push(job.await.unwrap());
    }
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn eight_threads_make_what_one_makes() {
    let mut results = vec![];
    for threads in [1, 8] {
        let mut sink = Memory::default();
        let source = Bytewise::new(long_wav());
        engine().threads(threads).convert(&source, &Settings::default(), &mut sink, |_| ()).await.unwrap();
        results.push(common::Mp3::read(&sink.0).samples());
        results.push(sink.0.len() as u64);
        results.push(
            sink.0.iter().fold(0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)),
        );
    }
    assert_eq!(results[..3], results[3..]);
    assert_eq!(results[0], 300 * 44100);
}

#[tokio::test]
async fn a_file_in_fragments_is_read_once_and_its_length_is_known_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fragments.mp4");
    let pictures =
        "-f lavfi -i testsrc2=s=320x240:r=10 -f lavfi -i sine -t 60 -c:v mpeg4 -b:v 1M -g 10 -c:a aac";
    let made = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin"])
        .args(pictures.split_whitespace())
        .args(["-movflags", "+frag_keyframe+empty_moov"])
        .arg(&file)
        .status();
    assert!(made.unwrap().success());
    let source = Bytewise::new(std::fs::read(file).unwrap());
    // Much more than what is kept in memory.
    assert!(source.size() > 20 * BLOCK);
    for settings in
        [Settings::default(), Settings { format: media::Format::M4a, copy: true, ..Settings::default() }]
    {
        let (mut sink, mut totals) = (Memory::default(), vec![]);
        let summary = engine()
            .convert(&source, &settings, &mut sink, |progress| totals.extend(progress.total))
            .await
            .unwrap();
        assert!(summary.source_bytes_read * 100 <= source.size() * 101, "{}", summary.source_bytes_read);
        common::assert_close(summary.duration, 60.0, "result");
        common::assert_close(summary.source.duration.unwrap(), 60.0, "source");
        assert_eq!(summary.warnings, []);
        // Guessed from how much of the file has gone by.
        assert!(totals.iter().all(|total| (50.0..70.0).contains(&total.as_secs_f64())), "{totals:?}");
    }
}
