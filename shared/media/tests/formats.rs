//! Every container and codec that ffmpeg can make, decoded by us and by ffmpeg: the same length, level and sound.
//!
//! The result is `FORMATS.md`. The test fails if the table is not what it found; the new one is then in
//! `target/formats/FORMATS.md`, to be looked at and copied.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::disallowed_methods, reason = "the test compares with ffmpeg's own program")]

mod common;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::compare::{Row, compare};

const HEAD: &str = "# What goes in

Made by `tests/formats.rs`: every container and codec that the ffmpeg at hand can write, three seconds each, converted by
the engine to WAV and decoded by ffmpeg's own program; what that can't read itself is left out. *Level* is ours against ffmpeg's in dB, *likeness* the
correlation of the two. Six and eight channels are mixed down to two by both. What the engine reads (`native/parts.txt`) but
this ffmpeg cannot write: HE-AAC v1 and v2, AMR-NB and AMR-WB, which `tests/speech_and_he_aac.rs` compares in the same way;
and WMA Pro, WMA Lossless, WMA Voice, MP1, G.726 little-endian and the rarer kinds of PCM and ADPCM, which no test has.

| container | codec | channels | seconds | level | likeness |
|---|---|---|---|---|---|
";

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
                if row.is_wrong() {
                    wrong.push(format!("{row:?}"));
                }
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
    let Row { summary, level, likeness, .. } = row;
    let channels = summary.source.streams.iter().find_map(|stream| stream.channels).unwrap();
    let seconds = summary.duration.as_secs_f64();
    // No "-0.0".
    let level = (level * 10.0).round() / 10.0 + 0.0;
    format!("| {container} | {codec} | {channels} | {seconds:.2} | {level:.1} | {likeness:.3} |")
}
