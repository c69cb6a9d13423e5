//! Our MP3 against the one of ffmpeg's LAME, which is neither patched nor cut into segments: as near to the source, as large.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::disallowed_methods, reason = "ffmpeg is what we compare with")]

mod common;

use std::path::Path;
use std::process::Command;

use common::compare::decoded_by_ffmpeg;
use common::engine;
use common::masking::noise_to_mask;
use media::{FileSink, FileSource, Rate, Settings};

/// Half a minute, so three segments, of voices, bells and noise.
const SOUND: &str = "aevalsrc=exprs='0.25*sin(2*PI*140*t)*max(0\\,sin(2*PI*3.1*t))+0.1*sin(2*PI*620*t)*max(0\\,sin(7*t))\
                     +0.06*(random(0)-0.5)*max(0\\,sin(25*t))\
                     |0.22*sin(2*PI*140*t)*max(0\\,sin(2*PI*3.1*t))+0.1*sin(2*PI*1318*t)*exp(-6*mod(t\\,0.5))\
                     +0.04*(random(1)-0.5)':s=44100:d=30";

/// Samples of which noise to mask is computed: twelve seconds with the seam of two segments, as that takes its time.
const JUDGED: usize = 12 * 44100 * 2;

fn ffmpeg(input: &[&str], output: &str, file: &Path) {
    let arguments = input.iter().copied().chain(output.split_whitespace());
    let status =
        Command::new("ffmpeg").args(["-v", "error", "-nostdin"]).args(arguments).arg(file).status().unwrap();
    assert!(status.success());
}

/// What the MP3 decodes to, as long as the source to the sample.
fn decoded(mp3: &Path, source: &[f32]) -> Vec<f32> {
    let decoded = decoded_by_ffmpeg(mp3, 44100, 2);
    assert_eq!(decoded.len(), source.len(), "gapless to the sample");
    decoded
}

/// The energy of what the MP3 has changed, in dB over the source's.
fn error(decoded: &[f32], source: &[f32]) -> f64 {
    let sum = |numbers: &mut dyn Iterator<Item = f32>| numbers.map(|x| f64::from(x).powi(2)).sum::<f64>();
    let error = sum(&mut decoded.iter().zip(source).map(|(mp3, source)| mp3 - source));
    10.0 * (error / sum(&mut source.iter().copied())).log10()
}

#[tokio::test]
async fn the_result_is_as_good_and_as_small_as_that_of_the_usual_lame() {
    let folder = tempfile::tempdir().unwrap();
    let [wav, ours, theirs] = ["source.wav", "ours.mp3", "theirs.mp3"].map(|name| folder.path().join(name));
    ffmpeg(&["-f", "lavfi", "-i", SOUND], "-c:a pcm_s16le", &wav);
    let source = decoded_by_ffmpeg(&wav, 44100, 2);
    for (rate, arguments) in [
        (Rate::Vbr(0), "-q:a 0 -compression_level 5"),
        (Rate::Vbr(2), "-q:a 2 -compression_level 5"),
        (Rate::Vbr(6), "-q:a 6 -compression_level 5"),
        (Rate::Cbr(128), "-b:a 128k -compression_level 3"),
        (Rate::Cbr(320), "-b:a 320k -compression_level 3"),
        (Rate::Abr(160), "-b:a 160k -abr 1 -compression_level 3"),
    ] {
        let settings = Settings { rate, ..Settings::default() };
        let mut sink = FileSink::create(&ours).unwrap();
        engine().convert(&FileSource::open(&wav).unwrap(), &settings, &mut sink, |_| ()).await.unwrap();
        ffmpeg(&["-y", "-i", wav.to_str().unwrap()], arguments, &theirs);
        let [our_sound, their_sound] = [&ours, &theirs].map(|file| decoded(file, &source));
        let louder = error(&our_sound, &source) - error(&their_sound, &source);
        let [our_noise, their_noise] = [&our_sound, &their_sound]
            .map(|sound| noise_to_mask(&source[..JUDGED], &sound[..JUDGED], 2, 44100));
        let heard = our_noise - their_noise;
        let [our_size, their_size] =
            [&ours, &theirs].map(|file| std::fs::metadata(file).unwrap().len() as f64);
        println!(
            "{rate:?}: error {louder:+.3} dB, noise to mask {our_noise:.2} dB, {heard:+.3} dB, size {:.4}",
            our_size / their_size
        );
        assert!(heard.abs() < 0.05, "{rate:?}: {heard:+.3} dB of noise to mask");
        assert!(louder.abs() < 0.1, "{rate:?}: {louder:+.3} dB");
        assert!((our_size / their_size - 1.0).abs() < 0.01, "{rate:?}: {our_size} and {their_size} bytes");
    }
}
