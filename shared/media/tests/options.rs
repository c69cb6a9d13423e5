//! What is asked for beside the format: pauses, fades, the waveform, audiobooks, all tracks at once.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::time::Duration;

use common::made;
use common::recipe::{Recipe, codes, decoded, peak};
use media::{Chapters, Format, Settings, Silence, Track};

/// A second of a tone, pauses of `pauses` seconds of a quiet room behind each, again and again, as `talk.wav`.
fn talk(recipe: &Recipe, pauses: u32, seconds: u32) {
    let period = pauses + 1;
    let voice = format!("if(lt(mod(t\\,{period})\\,1)\\,0.2*sin(2764*t)\\,0)+0.0005*(random(0)-0.5)");
    recipe.run(&format!("-f lavfi -i aevalsrc={voice}:s=48000:d={seconds}"), "talk.wav");
}

fn with(silence: Silence) -> Settings {
    Settings { silence, ..Settings::default() }
}

#[tokio::test]
async fn long_pauses_are_shortened_and_short_ones_stay() {
    let recipe = Recipe::empty();
    talk(&recipe, 4, 50);
    let (summary, pcm) = recipe.samples("talk.wav", with(Silence::Shorten)).await;
    // Each of ten tones has 0.1 s before and 0.26 s behind it, and half a second between; nothing at the ends.
    let expected = 10.0 * 1.36 + 9.0 * 0.5 - 0.1;
    let found = summary.duration.as_secs_f64();
    assert!((found - expected).abs() < 0.3, "{found} instead of {expected}");
    // As much of the tone as before.
    let loud = |pcm: &[f32]| pcm.chunks(480).filter(|block| peak(block) > 0.1).count();
    let (_, whole) = recipe.samples("talk.wav", Settings::default()).await;
    assert!(loud(&pcm).abs_diff(loud(&whole)) <= 20, "{} and {}", loud(&pcm), loud(&whole));
    // Nothing clicks: no step is larger than the tone's own.
    let step = |pcm: &[f32]| pcm.windows(2).map(|pair| (pair[0] - pair[1]).abs()).fold(0.0, f32::max);
    assert!(step(&pcm) <= step(&whole) + 0.001, "{} and {}", step(&pcm), step(&whole));
    let (summary, _) = recipe.samples("talk.wav", with(Silence::Trim)).await;
    assert!((summary.duration.as_secs_f64() - 46.3).abs() < 0.3, "{:?}", summary.duration);
    talk(&recipe, 1, 20);
    let (summary, _) = recipe.samples("talk.wav", with(Silence::Shorten)).await;
    assert!(summary.duration.as_secs_f64() > 19.0, "{:?}", summary.duration);
}

#[tokio::test]
async fn chapters_and_parts_go_with_what_is_left_and_so_does_the_loudness() {
    let recipe = Recipe::empty();
    talk(&recipe, 4, 30);
    let chapters = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=15\ntitle=One\n[CHAPTER]\nTIMEBASE=1/1\nSTART=15\nEND=30\ntitle=Two\n";
    recipe.write("chapters", chapters.as_bytes());
    recipe.run("-i talk.wav -i chapters -map_metadata 1 -c:a pcm_s16le", "talk.mkv");
    let settings = Settings { format: Format::Mp3, loudness: Some(-12.0), ..with(Silence::Shorten) };
    let (summary, mp3) = recipe.convert("talk.mkv", settings.clone()).await.unwrap();
    let tag = id3::Tag::read_from2(std::io::Cursor::new(&mp3)).unwrap();
    let starts: Vec<u32> = tag.chapters().map(|chapter| chapter.start_time).collect();
    let ends: Vec<u32> = tag.chapters().map(|chapter| chapter.end_time).collect();
    let length = summary.duration.as_millis() as u32;
    assert_eq!(starts[0], 0);
    // Three tones of six come before.
    assert!(starts[1].abs_diff(length / 2) < 400, "{starts:?} of {length}");
    assert!(ends[1].abs_diff(length) < 60, "{ends:?} of {length}");
    let (_, pcm) = decoded(&mp3).await;
    assert!(peak(&pcm) > 0.3, "{}", peak(&pcm));
}

#[tokio::test]
async fn silence_and_sound_without_pauses_stay_whole() {
    let recipe = Recipe::empty();
    recipe.run("-f lavfi -i anullsrc=r=48000:cl=mono -t 5", "silent.wav");
    recipe.run("-f lavfi -i sine=440:r=48000:d=5", "tone.wav");
    for silence in [Silence::Trim, Silence::Shorten] {
        for name in ["silent.wav", "tone.wav"] {
            let (summary, _) = recipe.samples(name, with(silence)).await;
            assert_eq!(summary.duration, Duration::from_secs(5), "{name} {silence:?}");
        }
    }
}

#[tokio::test]
async fn a_fade_is_at_both_ends_of_the_part_that_is_wanted() {
    let recipe = Recipe::empty();
    recipe.run("-f lavfi -i sine=440:r=48000:d=20 -af volume=4", "tone.wav");
    let (start, end) = (Some(Duration::from_secs(5)), Some(Duration::from_secs(15)));
    let settings = Settings { fade: Some(Duration::from_secs(2)), start, end, ..Settings::default() };
    let (summary, pcm) = recipe.samples("tone.wav", settings).await;
    assert_eq!(summary.duration, Duration::from_secs(10));
    let levels: Vec<f32> = pcm.chunks(4800).map(peak).collect();
    assert!(levels[0] < 0.01 && levels[99] < 0.01, "{levels:?}");
    assert!(levels[..20].is_sorted() && levels[80..].iter().rev().is_sorted(), "{levels:?}");
    assert!(levels[20..80].iter().all(|level| (level - levels[50]).abs() < 0.01), "{levels:?}");
}

#[tokio::test]
async fn peaks_are_those_of_the_result_also_where_it_could_be_copied() {
    let recipe = Recipe::empty();
    talk(&recipe, 1, 10);
    recipe.run("-i talk.wav -c:a aac", "talk.m4a");
    for (name, format) in [("talk.wav", Format::Mp3), ("talk.m4a", Format::M4a)] {
        let settings = Settings { peaks: true, copy: true, format, ..Settings::default() };
        let (summary, _) = recipe.convert(name, settings).await.unwrap();
        let peaks = summary.peaks.unwrap();
        let pixels = peaks.data.len() / 2;
        let samples = summary.duration.as_secs_f64() * 48000.0;
        assert_eq!(
            (peaks.sample_rate, pixels),
            (48000, (samples / f64::from(peaks.samples_per_pixel)).ceil() as usize)
        );
        let loud = |second: f64| i32::from(peaks.data[(second / 10.0 * pixels as f64) as usize * 2 + 1]);
        assert!((loud(0.5) - 26).abs() <= 2 && loud(1.5) == 0 && (loud(2.5) - 26).abs() <= 2, "{name}");
    }
    assert_eq!(recipe.convert("talk.wav", Settings::default()).await.unwrap().0.peaks, None);
}

#[tokio::test]
async fn an_audiobook_says_what_it_is() {
    let recipe = Recipe::empty();
    let source = std::fs::read(common::path("chapters.mp4")).unwrap();
    recipe.write("talk.mp4", &source);
    let settings = Settings { format: Format::M4b, ..Settings::default() };
    let (summary, book) = recipe.convert("talk.mp4", settings).await.unwrap();
    assert_eq!((&book[4..12], summary.codec.as_str()), (&b"ftypM4B "[..], "aac"));
    let stik = book.windows(4).position(|four| four == b"stik").unwrap();
    assert_eq!(book[stik + 4 + 16], 2);
    let (read, _) = decoded(&book).await;
    assert_eq!(read.source.chapters.len(), summary.source.chapters.len());
    assert!(!read.source.chapters.is_empty());
    let copied =
        Settings { format: Format::M4b, copy: true, chapters: Chapters::Keep, ..Settings::default() };
    let (_, book) = recipe.convert("talk.mp4", copied).await.unwrap();
    assert_eq!(&book[4..12], b"ftypM4B ");
}

#[tokio::test]
async fn all_tracks_are_mixed_if_that_is_asked_for() {
    let recipe = Recipe::empty();
    // A voice, a late one of another rate, and nothing.
    recipe.run(
        "-f lavfi -i sine=300:r=48000:d=6 -itsoffset 2 -f lavfi -i sine=1200:r=44100:d=6 -f lavfi -i anullsrc=r=48000:cl=stereo:d=6 -f lavfi -i testsrc=s=64x48:r=10:d=8 -map 3 -map 2 -map 0 -map 1 -c:a aac -c:v mpeg4",
        "tracks.mkv",
    );
    let (alone, pcm) = recipe.samples("tracks.mkv", Settings::default()).await;
    assert!(peak(&pcm) < 0.001 && codes(&alone).contains(&"silent"));
    let mix = Settings { track: Track::Mix, ..Settings::default() };
    let (summary, pcm) = recipe.samples("tracks.mkv", mix.clone()).await;
    assert!((summary.duration.as_secs_f64() - 8.0).abs() < 0.1, "{:?}", summary.duration);
    assert_eq!((summary.channels, codes(&summary).len()), (2, 0), "{:?}", summary.warnings);
    let strength = |from: f64, tone: f64| {
        let part = &pcm[(from * 48000.0) as usize * 2..][..48000];
        let (mut sine, mut cosine) = (0.0, 0.0);
        for (place, sample) in part.iter().step_by(2).enumerate() {
            let angle = place as f64 / 48000.0 * tone * std::f64::consts::TAU;
            (sine, cosine) =
                (sine + f64::from(*sample) * angle.sin(), cosine + f64::from(*sample) * angle.cos());
        }
        f64::hypot(sine, cosine) / 12000.0
    };
    for (from, low, high) in [(0.5, true, false), (3.0, true, true), (7.0, false, true)] {
        assert_eq!((strength(from, 300.0) > 0.05, strength(from, 1200.0) > 0.05), (low, high), "{from}");
    }
    let part =
        Settings { start: Some(Duration::from_secs(3)), end: Some(Duration::from_secs(4)), ..mix.clone() };
    let (_, cut) = recipe.samples("tracks.mkv", part).await;
    assert!(cut.iter().zip(&pcm[3 * 96000..]).all(|(a, b)| (a - b).abs() < 0.001));
    // One sound alone is as if nothing was asked for.
    recipe.write("one.wav", &made("-f lavfi -i sine=440:r=48000:d=1", "one.wav"));
    let same = recipe.samples("one.wav", Settings::default()).await.1;
    assert!(recipe.samples("one.wav", mix).await.1 == same);
}

#[tokio::test]
async fn sounds_that_are_too_loud_together_are_not_distorted() {
    let recipe = Recipe::empty();
    let loud = "-f lavfi -i sine=440:r=48000:d=2 -af volume=7";
    recipe.run(loud, "loud.wav");
    recipe.run("-i loud.wav -i loud.wav -map 0 -map 1 -c:a pcm_s16le", "both.mkv");
    let (summary, pcm) =
        recipe.samples("both.mkv", Settings { track: Track::Mix, ..Settings::default() }).await;
    assert!(peak(&pcm) <= 0.99 && peak(&pcm) > 0.9, "{}", peak(&pcm));
    assert_eq!(codes(&summary), [""; 0]);
}
