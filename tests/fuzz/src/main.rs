//! `fuzz run SECONDS FILES SEED`: every parser under libFuzzer for so many seconds, and so many damaged videos through
//! the worker. `fuzz file SEED NUMBER`: writes one of these videos to standard output.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "prints a table")]
#![expect(clippy::disallowed_methods, reason = "runs cargo-fuzz and a script")]

use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use fuzz::videos::{LIMITS, convert, damaged, videos};
use fuzz::{TARGETS, Target};
use media::Engine;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A line of the table: what, how many, seconds, what was found.
struct Row(String, u64, f64, Vec<String>);

fn main() -> Result<ExitCode> {
    media::worker::run_if_asked();
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["run", seconds, files, seed] => run(seconds.parse()?, files.parse()?, seed.parse()?),
        ["file", seed, number] => {
            let (name, bytes, settings) = damaged(&all_videos()?, seed.parse()?, number.parse()?);
            std::io::stdout().write_all(&bytes)?;
            eprintln!("{name}, {settings:?}");
            Ok(ExitCode::SUCCESS)
        }
        _ => Err("usage: fuzz run SECONDS FILES SEED | fuzz file SEED NUMBER".into()),
    }
}

fn run(seconds: u64, files: u64, seed: u64) -> Result<ExitCode> {
    let mut rows = Vec::new();
    if seconds > 0 {
        for target in &TARGETS {
            rows.push(parser(target, seconds)?);
        }
    }
    if files > 0 {
        rows.push(damaged_videos(files, seed)?);
    }
    println!("{:<12} {:>12} {:>8} {:>6}", "target", "runs", "seconds", "found");
    for Row(name, runs, seconds, found) in &rows {
        println!("{name:<12} {runs:>12} {seconds:>8.0} {:>6}", found.len());
    }
    let found: Vec<_> = rows.into_iter().flat_map(|row| row.3).collect();
    found.iter().for_each(|what| println!("{what}"));
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn folder(of: &str) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/fuzz").join(of);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Runs one parser under libFuzzer, from the inputs that it knows and those that earlier runs have left.
fn parser(target: &Target, seconds: u64) -> Result<Row> {
    let Target { name, seeds, .. } = target;
    let (corpus, artifacts) = (folder(&format!("corpus/{name}"))?, folder(&format!("artifacts/{name}"))?);
    for (number, seed) in seeds().into_iter().enumerate() {
        fs::write(corpus.join(format!("seed-{number}")), seed)?;
    }
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("found").join(name);
    let start = Instant::now();
    let mut cargo = Command::new("cargo");
    cargo.args(["fuzz", "run", "--fuzz-dir", "tests/fuzz/libfuzzer", "--target-dir", "target/fuzz/build"]);
    cargo.args(["--sanitizer", "none", name]);
    cargo.arg(&corpus).args(found.is_dir().then_some(found));
    cargo.args(["--", "-print_final_stats=1", "-timeout=10", "-max_len=8192"]);
    cargo.arg(format!("-max_total_time={seconds}")).arg(format!("-artifact_prefix={}/", artifacts.display()));
    let output = cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let runs = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    let runs = runs.and_then(|runs| runs.trim().parse().ok()).unwrap_or(0);
    let last: Vec<_> = said.lines().rev().take(40).collect();
    let why = || last.iter().rev().fold(format!("{name}:"), |all, line| format!("{all}\n  {line}"));
    let found = if output.status.success() { Vec::new() } else { vec![why()] };
    println!("{name}: {runs} runs{}", if found.is_empty() { "" } else { ", and something was found" });
    Ok(Row((*name).to_owned(), runs, start.elapsed().as_secs_f64(), found))
}

/// The fixtures, and what ffmpeg makes of all formats.
fn all_videos() -> Result<Vec<fuzz::videos::Video>> {
    let formats = folder("formats")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/media/tests/formats/make.sh");
    // As the engine's own test does: made once, and again if the script changes.
    if fs::read(formats.join("made-by")).ok() != fs::read(&script).ok() {
        if !Command::new("sh").arg(&script).arg(&formats).status()?.success() {
            return Err("the files could not be made; is ffmpeg installed?".into());
        }
        fs::copy(&script, formats.join("made-by"))?;
    }
    Ok(videos(&formats))
}

fn damaged_videos(files: u64, seed: u64) -> Result<Row> {
    let engine = Engine::this_program()?.limits(LIMITS).threads(1);
    let (videos, start) = (all_videos()?, Instant::now());
    println!("videos: {files} of seed {seed}, made of {}", videos.len());
    let ends = convert(&engine, &videos, seed, files, Some(&folder("videos")?));
    for (end, count) in &ends.counts {
        println!("  {count:>6} {end}");
    }
    println!("  the slowest took {:.1} s: {}", ends.slowest.0.as_secs_f64(), ends.slowest.1);
    Ok(Row("videos".into(), files, start.elapsed().as_secs_f64(), ends.found))
}
