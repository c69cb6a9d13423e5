//! What comes out is what was asked for.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::time::Duration;

use common::{assert_close, convert, engine, fixture};
use media::{Chapters, Error, Format, Kind, Rate, Settings, Silence, Tags, Track, Warning};

#[tokio::test]
async fn every_container_converts_with_its_right_length() {
    let files = [
        ("moov-end.mp4", 4.017),
        ("moov-front.mp4", 4.017),
        ("sample.mp4", 10.008),
        ("surround.mp4", 4.011),
        ("video.avi", 4.049),
        ("video.mkv", 4.005),
        ("video.mov", 4.017),
        ("video.webm", 4.0),
    ];
    for (name, seconds) in files {
        let (summary, mp3) = convert(name, Settings::default()).await.unwrap();
        assert_close(summary.duration, seconds, name);
        assert_eq!(summary.duration, rate(mp3.samples(), summary.sample_rate), "{name}: header and summary");
        assert_eq!((summary.channels, mp3.channels), (2, 2), "{name}");
        assert_eq!(summary.warnings, [], "{name}");
        assert_eq!(summary.codec, "mp3");
    }
}

#[tokio::test]
async fn the_header_frame_counts_the_frames_and_bytes() {
    let (summary, mp3) = convert("moov-end.mp4", Settings::default()).await.unwrap();
    let header = mp3.header.as_ref().unwrap();
    assert_eq!((header.vbr, u64::from(header.frames), header.delay), (true, mp3.frames, 576));
    assert!(u64::from(header.bytes) < summary.bytes && summary.bytes - u64::from(header.bytes) < 4096);
}

#[tokio::test]
async fn the_result_is_read_again_with_the_same_length_to_the_sample() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sound.mp3");
    let mut sink = media::FileSink::create(&path).unwrap();
    let first =
        engine().convert(&fixture("moov-end.mp4"), &Settings::default(), &mut sink, |_| ()).await.unwrap();
    let source = media::FileSource::open(&path).unwrap();
    let probe = engine().probe(&source).await.unwrap();
    assert_eq!((probe.container.as_str(), probe.streams[0].codec.as_str()), ("mp3", "mp3"));
    assert_eq!(probe.tags["title"], "Two Tones");
    let (again, _) = common::convert_source(&source, Settings::default()).await.unwrap();
    assert_eq!(again.duration, first.duration);
}

#[tokio::test]
async fn a_constant_bit_rate_is_constant() {
    let settings = Settings { rate: Rate::Cbr(128), ..Settings::default() };
    let (summary, mp3) = convert("video.webm", settings).await.unwrap();
    assert_eq!(mp3.bitrates, [128]);
    assert!(!mp3.header.unwrap().vbr);
    assert!(summary.bitrate.abs_diff(128_000) < 4000, "{}", summary.bitrate);
}

#[tokio::test]
async fn a_better_quality_has_more_bytes() {
    let bytes = async |quality| {
        let settings = Settings { rate: Rate::Vbr(quality), ..Settings::default() };
        convert("sample.mp4", settings).await.unwrap().0.bytes
    };
    assert!(bytes(0).await > bytes(4).await);
    assert!(bytes(4).await > bytes(9).await);
}

#[tokio::test]
async fn another_sample_rate_has_the_same_length() {
    for sample_rate in [48000, 22050, 8000] {
        let settings = Settings { sample_rate: Some(sample_rate), ..Settings::default() };
        let (summary, mp3) = convert("moov-end.mp4", settings).await.unwrap();
        assert_eq!((summary.sample_rate, mp3.sample_rate), (sample_rate, sample_rate));
        assert_close(summary.duration, 4.017, "resampled");
        assert_eq!(summary.duration, rate(mp3.samples(), sample_rate));
    }
}

#[tokio::test]
async fn one_channel_is_one_channel() {
    let settings = Settings { channels: Some(1), ..Settings::default() };
    let (summary, mp3) = convert("moov-end.mp4", settings).await.unwrap();
    assert_eq!((summary.channels, mp3.channels), (1, 1));
    assert_close(summary.duration, 4.017, "mono");
}

#[tokio::test]
async fn six_channels_become_two() {
    let (summary, mp3) = convert("surround.mp4", Settings::default()).await.unwrap();
    assert_eq!(mp3.channels, 2);
    assert!(summary.source.streams.iter().any(|stream| stream.channels == Some(6)));
}

#[tokio::test]
async fn a_part_is_cut_out_to_the_sample() {
    let (start, end) = (Duration::from_millis(500), Duration::from_millis(2250));
    let settings = Settings { start: Some(start), end: Some(end), ..Settings::default() };
    let (summary, mp3) = convert("moov-end.mp4", settings).await.unwrap();
    assert_eq!(mp3.samples(), 99225 - 22050);
    assert_eq!(summary.duration, end - start);
    assert_eq!(summary.warnings, []);
}

#[tokio::test]
async fn a_start_at_or_behind_the_end_of_the_sound_is_told_with_where_that_is() {
    // By the index of MP4; MP3 to MP3, which would be copied; what only decoding tells; the silence before a late sound counts.
    for (name, copy, starts, end) in [
        ("moov-end.mp4", false, [4.1, 60.0], "0:00:04"),
        ("video.avi", true, [4.1, 3600.0], "0:00:04"),
        ("video.webm", false, [4.1, 60.0], "0:00:04"),
        ("late.mp4", false, [4.6, 60.0], "0:00:04"),
    ] {
        for start in starts {
            let start = Some(Duration::from_secs_f64(start));
            let ended = convert(name, Settings { start, copy, ..Settings::default() }).await;
            assert!(
                matches!(&ended, Err(Error::StartTooLate(at)) if at == end),
                "{name} {start:?}: {ended:?}"
            );
        }
    }
    let whole = convert("moov-end.mp4", Settings::default()).await.unwrap().0.duration;
    let ended = convert("moov-end.mp4", Settings { start: Some(whole), ..Settings::default() }).await;
    assert!(matches!(ended, Err(Error::StartTooLate(_))), "{ended:?}");
    // However it is made.
    let start = Some(Duration::from_secs(60));
    for settings in [
        Settings { loudness: Some(-16.0), ..Settings::default() },
        Settings { silence: Silence::Trim, ..Settings::default() },
        Settings { track: Track::Mix, ..Settings::default() },
        Settings { fade: Some(Duration::from_secs(1)), ..Settings::default() },
        Settings { chapters: Chapters::Split, ..Settings::default() },
        Settings { peaks: true, format: Format::Wav, ..Settings::default() },
    ] {
        let mut sink = common::Memory::default();
        let wanted = Settings { start, ..settings };
        let ended = engine().convert(&fixture("moov-end.mp4"), &wanted, &mut sink, |_| ()).await;
        assert!(matches!(&ended, Err(Error::StartTooLate(_))), "{wanted:?}: {ended:?}");
    }
}

#[tokio::test]
async fn sound_that_starts_late_is_preceded_by_silence() {
    let (summary, _) = convert("late.mp4", Settings::default()).await.unwrap();
    assert_close(summary.duration, 4.5, "late");
}

#[tokio::test]
async fn tags_are_kept_and_given_ones_win() {
    let (_, mp3) = convert("moov-end.mp4", Settings::default()).await.unwrap();
    assert_eq!((mp3.tag["TIT2"].as_str(), mp3.tag["TPE1"].as_str()), ("Two Tones", "Tapedeck"));
    let (_, mp3) = convert("moov-front.mp4", Settings::default()).await.unwrap();
    assert_eq!(mp3.tag["TIT2"], "Zwei Töne");
    let tags = Tags { title: Some("Mine".into()), ..Tags::default() };
    let (_, mp3) = convert("moov-end.mp4", Settings { tags, ..Settings::default() }).await.unwrap();
    assert_eq!((mp3.tag["TIT2"].as_str(), mp3.tag["TALB"].as_str()), ("Mine", "Fixtures"));
    let tags = Tags { keep: false, ..Tags::default() };
    let (_, mp3) = convert("moov-end.mp4", Settings { tags, ..Settings::default() }).await.unwrap();
    assert!(mp3.tag.is_empty());
}

#[tokio::test]
async fn a_probe_tells_streams_tags_and_length() {
    let probe = engine().probe(&fixture("moov-end.mp4")).await.unwrap();
    assert!(probe.container.contains("mp4"));
    assert_close(probe.duration.unwrap(), 4.0, "probe");
    assert_eq!(probe.tags["title"], "Two Tones");
    let kinds: Vec<_> = probe.streams.iter().map(|stream| (stream.kind, stream.codec.as_str())).collect();
    assert_eq!(kinds, [(Kind::Video, "h264"), (Kind::Audio, "aac")]);
    assert_eq!((probe.streams[1].sample_rate, probe.streams[1].channels), (Some(44100), Some(2)));
}

#[tokio::test]
async fn what_cannot_be_converted_is_told_apart() {
    assert!(matches!(convert("silent-movie.mp4", Settings::default()).await, Err(Error::NoAudio)));
    assert!(matches!(convert("text.mp4", Settings::default()).await, Err(Error::Unreadable(_))));
    let unsupported = convert("unsupported.mkv", Settings::default()).await;
    assert!(matches!(unsupported, Err(Error::UnsupportedCodec(codec)) if codec == "wavpack"));
}

#[tokio::test]
async fn a_cut_file_is_converted_as_far_as_it_goes_with_a_warning() {
    let (summary, _) = convert("cut.mp4", Settings::default()).await.unwrap();
    let Some(Warning::Truncated { expected, found }) = summary.warnings.first() else {
        panic!("{:?}", summary.warnings);
    };
    assert_close(*expected, 4.0, "expected");
    assert_close(*found, summary.duration.as_secs_f64(), "found");
    assert!(*found < Duration::from_secs(3));
}

#[tokio::test]
async fn a_cut_matroska_file_has_a_warning_too() {
    let bytes = std::fs::read(common::path("video.mkv")).unwrap();
    let source = common::Bytewise::new(bytes[..bytes.len() / 2].to_vec());
    let (summary, _) = common::convert_source(&source, Settings::default()).await.unwrap();
    assert!(matches!(summary.warnings[..], [Warning::Truncated { .. }]), "{:?}", summary.warnings);
}

#[tokio::test]
async fn sound_that_is_shorter_than_the_pictures_is_no_cut() {
    let (summary, _) = convert("short-sound.mkv", Settings::default()).await.unwrap();
    assert_close(summary.duration, 4.04, "short sound");
    assert_eq!(summary.warnings, []);
}

#[tokio::test]
async fn a_part_of_a_cut_file_that_is_there_has_no_warning() {
    let settings = Settings { end: Some(Duration::from_secs(1)), ..Settings::default() };
    let (summary, _) = convert("cut.mp4", settings).await.unwrap();
    assert_eq!((summary.duration, summary.warnings), (Duration::from_secs(1), vec![]));
}

fn rate(samples: u64, sample_rate: u32) -> Duration {
    Duration::from_nanos(samples * 1_000_000_000 / u64::from(sample_rate))
}

#[tokio::test]
async fn floats_that_are_no_sound_spoil_none_that_is() {
    let folder = tempfile::tempdir().unwrap();
    let mp3 = folder.path().join("sound.mp3");
    for absurd in [f32::NAN, f32::INFINITY, f32::MIN, 1e30] {
        let tone = |place: u16| 0.5 * (f32::from(place) / 20.0).sin();
        let samples =
            (0..44_100).map(|place| if place < 22_050 && place % 1000 < 500 { absurd } else { tone(place) });
        let data: Vec<u8> = samples.flat_map(f32::to_le_bytes).collect();
        let format = b"WAVEfmt \x10\0\0\0\x03\0\x01\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x20\0data";
        let length = |bytes: usize| (bytes as u32).to_le_bytes();
        let wav = [b"RIFF".as_slice(), &length(36 + data.len()), format, &length(data.len()), &data].concat();
        for loudness in [None, Some(-12.0)] {
            let settings = Settings { loudness, ..Settings::default() };
            let mut sink = media::FileSink::create(&mp3).unwrap();
            let source = common::Bytewise::new(wav.clone());
            engine().convert(&source, &settings, &mut sink, |_| ()).await.unwrap();
            let decoded = common::compare::decoded_by_ffmpeg(&mp3, 44100, 1);
            assert_eq!(decoded.len(), 44_100);
            let peak = decoded[30_000..40_000].iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
            assert!((0.3..1.0).contains(&peak), "{absurd}, {loudness:?}: {peak}");
        }
    }
}
