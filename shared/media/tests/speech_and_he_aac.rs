//! Sound that ffmpeg can't write, of phones and of low-rate streams, decoded by us and by ffmpeg.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::disallowed_methods, reason = "ffmpeg makes some of the files")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::assert_close;
use common::compare::{compare, decoded};

/// Whether `file` becomes sound of this codec, rate in Hz, number of channels and length in seconds, as ffmpeg decodes it.
async fn holds(file: &Path, codec: &str, (rate, channels): (u32, u8), seconds: f64) {
    let row = compare(file).await.unwrap().unwrap();
    assert!(!row.is_wrong(), "{row:?}");
    let (name, summary) = (&row.file, &row.summary);
    assert_eq!((summary.sample_rate, summary.channels), (rate, channels), "{name}");
    assert_eq!(summary.source.streams[0].codec, codec, "{name}");
    assert_close(summary.duration, seconds, name);
    assert_eq!(summary.warnings, [], "{name}");
}

async fn fixture_holds(name: &str, codec: &str, shape: (u32, u8), seconds: f64) {
    holds(&common::path(name), codec, shape, seconds).await;
}

#[tokio::test]
async fn he_aac_has_its_full_rate() {
    fixture_holds("he-aac-v1.mp4", "aac", (44100, 2), 2.65).await;
    fixture_holds("he-aac-v1.aac", "aac", (44100, 2), 2.65).await;
}

#[tokio::test]
async fn he_aac_v2_has_its_full_rate_and_both_channels() {
    fixture_holds("he-aac-v2.mp4", "aac", (44100, 2), 2.69).await;
    fixture_holds("he-aac-v2.aac", "aac", (44100, 2), 2.69).await;
}

/// The sound of `fixture` in an MP4 that doesn't say what its AAC is made of: half the rate, and for v2 half the channels.
fn unsaid(fixture: &str, folder: &Path) -> PathBuf {
    let file = folder.join(fixture).with_extension("mp4");
    let mut command = Command::new("ffmpeg");
    command
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(common::path(fixture))
        .args(["-c", "copy"])
        .arg(&file);
    assert!(command.status().unwrap().success());
    file
}

#[tokio::test]
async fn he_aac_that_does_not_say_so_has_its_full_rate_too() {
    let folder = tempfile::tempdir().unwrap();
    for (fixture, seconds) in [("he-aac-v1.aac", 2.65), ("he-aac-v2.aac", 2.69)] {
        holds(&unsaid(fixture, folder.path()), "aac", (44100, 2), seconds).await;
    }
}

#[tokio::test]
async fn the_two_channels_of_he_aac_v2_differ() {
    let pcm = decoded(&common::path("he-aac-v2.mp4")).await.unwrap().1;
    let apart = pcm.chunks_exact(2).filter(|pair| (pair[0] - pair[1]).abs() > 0.05).count();
    assert!(apart > pcm.len() / 8, "{apart} of {}", pcm.len() / 2);
}

#[tokio::test]
async fn amr_of_phones_is_decoded() {
    for container in ["3gp", "amr"] {
        fixture_holds(&format!("amr-nb.{container}"), "amr_nb", (8000, 1), 2.5).await;
        fixture_holds(&format!("amr-wb.{container}"), "amr_wb", (16000, 1), 2.5).await;
    }
}
