//! One encoder and many come to the same, to the bit or to the ear.

use super::*;
use crate::libav::{InMemory, Input};
use crate::settings::Settings;
use crate::worker::extract::Extract;
use crate::worker::wave::music;

const QUALITY: Rate = Rate::Vbr(2);
/// Frames in a segment that holds all of the sound.
const ALL: usize = 1 << 32;

fn config(rate: Rate, reservoir: bool) -> Config {
    Config { rate, sample_rate: 44100, channels: 2, reservoir }
}

/// `pcm` as MP3 without its first frame, and that frame.
fn encode(config: Config, pcm: &[f32], threads: usize, segment: usize) -> (Vec<u8>, Vec<u8>) {
    let pool = Pool::start(threads).unwrap();
    let mut mp3 = Mp3::new(&pool, config, segment).unwrap();
    let mut bytes = Vec::new();
    for piece in pcm.chunks(2 * 1000) {
        mp3.encode(piece, &mut bytes).unwrap();
    }
    mp3.finish(&mut bytes).unwrap();
    let header = mp3.header();
    (bytes.split_off(header.len()), header)
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let pcm = music(44100, 2, 20);
    for rate in [QUALITY, Rate::Cbr(128), Rate::Abr(128)] {
        let results = [1, 2, 3, 8].map(|threads| encode(config(rate, true), &pcm, threads, 100));
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "{rate:?}");
    }
}

#[test]
fn without_the_reservoir_segments_are_what_one_encoder_makes() {
    let pcm = music(44100, 2, 20);
    for rate in [QUALITY, Rate::Vbr(6), Rate::Cbr(128), Rate::Cbr(192), Rate::Abr(128)] {
        let config = config(rate, false);
        let (one, header) = encode(config, &pcm, 1, ALL);
        let (many, same) = encode(config, &pcm, 2, 100);
        let differ = one.iter().zip(&many).filter(|(a, b)| a != b).count();
        assert!(one == many, "{rate:?}: {differ} of {} and {} bytes differ", one.len(), many.len());
        assert!(header == same, "{rate:?}: headers differ");
    }
}

#[test]
fn every_length_comes_out_to_the_sample() {
    let pcm = music(44100, 2, 3);
    let frames = |rate, samples: usize, segment| {
        let (_, header) = encode(config(rate, true), &pcm[..2 * samples], 2, segment);
        (header[36 + 8..][..4].to_vec(), header[36 + 141..][..3].to_vec())
    };
    // Around the places where a segment is full, or a frame is.
    for samples in [1, 575, 576, 577, 1152, 11519, 11520, 11521, 11743, 11744, 11745, 12000, 23264, 23265] {
        for rate in [QUALITY, Rate::Cbr(160)] {
            assert_eq!(frames(rate, samples, ALL), frames(rate, samples, 10), "{samples} samples, {rate:?}");
        }
    }
}

#[test]
fn low_rates_and_one_channel_fit_too() {
    for (sample_rate, channels) in [(22050, 2), (8000, 1), (48000, 1)] {
        let config = Config { rate: QUALITY, sample_rate, channels, reservoir: false };
        let pcm = music(sample_rate, channels, 15);
        let (one, header) = encode(config, &pcm, 1, ALL);
        let (many, same) = encode(config, &pcm, 2, 100);
        let differ = one.iter().zip(&many).filter(|(a, b)| a != b).count();
        assert!(one == many, "{sample_rate} Hz, {channels}: {differ} of {}, {}", one.len(), many.len());
        assert!(header == same, "{sample_rate} Hz, {channels}: headers differ");
    }
}

#[test]
fn refused_settings_are_an_error() {
    let pool = Pool::start(1).unwrap();
    let config = Config { sample_rate: 12345, ..config(QUALITY, true) };
    assert!(matches!(Mp3::new(&pool, config, SEGMENT), Err(Failed::Refused(_))));
}

/// The sound of an MP3, as whoever plays it hears it.
fn decode(mp3: Vec<u8>) -> Vec<f32> {
    let input = Input::open(InMemory(mp3)).unwrap();
    let mut sound = Extract::start(input, &Settings::default()).unwrap();
    let mut pcm = Vec::new();
    while sound.advance().unwrap() {
        let piece = sound.pcm();
        pcm.extend_from_slice(piece);
    }
    pcm
}

/// The energy of what differs.
fn error(one: &[f32], other: &[f32]) -> f64 {
    one.iter().zip(other).map(|(a, b)| f64::from(a - b).powi(2)).sum()
}

#[test]
fn no_seam_is_heard() {
    const SEGMENT: usize = 100;
    let pcm = music(44100, 2, 30);
    let whole = |(music, header): (Vec<u8>, Vec<u8>)| decode([header, music].concat());
    for rate in [QUALITY, Rate::Vbr(5), Rate::Cbr(128), Rate::Cbr(192), Rate::Cbr(320), Rate::Abr(160)] {
        let one = whole(encode(config(rate, true), &pcm, 2, ALL));
        let many = whole(encode(config(rate, true), &pcm, 2, SEGMENT));
        assert_eq!((one.len(), many.len()), (pcm.len(), pcm.len()), "{rate:?}: gapless to the sample");
        let seams =
            (1..).map(|segment| 2 * 1152 * SEGMENT * segment).take_while(|seam| seam + 9216 < pcm.len());
        let louder: Vec<f64> = seams
            .map(|seam| {
                // Four frames before, where bits may be short, and four behind.
                let near = seam - 4 * 2304..seam + 4 * 2304;
                let errors = [&many, &one].map(|decoded| error(&decoded[near.clone()], &pcm[near.clone()]));
                10.0 * (errors[0] / errors[1]).log10()
            })
            .collect();
        let worst = louder.iter().copied().fold(0.0, |worst: f64, db| worst.max(db.abs()));
        println!("{rate:?}: {} seams, worst {worst:.3} dB", louder.len());
        assert!(louder.len() > 8 && worst <= 0.2, "{rate:?}: {louder:.3?}");
    }
}
