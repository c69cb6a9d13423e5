//! Every format that we write, and what the options do to it.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::time::Duration;

use common::{Bytewise, Memory, assert_close, engine, fixture};
use media::{Chapters, Cover, Error, Format, Probe, Rate, Settings, Summary, Track};

const FORMATS: [(Format, &str, &str); 6] = [
    (Format::Mp3, "mp3", "mp3"),
    (Format::M4a, "aac", "mov,mp4,m4a,3gp,3g2,mj2"),
    (Format::Opus, "opus", "ogg"),
    (Format::Ogg, "vorbis", "ogg"),
    (Format::Flac, "flac", "flac"),
    (Format::Wav, "pcm_s16le", "wav"),
];

async fn made(name: &str, settings: Settings) -> (Summary, Vec<u8>) {
    let mut sink = Memory::default();
    let summary = engine().convert(&fixture(name), &settings, &mut sink, |_| ()).await.unwrap();
    assert_eq!(summary.bytes, sink.0.len() as u64);
    (summary, sink.0)
}

async fn probe(bytes: &[u8]) -> Probe {
    engine().probe(&Bytewise::new(bytes.to_vec())).await.unwrap()
}

/// As 16 bits, without the header.
async fn decoded(bytes: &[u8]) -> (Summary, Vec<f64>) {
    let mut sink = Memory::default();
    let settings = Settings { format: Format::Wav, ..Settings::default() };
    let source = Bytewise::new(bytes.to_vec());
    let summary = engine().convert(&source, &settings, &mut sink, |_| ()).await.unwrap();
    let data = sink.0.windows(4).position(|bytes| bytes == b"data").unwrap() + 8;
    let number = |bytes: &[u8]| f64::from(i16::from_le_bytes([bytes[0], bytes[1]]));
    (summary, sink.0[data..].chunks_exact(2).map(number).collect())
}

fn likeness(left: &[f64], right: &[f64]) -> f64 {
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    product(left, right) / (product(left, left) * product(right, right)).sqrt()
}

#[tokio::test]
async fn every_format_holds_the_same_sound_to_the_sample() {
    let (_, reference) = decoded(&std::fs::read(common::path("moov-end.mp4")).unwrap()).await;
    for (format, codec, container) in FORMATS {
        let (summary, bytes) =
            made("moov-end.mp4", Settings { format, sample_rate: None, ..Settings::default() }).await;
        let probe = probe(&bytes).await;
        assert_eq!(probe.container, container, "{format:?}");
        assert_eq!(probe.streams[0].codec, codec);
        assert_eq!(probe.tags["title"], "Two Tones", "{format:?}");
        let (again, pcm) = decoded(&bytes).await;
        assert_eq!(again.duration, summary.duration, "{format:?}");
        assert_eq!(again.warnings, [], "{format:?}");
        if summary.sample_rate == 44100 {
            assert_eq!(pcm.len(), reference.len(), "{format:?}");
            assert!(likeness(&pcm, &reference) > 0.99, "{format:?}: {}", likeness(&pcm, &reference));
        }
    }
}

#[tokio::test]
async fn an_index_that_is_longer_than_any_buffer_is_written_right() {
    let (mut sink, settings) = (Memory::default(), Settings { format: Format::M4a, ..Settings::default() });
    let summary =
        engine().convert(&common::silence::Silence::new(3600), &settings, &mut sink, |_| ()).await.unwrap();
    let silent = vec![media::Warning::Silent { audible: vec![] }];
    assert_eq!((summary.bytes, &summary.warnings), (sink.0.len() as u64, &silent));
    let (again, _) = decoded(&sink.0).await;
    assert_eq!((again.duration.as_secs(), again.warnings), (3600, silent));
}

#[tokio::test]
async fn formats_without_loss_lose_nothing() {
    let (_, reference) = decoded(&std::fs::read(common::path("moov-end.mp4")).unwrap()).await;
    for format in [Format::Flac, Format::Wav] {
        let (_, bytes) = made("moov-end.mp4", Settings { format, ..Settings::default() }).await;
        assert!(decoded(&bytes).await.1 == reference, "{format:?}");
    }
}

#[tokio::test]
async fn a_better_quality_has_more_bytes_in_every_format() {
    for format in [Format::M4a, Format::Opus, Format::Ogg] {
        let bytes =
            async |rate| made("sample.mp4", Settings { format, rate, ..Settings::default() }).await.0.bytes;
        assert!(bytes(Rate::Vbr(1)).await > bytes(Rate::Vbr(8)).await, "{format:?}");
        assert!(bytes(Rate::Cbr(128)).await > bytes(Rate::Cbr(64)).await, "{format:?}");
    }
}

#[tokio::test]
async fn sound_that_is_what_was_asked_for_is_copied() {
    for (name, format) in
        [("moov-end.mp4", Format::M4a), ("video.webm", Format::Opus), ("video.avi", Format::Mp3)]
    {
        let (copied, bytes) = made(name, Settings { format, copy: true, ..Settings::default() }).await;
        let (from, source) = decoded(&std::fs::read(common::path(name)).unwrap()).await;
        let (again, pcm) = decoded(&bytes).await;
        // An AVI doesn't say what an MP3 begins with; the header that the copy gets does: the decoder's own delay.
        let delay = if format == Format::Mp3 { 529 } else { 0 };
        assert!((source.len() / 2 - delay).abs_diff(pcm.len() / 2) < 48, "{name}: {from:?} {again:?}");
        assert!(
            (again.duration.as_secs_f64() - copied.duration.as_secs_f64()).abs() < 0.03,
            "{name}: {copied:?}"
        );
        let likeness = likeness(&pcm, &source[delay * 2..]);
        assert!(likeness > 0.9999, "{name}: {likeness}");
        assert_eq!(copied.warnings, []);
    }
}

#[tokio::test]
async fn a_change_that_is_asked_for_is_not_copied_away() {
    let end = Some(Duration::from_secs(1));
    let settings = Settings { format: Format::M4a, copy: true, end, ..Settings::default() };
    assert_eq!(made("moov-end.mp4", settings).await.0.duration, Duration::from_secs(1));
    let settings = Settings { format: Format::M4a, copy: true, ..Settings::default() };
    assert_close(made("late.mp4", settings).await.0.duration, 4.5, "late");
}

#[tokio::test]
async fn a_track_is_chosen_by_number_or_language() {
    let rate =
        async |track| made("two-sounds.mkv", Settings { track, ..Settings::default() }).await.0.sample_rate;
    assert_eq!(rate(Track::Number(0)).await, 44100);
    assert_eq!(rate(Track::Number(1)).await, 48000);
    assert_eq!(rate(Track::Language("GER".into())).await, 44100);
    assert_eq!(rate(Track::Language("eng".into())).await, 48000);
    let mut sink = Memory::default();
    let settings = Settings { track: Track::Language("fra".into()), ..Settings::default() };
    let missing = engine().convert(&fixture("two-sounds.mkv"), &settings, &mut sink, |_| ()).await;
    assert!(matches!(missing, Err(Error::NoTrack(which)) if which.contains("fra")));
}

#[tokio::test]
async fn the_loudness_is_what_was_asked_for() {
    for target in [-30.0, -16.0, -9.0] {
        let settings = Settings { loudness: Some(target), format: Format::Flac, ..Settings::default() };
        let (summary, pcm) = decoded(&made("sample.mp4", settings).await.1).await;
        let mut meter = ebur128::EbuR128::new(2, summary.sample_rate, ebur128::Mode::I).unwrap();
        let pcm: Vec<f64> = pcm.iter().map(|sample| sample / 32768.0).collect();
        meter.add_frames_f64(&pcm).unwrap();
        let found = meter.loudness_global().unwrap();
        assert!((found - target).abs() < 0.6, "{found} instead of {target}");
        assert_close(summary.duration, 10.008, "levelled");
    }
}

#[tokio::test]
async fn six_channels_are_mixed_without_clipping() {
    let settings = Settings { format: Format::Wav, ..Settings::default() };
    let (_, pcm) = decoded(&made("surround.mp4", settings).await.1).await;
    let full = pcm.iter().filter(|sample| sample.abs() >= 32767.0).count();
    assert_eq!(full, 0);
}

#[tokio::test]
async fn cover_and_chapters_are_kept_where_there_is_a_place() {
    for (format, cover, chapters) in [
        (Format::Mp3, true, 2),
        (Format::M4a, true, 2),
        (Format::Flac, true, 2),
        (Format::Opus, false, 2),
        (Format::Ogg, false, 2),
    ] {
        let (_, bytes) = made("chapters.mp4", Settings { format, ..Settings::default() }).await;
        let probe = probe(&bytes).await;
        assert_eq!((probe.cover, probe.chapters.len()), (cover, chapters), "{format:?}");
        if let Some(second) = probe.chapters.get(1) {
            assert_eq!((second.title.as_str(), second.start), ("Zwei", Duration::from_millis(1500)));
        }
    }
    let settings = Settings { cover: Cover::None, chapters: Chapters::None, ..Settings::default() };
    let probe = probe(&made("chapters.mp4", settings).await.1).await;
    assert_eq!((probe.cover, probe.chapters.len()), (false, 0));
}
