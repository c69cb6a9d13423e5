//! Every container and codec that ffmpeg can make, decoded by us and by ffmpeg: the same length, level and sound.
//!
//! The result is `FORMATS.md`. The test fails if the table is not what it found; the new one is then in
//! `target/formats/FORMATS.md`, to be looked at and copied.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]
#![expect(clippy::disallowed_methods, reason = "the test compares with ffmpeg's own program")]

mod common;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Memory, engine};
use media::{FileSource, Format, Settings};

const HEAD: &str = "# What goes in

Made by `tests/formats.rs`: every container and codec that the ffmpeg at hand can write, three seconds each, converted by
the engine to WAV and decoded by ffmpeg's own program; what that can't read itself is left out. *Level* is ours against ffmpeg's in dB, *likeness* the
correlation of the two. Six and eight channels are mixed down to two by both. Codecs that this ffmpeg cannot write but
the engine reads (`native/parts.txt`): HE-AAC v1 and v2, AMR, WMA Pro, WMA Lossless, WMA Voice, MP1, G.726 little-endian and
the rarer kinds of PCM and ADPCM.

| container | codec | channels | seconds | level | likeness |
|---|---|---|---|---|---|
";
/// What ffmpeg's program decodes and we don't.
const NOT_YET: [&str; 2] = ["ac3.2.m2ts", "eac3.2.m2ts"];
/// We keep the silence before sound that starts after the picture; it is known to so many samples.
const NEAR: usize = 64;

/// What the comparison says.
#[derive(Debug)]
struct Row {
    file: String,
    channels: u32,
    seconds: f64,
    missing: f64,
    level: f64,
    likeness: f64,
}

#[tokio::test]
async fn every_container_and_codec_sounds_as_ffmpeg_decodes_it() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("formats");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/make.sh");
    // Made once: it takes about a minute. The folder holds the script that made it.
    if fs::read(folder.join("made-by")).ok() != fs::read(&script).ok() {
        let made = Command::new("sh").arg(&script).arg(&folder).status().unwrap();
        assert!(made.success(), "the files could not be made; is ffmpeg installed?");
        fs::copy(&script, folder.join("made-by")).unwrap();
    }
    let mut files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension != "md"));
    files.sort_by_key(|file| (file.extension().unwrap().to_owned(), file.file_name().unwrap().to_owned()));
    assert!(files.len() > 100, "only {} files", files.len());
    let (mut table, mut wrong) = (HEAD.to_owned(), Vec::new());
    for file in &files {
        match compare(file).await {
            Ok(None) => {}
            Ok(Some(row)) => {
                writeln!(table, "{}", line(&row)).unwrap();
                if row.likeness < 0.99 || row.level.abs() > 0.3 || row.missing.abs() > 0.05 {
                    wrong.push(format!("{row:?}"));
                }
            }
            Err(_) if NOT_YET.iter().any(|name| file.ends_with(name)) => {
                let name = file.file_name().unwrap().to_string_lossy();
                let codec = name.split('.').next().unwrap();
                writeln!(table, "| m2ts | {codec} | 2 | **not yet decoded** | | |").unwrap();
            }
            Err(error) => wrong.push(format!("{}: {error}", file.display())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("FORMATS.md");
    let new = folder.join("FORMATS.md");
    fs::write(&new, &table).unwrap();
    let same = fs::read_to_string(&kept).is_ok_and(|old| old == table);
    assert!(same, "{} is out of date; look at {} and copy it", kept.display(), new.display());
}

fn line(row: &Row) -> String {
    let mut name = row.file.split('.');
    let (codec, _, container) = (name.next().unwrap(), name.next(), name.next().unwrap());
    let codec = codec.strip_prefix("lib").unwrap_or(codec);
    let Row { channels, seconds, level, likeness, .. } = row;
    // No "-0.0".
    let level = (level * 10.0).round() / 10.0 + 0.0;
    format!("| {container} | {codec} | {channels} | {seconds:.2} | {level:.1} | {likeness:.3} |")
}

/// `None` if ffmpeg itself can't read what it wrote.
async fn compare(file: &Path) -> Result<Option<Row>, String> {
    if decoded_by_ffmpeg(file, 8000, 1).len() < 20_000 {
        return Ok(None);
    }
    let source = FileSource::open(file).unwrap();
    let mut sink = Memory::default();
    let settings = Settings { format: Format::Wav, ..Settings::default() };
    let summary = engine()
        .convert(&source, &settings, &mut sink, |_| ())
        .await
        .map_err(|error| format!("{error:?}"))?;
    let channels = usize::from(summary.channels);
    let ours = samples(&sink.0, channels);
    let theirs = decoded_by_ffmpeg(file, summary.sample_rate, channels);
    let rate = f64::from(summary.sample_rate);
    let shift = if likeness(&ours, &theirs) > 0.99 { 0 } else { best_shift(&ours, &theirs, channels) };
    let ours = &ours[(shift * channels).min(ours.len())..];
    Ok(Some(Row {
        file: file.file_name().unwrap().to_string_lossy().into_owned(),
        channels: summary.source.streams.iter().find_map(|stream| stream.channels).unwrap(),
        seconds: summary.duration.as_secs_f64(),
        missing: (theirs.len() as f64 - ours.len() as f64) / channels as f64 / rate,
        level: 10.0 * (energy(ours) / energy(&theirs)).log10(),
        likeness: likeness(ours, &theirs),
    }))
}

fn decoded_by_ffmpeg(file: &Path, rate: u32, channels: usize) -> Vec<f32> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "quiet", "-nostdin", "-i"]).arg(file).args(["-map", "0:a:0", "-f", "f32le"]);
    command.args(["-ar", &rate.to_string(), "-ac", &channels.to_string(), "-c:a", "pcm_f32le", "-"]);
    let output = command.output().unwrap();
    output.stdout.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

/// Of a WAV of 16 or 24 bits.
fn samples(wav: &[u8], channels: usize) -> Vec<f32> {
    let at = |offset: usize| u32::from_le_bytes(wav[offset..offset + 4].try_into().unwrap()) as usize;
    let mut chunk = 12;
    let mut width = 2;
    while &wav[chunk..chunk + 4] != b"data" {
        if &wav[chunk..chunk + 4] == b"fmt " {
            width = usize::from(wav[chunk + 22]) / 8;
            assert_eq!(usize::from(wav[chunk + 10]), channels);
        }
        chunk += 8 + at(chunk + 4);
    }
    assert_eq!(at(chunk + 4), wav.len() - chunk - 8, "the header tells the length");
    let number = |bytes: &[u8]| match bytes {
        [low, high] => f32::from(i16::from_le_bytes([*low, *high])) / 32768.0,
        [low, middle, high] => (i32::from_le_bytes([0, *low, *middle, *high]) >> 8) as f32 / 8_388_608.0,
        _ => panic!("{width} bytes a sample"),
    };
    wav[chunk + 8..].chunks_exact(width).map(number).collect()
}

fn energy(pcm: &[f32]) -> f64 {
    pcm.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / pcm.len().max(1) as f64
}

fn likeness(left: &[f32], right: &[f32]) -> f64 {
    let length = left.len().min(right.len());
    let both: f64 = left.iter().zip(right).map(|(left, right)| f64::from(*left) * f64::from(*right)).sum();
    both / length.max(1) as f64 / (energy(&left[..length]) * energy(&right[..length])).sqrt().max(1e-12)
}

/// By how many samples ours starts later: about as many as it has more.
fn best_shift(ours: &[f32], theirs: &[f32], channels: usize) -> usize {
    let window = &theirs[..theirs.len().min(4000)];
    let of = |shift: &usize| likeness(&ours[(shift * channels).min(ours.len())..], window);
    let more = ours.len().saturating_sub(theirs.len()) / channels;
    (more.saturating_sub(NEAR)..=more + NEAR)
        .max_by(|left, right| of(left).total_cmp(&of(right)))
        .unwrap_or(0)
}
