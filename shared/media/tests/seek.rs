//! A start far into a file is gone to, and gives the same samples as decoding all that is before it.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::time::Duration;

use common::recipe::{Recipe, peak};
use media::{Error, Settings};

/// How many samples of one channel are decoded beyond the start to compare.
const COMPARED: f64 = 2.0;

/// `skips`: less of the file is read than for all of it.
async fn compare(recipe: &Recipe, name: &str, settings: Settings, most: f32, skips: bool) {
    let (all, whole) = recipe.samples(name, settings.clone()).await;
    let channels = usize::from(all.channels);
    for start in [41.25, 90.001, 113.7] {
        let (from, to) = (Duration::from_secs_f64(start), Duration::from_secs_f64(start + COMPARED));
        let wanted = Settings { start: Some(from), end: Some(to), ..settings.clone() };
        let (summary, part) = recipe.samples(name, wanted).await;
        let first = (start * f64::from(all.sample_rate)).round() as usize * channels;
        let expected = &whole[first..first + part.len()];
        assert_eq!(part.len(), (COMPARED * f64::from(all.sample_rate)) as usize * channels, "{name}");
        let differences: Vec<f32> = part.iter().zip(expected).map(|(a, b)| a - b).collect();
        assert!(
            peak(&differences) <= most,
            "{name} at {start}: {} of {}",
            peak(&differences),
            peak(expected)
        );
        assert!(peak(expected) > 0.1, "{name}");
        assert_eq!(summary.warnings, all.warnings, "{name}");
        // Pictures and all: a few seconds, an index, and what is at the start.
        let share = summary.source_bytes_read as f64 / all.source_bytes_read as f64;
        assert!(share < 0.7 || !skips, "{name} at {start}: {share}");
    }
}

async fn is_the_same(recipe: &Recipe, name: &str, settings: Settings, most: f32) {
    compare(recipe, name, settings, most, true).await;
}

/// Two minutes of pictures and of tones that never repeat.
fn made(codec: &str, rate: u32, name: &str) -> Recipe {
    let recipe = Recipe::empty();
    let tones = "aevalsrc=0.3*sin(2000*t+20*sin(t))|0.2*sin(3000*t+t*t)";
    let pictures = "-f lavfi -i testsrc2=s=160x120:r=10:d=120 -c:v mpeg4 -b:v 600k -g 50";
    let pictures = pictures.split_once(" -c:v").unwrap();
    recipe.run(
        &format!(
            "{} -f lavfi -i {tones}:s={rate}:d=120 -strict -2 -c:v{} -c:a {codec}",
            pictures.0, pictures.1
        ),
        name,
    );
    recipe
}

#[tokio::test]
async fn in_mp4_it_is_exact_to_the_bit() {
    for codec in ["aac -aac_pns 0", "libmp3lame"] {
        is_the_same(&made(codec, 44100, "long.mp4"), "long.mp4", Settings::default(), 0.0).await;
    }
    is_the_same(&made("pcm_s16le", 44100, "long.mov"), "long.mov", Settings::default(), 0.0).await;
}

#[tokio::test]
async fn in_matroska_it_is_exact_though_times_are_rounded() {
    for codec in ["aac -aac_pns 0", "libmp3lame"] {
        is_the_same(&made(codec, 44100, "long.mkv"), "long.mkv", Settings::default(), 0.0).await;
    }
}

#[tokio::test]
async fn what_cannot_be_gone_to_is_decoded_from_the_start() {
    // libav's parser of FLAC gives other times to frames behind a jump; the blocks of Vorbis are of two lengths.
    for (codec, name) in [
        ("alac -sample_fmt s16p", "long.mp4"),
        ("flac -sample_fmt s16", "long.mkv"),
        ("libvorbis", "long.mkv"),
        ("libmp3lame", "long.avi"),
    ] {
        compare(&made(codec, 44100, name), name, Settings::default(), 0.0, false).await;
    }
}

#[tokio::test]
async fn a_start_behind_the_end_is_told_with_where_that_is() {
    for name in ["long.mp4", "long.mkv", "long.ts"] {
        let recipe = made("aac", 48000, name);
        for start in [121, 7200] {
            let start = Some(Duration::from_secs(start));
            let ended = recipe.convert(name, Settings { start, ..Settings::default() }).await;
            assert!(matches!(&ended, Err(Error::StartTooLate(at)) if at == "0:02:00"), "{name}: {ended:?}");
        }
    }
}

#[tokio::test]
async fn in_transport_streams_it_is_exact() {
    for codec in ["aac -aac_pns 0", "mp2"] {
        is_the_same(&made(codec, 48000, "long.ts"), "long.ts", Settings::default(), 0.0).await;
    }
}

#[tokio::test]
async fn frames_that_are_longer_than_the_shortest_hole_leave_none() {
    for name in ["long.mp4", "long.mkv", "long.ts"] {
        is_the_same(&made("aac -aac_pns 0", 16000, name), name, Settings::default(), 0.0).await;
    }
    let codec = "libopus -frame_duration 120 -application audio";
    is_the_same(&made(codec, 48000, "long.mkv"), "long.mkv", Settings::default(), 0.02).await;
}

#[tokio::test]
async fn decoders_that_remember_for_long_come_close() {
    // Opus converges; the noise that AC-3 and AAC put where nothing was kept is another each time.
    for (codec, name) in [("libopus", "long.webm"), ("ac3", "long.mkv"), ("aac", "long.mp4")] {
        let codec =
            if name == "long.webm" { "libopus -c:v libvpx -deadline realtime -b:v 500k" } else { codec };
        is_the_same(&made(codec, 48000, name), name, Settings::default(), 0.02).await;
    }
}

#[tokio::test]
async fn another_sample_rate_has_the_same_samples() {
    let settings = Settings { sample_rate: Some(48000), ..Settings::default() };
    is_the_same(&made("aac -aac_pns 0", 44100, "long.mp4"), "long.mp4", settings.clone(), 0.0001).await;
    is_the_same(&made("aac -aac_pns 0", 44100, "long.mkv"), "long.mkv", settings, 0.0001).await;
}

#[tokio::test]
async fn late_sound_and_holes_are_where_they_were() {
    let recipe = made("aac -aac_pns 0", 48000, "long.mp4");
    recipe.run("-i long.mp4 -itsoffset 2.5 -i long.mp4 -map 0:v -map 1:a -c copy -t 120", "late.mp4");
    recipe.run("-i long.mp4 -map 0 -c copy -bsf:a noise=drop='between(pts*tb,20,25)'", "gap.mp4");
    for name in ["late.mp4", "gap.mp4"] {
        let (all, whole) = recipe.samples(name, Settings::default()).await;
        let start = Duration::from_secs(80);
        let (_, part) = recipe.samples(name, Settings { start: Some(start), ..Settings::default() }).await;
        let (first, channels) = (80 * 48000 * 2, usize::from(all.channels));
        assert_eq!(channels, 2);
        let near = (0..200).map(|shift: usize| {
            let from = first + shift * 2 - 200;
            let difference = part.iter().zip(&whole[from..]).take(48000).map(|(a, b)| (a - b).abs());
            (difference.fold(0.0_f32, f32::max), shift)
        });
        let (difference, shift) = near.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        assert!(difference < 0.001 && shift.abs_diff(100) <= 48, "{name}: {difference} at {shift}");
    }
}
