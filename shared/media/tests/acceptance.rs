//! What others make of our results: `mp3val`, `lame`, `flac` and ffmpeg find nothing to say, and every sample.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]
#![expect(clippy::disallowed_methods, reason = "the programs of others are what we ask")]

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::{Bytewise, engine};
use media::{FileSink, Format, Rate, Settings, Tags};

/// Samples of one channel: an odd number, and several segments of an MP3.
fn length(rate: u32) -> u32 {
    if rate >= 32000 { 1_000_003 } else { 500_003 }
}

/// WAV of 16 bits: a tone that comes and goes, and a hiss.
fn wav(rate: u32, channels: u16) -> Vec<u8> {
    let (bytes, align) = (length(rate) * u32::from(channels) * 2, channels * 2);
    let mut wav = b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\x01\0".to_vec();
    wav.extend(channels.to_le_bytes());
    wav.extend([rate, rate * u32::from(align)].iter().flat_map(|number| number.to_le_bytes()));
    wav.extend([align, 16].iter().flat_map(|number| number.to_le_bytes()));
    wav.extend(b"data");
    wav.extend(bytes.to_le_bytes());
    let mut random = 1_u32;
    for place in 0..length(rate) * u32::from(channels) {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let time = f64::from(place / u32::from(channels)) / f64::from(rate);
        let tone = (time * 440.0 * std::f64::consts::TAU).sin() * (time * 3.0).sin() * 9000.0;
        wav.extend((tone as i16 + (random >> 22) as i16 - 512).to_le_bytes());
    }
    wav
}

/// Converts the sound into `file`.
async fn convert(rate: u32, channels: u16, settings: &Settings, file: &Path) {
    let mut sink = FileSink::create(file).unwrap();
    let summary =
        engine().convert(&Bytewise::new(wav(rate, channels)), settings, &mut sink, |_| ()).await.unwrap();
    assert_eq!((u32::from(summary.channels), summary.warnings.len()), (channels.into(), 0));
}

/// What a program says about `file`. That it is there is the business of tests/servers/install.sh.
fn ask(program: &str, arguments: &[&str], file: &Path) -> Output {
    let arguments =
        arguments.iter().map(|word| if *word == "FILE" { file.as_os_str() } else { word.as_ref() });
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program} can't be started: {error}"));
    assert!(output.status.success(), "{program}: {output:?}");
    output
}

/// How many samples of one channel ffmpeg decodes, at their own rate, without a word.
fn samples_for_ffmpeg(file: &Path, channels: u16) -> usize {
    // Of a plain WAV it would say that it guesses what its one channel is.
    let read = ["-v", "warning", "-nostdin", "-guess_layout_max", "0", "-i", "FILE"];
    let output = ask("ffmpeg", &[&read[..], &["-c:a", "pcm_s16le", "-f", "s16le", "-"]].concat(), file);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{file:?}");
    output.stdout.len() / 2 / usize::from(channels)
}

async fn mp3_is_accepted(bits: Rate, rate: u32, channels: u16) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sound.mp3");
    // Without a tag mp3val asks where it is.
    let tags = Tags { title: Some("Hiss".into()), ..Tags::default() };
    let settings = Settings { rate: bits, tags, ..Settings::default() };
    settings.check().unwrap();
    convert(rate, channels, &settings, &file).await;
    let what = format!("{bits:?}, {rate} Hz, {channels} channels");
    let said = ask("mp3val", &["FILE"], &file);
    let said = String::from_utf8_lossy(&said.stdout);
    assert!(said.contains("INFO:") && !said.contains("WARNING") && !said.contains("ERROR"), "{what}: {said}");
    let decoded = ask("lame", &["--quiet", "--decode", "-t", "FILE", "-"], &file).stdout;
    let expected = length(rate) as usize;
    assert_eq!(decoded.len() / 2 / usize::from(channels), expected, "lame, {what}");
    assert_eq!(samples_for_ffmpeg(&file, channels), expected, "ffmpeg, {what}");
}

#[tokio::test]
async fn mp3s_of_every_quality_are_accepted_to_the_sample() {
    for bits in [Rate::Vbr(0), Rate::Vbr(9), Rate::Cbr(128), Rate::Cbr(320), Rate::Abr(160)] {
        for channels in [1, 2] {
            mp3_is_accepted(bits, 44100, channels).await;
        }
    }
}

#[tokio::test]
async fn mp3s_of_every_generation_are_accepted_to_the_sample() {
    for rate in [44100, 48000, 22050, 8000] {
        for channels in [1, 2] {
            mp3_is_accepted(Rate::Vbr(2), rate, channels).await;
        }
    }
    mp3_is_accepted(Rate::Cbr(64), 22050, 2).await;
    mp3_is_accepted(Rate::Cbr(32), 8000, 1).await;
}

#[tokio::test]
async fn all_other_formats_are_accepted_to_the_sample() {
    let folder = tempfile::tempdir().unwrap();
    for (format, name) in [
        (Format::M4a, "sound.m4a"),
        (Format::Opus, "sound.opus"),
        (Format::Ogg, "sound.ogg"),
        (Format::Flac, "sound.flac"),
        (Format::Wav, "sound.wav"),
    ] {
        for channels in [1, 2] {
            let file = folder.path().join(name);
            convert(48000, channels, &Settings { format, ..Settings::default() }, &file).await;
            let (found, expected) = (samples_for_ffmpeg(&file, channels), length(48000) as usize);
            // ffmpeg's own M4A too comes back with the last frame whole: it keeps what the edit list leaves of it.
            let expected = if format == Format::M4a { expected.next_multiple_of(1024) } else { expected };
            assert_eq!(found, expected, "{format:?}");
        }
    }
    ask("flac", &["--test", "--silent", "--warnings-as-errors", "FILE"], &folder.path().join("sound.flac"));
}
