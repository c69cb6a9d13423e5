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

/// What this table of containers and codecs has no column for. Each names its test.
const KINDS: &str = "
## Beyond plain files

Recordings that are odd in another way than by container and codec, what comes out of them, and the test that holds it.

| recording | result | test |
|---|---|---|
| a hole in the sound | silence of its length, and a warning | `times`: `a_hole_in_the_sound_stays_as_silence_with_a_warning` |
| packets that a call did not send | their time, as silence | `times`: `lost_packets_of_a_call_add_up_to_their_time` |
| recordings in a row, clocks that start again or wrap | all the sound | `times`: `recordings_in_a_row_are_all_there_decoded_and_copied` |
| a clock that jumps ahead | no silence of hours | `times`: `a_clock_that_jumps_ahead_leaves_no_silence` |
| sound that begins late | silence before it | `times`: `sound_that_begins_long_after_the_pictures_is_found` |
| a stream that takes over from another | both, one after the other | `times`: `a_sound_that_takes_over_is_gone_on_with` |
| several tracks marked as default | the first | `sounds`: `of_equals_the_first_is_taken_whatever_its_bits` |
| a silent track among others | a warning that names those with sound | `sounds`: `a_silent_sound_among_others_says_which_have_something` |
| PCM in ISO files (`ipcm`, `fpcm`) | the sound | `sounds`: `uncompressed_sound_of_iso_files_is_the_sound` |
| 9 to 60 channels, ambisonics | mixed down to two | `sounds`: `many_channels_are_mixed` |
| channels that come and go | mixed without clipping | `sounds`: `channels_that_come_and_go_are_mixed_without_distortion` |
| encrypted: CENC, Matroska, ASF, scrambled broadcasts | `encrypted`, a failure | `sounds`: `sound_under_a_key_is_copy_protected` |
| compressed Matroska tracks | the sound | `hidden`: `compressed_tracks_of_matroska_are_the_sound` |
| a compressed `moov` | the sound | `hidden`: `an_mp4_with_a_compressed_index_is_read` |
| a codec that is not known | `unsupported_codec` with its four letters | `sounds`: `unknown_kinds_are_named_by_their_letters` |
| a cover that has no room, or of another kind | a warning | `tags`: `a_cover_that_has_no_room_is_told` |
| more chapters than there is sound | those within it | `tags`: `chapters_beyond_what_there_is_are_left_out` |
| ten hours of AVI, FLV, fragmented MP4, Matroska | within 40 MiB | `unindexed`: `ten_hours_of_avi_take_little_memory` |
";

#[test]
fn each_kind_beyond_plain_files_names_a_test_that_is_there() {
    let rows = KINDS.lines().filter(|line| line.contains("`: `"));
    let names: Vec<_> = rows.filter_map(|row| row.rsplit(" | ").next()?.split_once("`: `")).collect();
    assert!(names.len() > 15);
    for (file, test) in names {
        let (file, test) = (file.trim_start_matches('`'), test.trim_end_matches("` |"));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/{file}.rs"));
        assert!(fs::read_to_string(path).unwrap().contains(&format!("fn {test}(")), "{file}: {test}");
    }
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
                if row.is_wrong() {
                    wrong.push(format!("{row:?}"));
                }
            }
            Err(error) => wrong.push(format!("{}: {error}", file.display())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    table += KINDS;
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
