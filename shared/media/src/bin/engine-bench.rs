//! Measures the engine beside the tools that it replaces, on this machine: `engine-bench [MINUTES] [RUNS] [PYTHON]`.
//!
//! Makes a lecture (AAC 96 kbit/s in MP4) with the ffmpeg command, then alternates runs of the engine, of ffmpeg at the
//! same VBR quality, and of moviepy if PYTHON (default `python3`) has it: `pip install --target DIR moviepy` and
//! `PYTHONPATH=DIR`. Prints medians, as rows of `make bench`'s table. For one core: `taskset --cpu-list 0 engine-bench`.
#![expect(clippy::print_stdout, reason = "this is its output")]
#![expect(clippy::disallowed_methods, reason = "it starts the tools to compare with")]

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use media::{Engine, Error, FileSink, FileSource, Settings};

/// What the usual tutorial does with a video that it got: a copy in a temporary file, moviepy, read it again.
const MOVIEPY: &str = "\
import shutil, sys, tempfile
from moviepy import VideoFileClip
with tempfile.NamedTemporaryFile(suffix='.mp4') as copy:
    shutil.copyfileobj(open(sys.argv[1], 'rb'), copy)
    copy.flush()
    VideoFileClip(copy.name).audio.write_audiofile(sys.argv[2], logger=None)
    open(sys.argv[2], 'rb').read()
";

fn main() -> io::Result<()> {
    media::worker::run_if_asked();
    let mut arguments = std::env::args().skip(1);
    let mut number =
        |default| arguments.next().map_or(Ok(default), |text| text.parse().map_err(io::Error::other));
    let (minutes, runs) = (number(60)?, number(3)?);
    let python = arguments.next().unwrap_or_else(|| "python3".into());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let folder = Folder::new()?;
    runtime.block_on(async {
        long(&folder.0, minutes, runs, &python).await?;
        short(&folder.0).await
    })
}

/// A temporary folder, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("engine-bench-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What one run took.
#[derive(Clone, Copy)]
struct Cost {
    wall: f64,
    cpu: f64,
    /// At the most, of the process that does the work, in MiB.
    memory: f64,
}

async fn long(folder: &Path, minutes: u64, runs: u64, python: &str) -> io::Result<()> {
    let (video, mp3) = (folder.join("lecture.mp4"), folder.join("lecture.mp3"));
    lecture(&video, 60 * minutes)?;
    let cores = std::thread::available_parallelism()?;
    let moviepy = command(python, ["-c", "import moviepy"]).is_ok();
    let (mut ours, mut theirs, mut tutorial) = (vec![], vec![], vec![]);
    for _ in 0..runs {
        ours.push(engine(&video, &mp3).await?);
        theirs.push(ffmpeg(&video, &mp3)?);
        if moviepy {
            tutorial.push(command(
                python,
                ["-c".as_ref(), MOVIEPY.as_ref(), video.as_os_str(), mp3.as_os_str()],
            )?);
        }
    }
    let ours = median(ours);
    let what = format!("{minutes} minutes of lecture to MP3 (V2), {cores} cores");
    for (name, costs) in [("`ffmpeg -q:a 2`", theirs), ("moviepy", tutorial)] {
        if !costs.is_empty() {
            let peer = median(costs);
            row(&what, "s", (ours.wall, peer.wall), name);
            row(&format!("{what}: CPU"), "s", (ours.cpu, peer.cpu), name);
            row(&format!("{what}: memory"), "MiB", (ours.memory, peer.memory), name);
        }
    }
    Ok(())
}

fn row(what: &str, unit: &str, (ours, theirs): (f64, f64), peer: &str) {
    println!("| {what} | {ours:.1} {unit} | {peer}: {theirs:.1} {unit} | {:.1}x |", theirs / ours);
}

/// Tones that swell, speech-like bursts of noise, a hiss; pictures that cost nothing.
fn lecture(path: &Path, seconds: u64) -> io::Result<()> {
    let sound = "aevalsrc=exprs='0.25*sin(2*PI*140*t)*max(0\\,sin(2*PI*3.1*t))*max(0\\,sin(2*PI*0.4*t))\
                 +0.1*sin(2*PI*620*t)*max(0\\,sin(2*PI*3.1*t))+0.05*sin(2*PI*2300*t)*max(0\\,sin(2*PI*1.3*t))\
                 |0.22*sin(2*PI*140*t)*max(0\\,sin(2*PI*3.1*t))*max(0\\,sin(2*PI*0.4*t))\
                 +0.08*sin(2*PI*1318*t)*exp(-6*mod(t\\,0.5))':s=44100";
    let mix =
        "[1:a]tremolo=f=4:d=0.9,aresample=44100,pan=stereo|c0=c0|c1=0.7*c0[n];[0:a][n]amix=normalize=0[a]";
    let (seconds, file) = (seconds.to_string(), path.as_os_str());
    let inputs = ["-f", "lavfi", "-i", sound, "-f", "lavfi", "-i", "anoisesrc=c=pink:a=0.08:seed=1"];
    let picture = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=640x360:r=10",
        "-filter_complex",
        mix,
        "-map",
        "2:v",
        "-map",
        "[a]",
    ];
    let codecs = ["-t", &seconds, "-c:v", "mpeg4", "-b:v", "130k", "-c:a", "aac", "-b:a", "96k"];
    let words = ["-v", "error", "-y"].into_iter().chain(inputs).chain(picture).chain(codecs).map(OsStr::new);
    command("ffmpeg", words.chain([file])).map(drop)
}

async fn engine(video: &Path, mp3: &Path) -> io::Result<Cost> {
    let (start, before, mut memory) = (Instant::now(), children(), 0.0_f64);
    let source = FileSource::open(video)?;
    let engine = Engine::this_program()?;
    let look = |_| memory = memory.max(workers_memory());
    engine
        .convert(&source, &Settings::default(), &mut FileSink::create(mp3)?, look)
        .await
        .map_err(io::Error::other)?;
    let (wall, cpu) = (start.elapsed().as_secs_f64(), (children() - before).as_secs_f64());
    Ok(Cost { wall, cpu, memory })
}

fn ffmpeg(video: &Path, mp3: &Path) -> io::Result<Cost> {
    let before = ["-v", "error", "-y", "-i"].map(OsStr::new).into_iter().chain([video.as_os_str()]);
    command("ffmpeg", before.chain(["-vn", "-q:a", "2"].map(OsStr::new)).chain([mp3.as_os_str()]))
}

/// Clips of a second, and workers that end at once.
async fn short(folder: &Path) -> io::Result<()> {
    let (video, mp3) = (folder.join("clip.mp4"), folder.join("clip.mp3"));
    lecture(&video, 1)?;
    std::fs::write(folder.join("nothing"), "nothing")?;
    let (clip, nothing) = (FileSource::open(&video)?, FileSource::open(folder.join("nothing"))?);
    let engine = Engine::this_program()?;
    let (mut clips, mut spawns) = (vec![], vec![]);
    for _ in 0..100 {
        let (start, mut sink) = (Instant::now(), FileSink::create(&mp3)?);
        engine.convert(&clip, &Settings::default(), &mut sink, |_| ()).await.map_err(io::Error::other)?;
        clips.push(start.elapsed());
        let start = Instant::now();
        let Err(Error::Unreadable(_)) = engine.probe(&nothing).await else {
            return Err(io::Error::other("read"));
        };
        spawns.push(start.elapsed());
    }
    clips.sort();
    spawns.sort();
    println!("| a clip of a second to MP3 | {:.1} ms | | |", clips[50].as_secs_f64() * 1e3);
    println!("| a sandboxed worker, start to end | {:.1} ms | | |", spawns[50].as_secs_f64() * 1e3);
    Ok(())
}

/// Runs it; an exit code other than 0 is an error.
fn command<A: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = A>) -> io::Result<Cost> {
    let (start, before) = (Instant::now(), children());
    let mut child =
        Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut memory = 0.0_f64;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        memory = memory.max(highest(child.id()));
        std::thread::sleep(Duration::from_millis(20));
    };
    let cost = Cost { wall: start.elapsed().as_secs_f64(), cpu: (children() - before).as_secs_f64(), memory };
    if status.success() { Ok(cost) } else { Err(io::Error::other(format!("{program}: {status}"))) }
}

fn median(mut costs: Vec<Cost>) -> Cost {
    costs.sort_by(|a, b| a.wall.total_cmp(&b.wall));
    costs[costs.len() / 2]
}

/// User and system time of all children that have ended.
#[expect(unsafe_code, reason = "std doesn't know it")]
fn children() -> Duration {
    // SAFETY: a zeroed rusage is valid, and the call fills it.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage);
        usage
    };
    let time = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// The most that a process ever had in memory, in MiB.
fn highest(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: Option<f64> = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kib.unwrap_or_default() / 1024.0
}

fn workers_memory() -> f64 {
    let own = std::process::id();
    let children = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
    children.split_whitespace().filter_map(|child| child.parse().ok()).map(highest).fold(0.0, f64::max)
}
