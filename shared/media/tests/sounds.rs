//! Which sound is taken, and whether it is that sound that comes out.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::assert_close;
use common::mp4::{Times, file, item, track};
use common::recipe::{Recipe, codes, peak};
use media::{Error, Format, Settings, Track, Warning};

/// The loudest of so many hertz in a sound at 48 kHz: how much of `tone` is in it.
fn has_tone(pcm: &[f32], tone: f32) -> bool {
    let part = &pcm[48000..2 * 48000];
    let of = |wave: fn(f32) -> f32| {
        let turn = |place: usize| std::f32::consts::TAU * tone * place as f32 / 48000.0;
        part.iter().enumerate().map(|(place, sample)| sample * wave(turn(place))).sum::<f32>()
    };
    of(f32::sin).hypot(of(f32::cos)) / 24000.0 > 0.03
}

#[tokio::test]
async fn of_equals_the_first_is_taken_whatever_its_bits() {
    let recipe = Recipe::empty();
    let two = "-f lavfi -i sine=440:d=3:r=48000 -f lavfi -i anoisesrc=d=3:r=48000:c=white:a=0.3 -map 0 -map 1 -c:a aac";
    for (rates, name) in [
        ("-b:a:0 48k -b:a:1 192k -disposition:a default", "obs.mp4"),
        ("-b:a:0 48k -b:a:1 192k -disposition:a default", "obs.mkv"),
        ("-b:a:0 48k -b:a:1 192k", "obs.ts"),
    ] {
        recipe.run(&format!("{two} {rates}"), name);
        let (summary, pcm) = recipe.samples(name, Settings::default()).await;
        assert!(has_tone(&pcm, 440.0), "{name}");
        assert_eq!(summary.warnings, [Warning::OtherTracks { taken: 0, count: 2 }], "{name}");
        let chosen = Settings { track: Track::Number(1), ..Settings::default() };
        let (summary, pcm) = recipe.samples(name, chosen).await;
        assert!(!has_tone(&pcm, 440.0), "{name}");
        assert_eq!(summary.warnings, [], "{name}");
    }
}

#[tokio::test]
async fn what_the_file_itself_says_to_take_is_taken_without_a_word() {
    let recipe = Recipe::empty();
    let two = "-f lavfi -i sine=440:d=3:r=48000 -f lavfi -i sine=880:d=3:r=48000 -map 0 -map 1 -c:a aac";
    for (marks, tone, name) in [
        ("-disposition:a:0 default -disposition:a:1 0", 440.0, "first.mp4"),
        ("-disposition:a:0 0 -disposition:a:1 default", 880.0, "second.mkv"),
        ("-disposition:a:0 visual_impaired -disposition:a:1 0", 880.0, "described.ts"),
    ] {
        recipe.run(&format!("{two} {marks}"), name);
        let (summary, pcm) = recipe.samples(name, Settings::default()).await;
        assert!(has_tone(&pcm, tone), "{name}");
        assert_eq!(summary.warnings, [], "{name}");
        let copy = Settings { format: Format::M4a, copy: true, ..Settings::default() };
        assert_eq!(recipe.convert(name, copy).await.unwrap().0.warnings, [], "{name}");
    }
}

#[tokio::test]
async fn a_sound_that_stands_in_for_one_that_cannot_be_decoded_is_told() {
    let recipe = Recipe::empty();
    recipe.run(
        "-f lavfi -i sine=440:d=3:r=48000 -f lavfi -i sine=880:d=3:r=48000 -map 0 -map 1 -c:a pcm_s16le \
         -disposition:a:0 default -disposition:a:1 0",
        "two.mov",
    );
    let mut bytes = recipe.read("two.mov");
    let at = bytes.windows(4).position(|name| name == b"sowt").unwrap();
    bytes[at..at + 4].copy_from_slice(b"zZ9x");
    recipe.write("odd.mov", &bytes);
    let (summary, pcm) = recipe.samples("odd.mov", Settings::default()).await;
    assert!(has_tone(&pcm, 880.0));
    assert_eq!(summary.warnings, [Warning::OtherTracks { taken: 1, count: 2 }]);
}

/// The file with its one kind of samples called something else, and a `pcmC` behind it (ISO/IEC 23003-5).
fn as_iso_pcm(mov: &[u8], from: &[u8; 4], kind: &[u8; 4], little: bool, bits: u8) -> Vec<u8> {
    let config = item(b"pcmC", &[0, 0, 0, 0, u8::from(little), bits]);
    let at = mov.windows(4).rposition(|name| name == b"stsd").unwrap() + 12;
    assert_eq!(&mov[at + 4..at + 8], from);
    let length = u32::from_be_bytes(mov[at..at + 4].try_into().unwrap()) as usize;
    // Version 0, as ISO has it: eight bytes of entry, twenty of sound.
    let mut entry = mov[at..at + 36].to_vec();
    entry[4..8].copy_from_slice(kind);
    entry[16..18].copy_from_slice(&[0, 0]);
    entry.extend(config);
    let grown = entry.len() as i64 - length as i64;
    let size = entry.len() as u32;
    entry[..4].copy_from_slice(&size.to_be_bytes());
    let mut out = [&mov[..at], &entry, &mov[at + length..]].concat();
    // The index stands at the end, so that only the boxes around it grow.
    for around in [&b"moov"[..], b"trak", b"mdia", b"minf", b"stbl", b"stsd"] {
        let place = out[..at].windows(4).rposition(|name| name == around).unwrap() - 4;
        let old = u32::from_be_bytes(out[place..place + 4].try_into().unwrap());
        out[place..place + 4].copy_from_slice(&((i64::from(old) + grown) as u32).to_be_bytes());
    }
    out
}

#[tokio::test]
async fn uncompressed_sound_of_iso_files_is_the_sound() {
    let recipe = Recipe::empty();
    for (codec, from, kind, little, bits) in [
        ("pcm_s16le", b"sowt", b"ipcm", true, 16),
        ("pcm_s16be", b"twos", b"ipcm", false, 16),
        ("pcm_s24le", b"in24", b"ipcm", true, 24),
        ("pcm_s24be", b"in24", b"ipcm", false, 24),
        ("pcm_s32le", b"in32", b"ipcm", true, 32),
        ("pcm_f32le", b"fl32", b"fpcm", true, 32),
        ("pcm_f32be", b"fl32", b"fpcm", false, 32),
        ("pcm_f64le", b"fl64", b"fpcm", true, 64),
    ] {
        recipe.run(&format!("-f lavfi -i sine=440:d=3:r=48000 -ac 2 -c:a {codec}"), "pcm.mov");
        let iso = as_iso_pcm(&recipe.read("pcm.mov"), from, kind, little, bits);
        recipe.write("iso.mp4", &iso);
        let (summary, pcm) = recipe.samples("iso.mp4", Settings::default()).await;
        let (_, expected) = recipe.samples("pcm.mov", Settings::default()).await;
        assert_close(summary.duration, 3.0, codec);
        assert!(pcm == expected, "{codec}: {} instead of {}", peak(&pcm), peak(&expected));
        assert_eq!(summary.source.streams[0].codec, codec);
    }
}

#[tokio::test]
async fn unknown_kinds_are_named_by_their_letters() {
    let sound = |kind: &[u8; 4]| {
        let mut bytes = file(&[track(1, &Times::default())]);
        let at = bytes.windows(4).position(|name| name == b"sowt").unwrap();
        bytes[at..at + 4].copy_from_slice(kind);
        bytes
    };
    let recipe = Recipe::empty();
    recipe.write("odd.mov", &sound(b"zZ9x"));
    let ended = recipe.convert("odd.mov", Settings::default()).await;
    assert!(matches!(&ended, Err(Error::UnsupportedCodec(codec)) if codec == "zZ9x"), "{ended:?}");
    // Sound that says how it is coded in a way that it isn't.
    recipe.write("fpcm.mov", &sound(b"fpcm"));
    let ended = recipe.convert("fpcm.mov", Settings::default()).await;
    assert!(matches!(&ended, Err(Error::UnsupportedCodec(codec)) if codec == "fpcm"), "{ended:?}");
}

#[tokio::test]
async fn sound_under_a_key_is_copy_protected() {
    let recipe = Recipe::new();
    let key = "-encryption_scheme cenc-aes-ctr -encryption_key 00112233445566778899aabbccddeeff -encryption_kid 00112233445566778899aabbccddeeff";
    for (codec, name) in [("aac", "aac.mp4"), ("libopus", "opus.mp4")] {
        recipe.run(&format!("-i a.mp4 -c:v copy -c:a {codec} {key}"), name);
        for format in [Format::Mp3, Format::M4a, Format::Opus] {
            let settings = Settings { format, copy: true, ..Settings::default() };
            let ended = recipe.convert(name, settings).await;
            assert!(matches!(ended, Err(Error::Encrypted)), "{name}");
        }
    }
}

#[tokio::test]
async fn sound_under_a_key_in_matroska_is_copy_protected() {
    use common::matroska::{element, file, number, second, sound};
    // ContentEncodings with one ContentEncryption (RFC 9559, 5.1.4.1.31).
    let encryption = element(0x5035, &[number(0x47e1, 5), element(0x47e2, b"0123456789abcdef")].concat());
    let encoding = element(0x6240, &[number(0x5033, 1), encryption].concat());
    let mut entry = sound(1);
    let encodings = element(0x6d80, &encoding);
    // An element's own length takes eight bytes behind one of its name.
    let body = [&entry.split_off(9)[..], &encodings].concat();
    let tracks = element(0x1654_ae6b, &element(0xae, &body));
    let recipe = Recipe::empty();
    recipe.write("key.mkv", &file(1000.0, &[tracks, second()]));
    let ended = recipe.convert("key.mkv", Settings::default()).await;
    assert!(matches!(ended, Err(Error::Encrypted)));
}

#[tokio::test]
async fn channels_that_come_and_go_are_mixed_without_distortion() {
    let recipe = Recipe::empty();
    let tone = |channels: usize| vec!["0.7*sin(440*2*PI*t)"; channels].join("|");
    for (name, layout, channels) in [("one.ac3", "stereo", 2), ("two.ac3", "5.1", 6)] {
        let source = format!("-f lavfi -i aevalsrc={}:c={layout}:s=48000:d=3 -c:a ac3", tone(channels));
        recipe.run(&source, name);
    }
    let (one, two) = (recipe.read("one.ac3"), recipe.read("two.ac3"));
    recipe.write("changes.ac3", &[&one[..], &two, &one].concat());
    let (summary, pcm) = recipe.samples("changes.ac3", Settings::default()).await;
    assert_eq!(summary.channels, 2);
    let full = pcm.iter().filter(|sample| sample.abs() >= 0.9999).count();
    assert!(full * 1000 < pcm.len(), "{full} of {}", pcm.len());
}

#[tokio::test]
async fn one_channel_at_first_and_two_later_is_told() {
    let recipe = Recipe::empty();
    for (name, source) in
        [("one.ac3", "sine=440:d=3:r=48000"), ("two.ac3", "aevalsrc=0.1*sin(2764*t)|0:s=48000:d=3")]
    {
        recipe.run(&format!("-f lavfi -i {source} -c:a ac3"), name);
    }
    recipe.write("grows.ac3", &[recipe.read("one.ac3"), recipe.read("two.ac3")].concat());
    let (summary, _) = recipe.samples("grows.ac3", Settings::default()).await;
    assert_eq!((summary.channels, codes(&summary)), (1, vec!["became_mono"]));
    let (summary, _) =
        recipe.samples("grows.ac3", Settings { channels: Some(1), ..Settings::default() }).await;
    assert_eq!(summary.warnings, []);
    let (summary, _) =
        recipe.samples("grows.ac3", Settings { channels: Some(2), ..Settings::default() }).await;
    assert_eq!((summary.channels, summary.warnings), (2, vec![]));
}

#[tokio::test]
async fn a_silent_sound_among_others_says_which_have_something() {
    let recipe = Recipe::empty();
    recipe.run(
        "-f lavfi -i anullsrc=r=48000:cl=mono -f lavfi -i anullsrc=r=48000:cl=mono -f lavfi -i sine=440:r=48000 -map 0 -map 1 -map 2 -t 3 -c:a aac",
        "camera.mp4",
    );
    let (summary, _) = recipe.samples("camera.mp4", Settings::default()).await;
    assert!(summary.warnings.contains(&Warning::Silent { audible: vec![2] }), "{summary:?}");
    let (summary, _) =
        recipe.samples("camera.mp4", Settings { track: Track::Number(2), ..Settings::default() }).await;
    assert_eq!(summary.warnings, []);
    recipe.run("-f lavfi -i anullsrc=r=48000:cl=mono -t 3 -c:a aac", "silent.mp4");
    let (summary, _) = recipe.samples("silent.mp4", Settings::default()).await;
    assert_eq!(summary.warnings, [Warning::Silent { audible: vec![] }]);
}

#[tokio::test]
async fn sound_beyond_full_scale_is_told() {
    let recipe = Recipe::empty();
    recipe.run("-f lavfi -i aevalsrc=3*sin(2764*t):s=48000:d=3 -c:a pcm_f32le", "loud.wav");
    let (summary, _) = recipe.samples("loud.wav", Settings::default()).await;
    assert_eq!(codes(&summary), ["clipped"]);
    let (summary, _) =
        recipe.samples("loud.wav", Settings { loudness: Some(-16.0), ..Settings::default() }).await;
    assert_eq!(summary.warnings, []);
}

#[tokio::test]
async fn many_channels_are_mixed() {
    let recipe = Recipe::empty();
    for channels in [9, 10, 12, 24, 32, 60] {
        let tones = vec!["0.05*sin(440*2*PI*t)"; channels].join("|");
        recipe.run(&format!("-f lavfi -i aevalsrc={tones}:s=48000:d=3 -c:a pcm_s16le"), "many.wav");
        let (summary, pcm) = recipe.samples("many.wav", Settings::default()).await;
        assert_eq!(summary.channels, 2, "{channels}");
        let stereo: Vec<f32> = pcm.as_chunks::<2>().0.iter().map(|[left, _]| *left).collect();
        assert!(has_tone(&stereo, 440.0) && peak(&pcm) < 1.0, "{channels}: {}", peak(&pcm));
    }
}

#[tokio::test]
async fn a_copy_of_what_changes_says_what_it_left_out() {
    let recipe = Recipe::empty();
    for (name, rate) in [("one.aac", 48000), ("two.aac", 44100)] {
        recipe.run(&format!("-f lavfi -i sine=440:d=5:r={rate} -c:a aac"), name);
    }
    recipe.write("both.aac", &[recipe.read("one.aac"), recipe.read("two.aac")].concat());
    let settings = Settings { format: Format::M4a, copy: true, ..Settings::default() };
    let (summary, _) = recipe.convert("both.aac", settings).await.unwrap();
    assert!(codes(&summary).contains(&"changed"), "{:?}", summary.warnings);
    let (summary, _) = recipe.samples("both.aac", Settings::default()).await;
    assert!((9.9..10.2).contains(&summary.duration.as_secs_f64()), "{:?}", summary.duration);
    assert_eq!(summary.warnings, []);
}
