//! Times that people's files have: holes, late starts, clocks that restart, sounds that take turns.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::assert_close;
use common::recipe::{Recipe, codes, decoded, peak};
use media::{Format, Settings, Warning};

fn copying(format: Format) -> Settings {
    Settings { format, copy: true, ..Settings::default() }
}

#[tokio::test]
async fn a_hole_in_the_sound_stays_as_silence_with_a_warning() {
    let recipe = Recipe::new();
    recipe.run("-i a.mp4 -map 0 -c copy -bsf:a noise=drop='between(pts*tb,4,7)'", "gap.mp4");
    for name in ["gap.mp4", "gap.mkv", "gap.ts", "gap.flv", "fragments.mp4"] {
        let fragments = if name == "fragments.mp4" { " -movflags frag_keyframe+empty_moov" } else { "" };
        if name != "gap.mp4" {
            recipe.run(&format!("-i gap.mp4 -map 0 -c copy{fragments}"), name);
        }
        let (summary, pcm) = recipe.samples(name, Settings::default()).await;
        assert_close(summary.duration, 10.0, name);
        assert_eq!(codes(&summary), ["holes"], "{name}");
        let second = |from: f32, to: f32| peak(&pcm[(from * 48000.0) as usize..(to * 48000.0) as usize]);
        assert!(second(3.0, 3.9) > 0.05 && second(7.1, 9.0) > 0.05, "{name}");
        assert!(second(4.1, 6.9) < 0.001, "{name}: {}", second(4.1, 6.9));
        let Warning::Holes { count: 1, silence } = summary.warnings[0] else { panic!("{summary:?}") };
        assert_close(silence, 3.0, name);
    }
}

#[tokio::test]
async fn a_copy_keeps_a_hole_as_long_as_decoding_does() {
    let recipe = Recipe::new();
    recipe.run("-i a.mp4 -map 0 -c copy -bsf:a noise=drop='between(pts*tb,4,7)'", "gap.mp4");
    let (copied, bytes) = recipe.convert("gap.mp4", copying(Format::M4a)).await.unwrap();
    assert_eq!(copied.codec, "aac");
    assert_close(copied.duration, 10.0, "copied");
    assert_eq!(codes(&copied), ["holes"]);
    assert_close(decoded(&bytes).await.0.duration, 10.0, "decoded again");
}

#[tokio::test]
async fn lost_packets_of_a_call_add_up_to_their_time() {
    let recipe = Recipe::new();
    // One in five, as on a bad line.
    recipe
        .run("-f lavfi -i sine=440:d=20:r=48000 -c:a libopus -bsf:a noise=drop='not(mod(n,5))'", "call.webm");
    let (summary, _) = recipe.samples("call.webm", Settings::default()).await;
    assert!((19.9..20.1).contains(&summary.duration.as_secs_f64()), "{summary:?}");
    assert_eq!(codes(&summary), ["holes"]);
}

#[tokio::test]
async fn a_file_in_a_loop_is_as_long_as_its_pictures() {
    let recipe = Recipe::new();
    recipe.run("-i a.mp4 -t 2 -c copy", "two.mp4").run("-stream_loop 49 -i two.mp4 -c copy", "loop.mp4");
    let (summary, _) = recipe.samples("loop.mp4", Settings::default()).await;
    let pictures = summary.source.duration.unwrap().as_secs_f64();
    assert!((summary.duration.as_secs_f64() - pictures).abs() < 0.3, "{pictures}: {summary:?}");
}

#[tokio::test]
async fn recordings_in_a_row_are_all_there_decoded_and_copied() {
    let recipe = Recipe::new();
    recipe.run("-i a.mp4 -map 0 -c copy", "s.ts");
    recipe.run("-i a.mp4 -map 0 -c copy -output_ts_offset 95440", "wraps.ts");
    let one = recipe.read("s.ts");
    recipe.write("joined.ts", &[&one[..], &one].concat());
    recipe.run("-f lavfi -i sine=440:d=10:r=48000 -c:a libopus", "one.opus");
    recipe.run("-f lavfi -i sine=880:d=10:r=48000 -c:a libopus", "two.opus");
    recipe.write("radio.opus", &[recipe.read("one.opus"), recipe.read("two.opus")].concat());
    for (name, seconds, format) in [
        ("joined.ts", 20.06, Format::M4a),
        ("wraps.ts", 10.03, Format::M4a),
        ("radio.opus", 20.0, Format::Opus),
    ] {
        let (decoded_first, _) = recipe.samples(name, Settings::default()).await;
        assert!((decoded_first.duration.as_secs_f64() - seconds).abs() < 0.1, "{name}: {decoded_first:?}");
        let (copied, bytes) = recipe.convert(name, copying(format)).await.unwrap();
        assert!((copied.duration.as_secs_f64() - seconds).abs() < 0.1, "{name}, copied: {copied:?}");
        let again = decoded(&bytes).await.0;
        assert!((again.duration.as_secs_f64() - seconds).abs() < 0.1, "{name}, again: {again:?}");
        assert_eq!(codes(&copied), codes(&decoded_first), "{name}");
    }
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_leaves_no_silence() {
    let recipe = Recipe::new();
    recipe.run("-i a.mp4 -map 0 -c copy", "s.ts");
    recipe.run("-i a.mp4 -map 0 -c copy -output_ts_offset 300", "later.ts");
    recipe.write("jump.ts", &[recipe.read("s.ts"), recipe.read("later.ts")].concat());
    let (summary, _) = recipe.samples("jump.ts", Settings::default()).await;
    assert!((19.9..20.2).contains(&summary.duration.as_secs_f64()), "{summary:?}");
    let (copied, _) = recipe.convert("jump.ts", copying(Format::M4a)).await.unwrap();
    assert!((19.9..20.2).contains(&copied.duration.as_secs_f64()), "{copied:?}");
}

#[tokio::test]
async fn sound_that_begins_long_after_the_pictures_is_found() {
    let recipe = Recipe::empty();
    let late = "-f lavfi -i testsrc=s=160x120:r=25:d=20 -itsoffset 8 -f lavfi -i sine=440:d=8:r=48000 -map 0 -map 1 -c:v mpeg2video";
    for (codec, name) in [("ac3", "late.ts"), ("aac", "aac.ts"), ("mp2", "mp2.ts"), ("ac3", "late.mpg")] {
        recipe.run(&format!("{late} -c:a {codec}"), name);
        let (summary, pcm) = recipe.samples(name, Settings::default()).await;
        assert!((15.9..16.2).contains(&summary.duration.as_secs_f64()), "{name}: {summary:?}");
        assert!(peak(&pcm[..7 * 48000]) < 0.001 && peak(&pcm[9 * 48000..]) > 0.05, "{name}");
        assert!(summary.source.streams.iter().any(|stream| stream.sample_rate == Some(48000)), "{name}");
    }
}

#[tokio::test]
async fn late_sound_in_matroska_is_late_whatever_the_pictures_are() {
    let recipe = Recipe::new();
    recipe.run("-i a.mp4 -itsoffset 2 -i a.mp4 -map 0:v -map 1:a -c copy", "sync.mkv");
    for settings in [Settings::default(), copying(Format::M4a)] {
        let (summary, _) = recipe.convert("sync.mkv", settings).await.unwrap();
        assert!((11.97..12.05).contains(&summary.duration.as_secs_f64()), "{summary:?}");
        assert_eq!(summary.warnings, []);
    }
}

#[tokio::test]
async fn a_sound_that_takes_over_is_gone_on_with() {
    let recipe = Recipe::new();
    // The same programme, under another PID from half on; and before that with another codec.
    recipe.run("-i a.mp4 -map 0 -c copy", "one.ts");
    for (codec, name) in [("aac", "same.ts"), ("ac3", "other.ts")] {
        let half = format!("-i a.mp4 -map 0 -c:v copy -c:a {codec} -streamid 1:400 -output_ts_offset 10");
        recipe.run(&half, "two.ts");
        recipe.write(name, &[recipe.read("one.ts"), recipe.read("two.ts")].concat());
        let (summary, pcm) = recipe.samples(name, Settings::default()).await;
        assert!((19.8..20.3).contains(&summary.duration.as_secs_f64()), "{name}: {summary:?}");
        assert!(peak(&pcm[12 * 48000..]) > 0.05, "{name}");
        assert!(codes(&summary).contains(&"taken_over"), "{name}: {summary:?}");
    }
}

#[tokio::test]
async fn sounds_side_by_side_take_no_turns() {
    let recipe = Recipe::new();
    let two = "-i a.mp4 -f lavfi -i sine=880:d=20:r=48000 -map 0 -map 1 -c:v copy -c:a aac";
    recipe.run(two, "two.ts");
    let (summary, _) = recipe.samples("two.ts", Settings::default()).await;
    assert!((9.9..10.2).contains(&summary.duration.as_secs_f64()), "{summary:?}");
    assert!(!codes(&summary).contains(&"taken_over"), "{summary:?}");
}
