//! Noise to mask as ITU-R BS.1387-1 (PEAQ) has it: Total NMR by the ear model of its basic version.

use std::f64::consts::PI;

/// Samples of a frame; they begin half a frame after each other.
const FRAME: usize = 2048;
/// Bands of a quarter Bark from 80 Hz to 18 kHz.
const BANDS: usize = 109;
const BARK: f64 = 0.25;

type Bands = [f64; BANDS];
type Complex = (f64, f64);

/// How much of what `test` has more or less than `reference` is heard: noise over the mask of the reference, in dB,
/// by the mean of frames and bands. Both hold the same interleaved channels.
pub(crate) fn noise_to_mask(reference: &[f32], test: &[f32], channels: usize, sample_rate: u32) -> f64 {
    let ear = Ear::new(sample_rate.into());
    let (mut sum, mut frames) = (0.0, 0);
    for channel in 0..channels {
        let pick = |samples: &[f32]| -> Vec<f64> {
            samples.iter().skip(channel).step_by(channels).map(|&sample| f64::from(sample)).collect()
        };
        let (reference, test) = (pick(reference), pick(test));
        let mut smeared = [0.0; BANDS];
        for start in (0..reference.len().min(test.len()).saturating_sub(FRAME)).step_by(FRAME / 2) {
            let part = start..start + FRAME;
            let (signal, noise) = ear.patterns(&reference[part.clone()], &test[part.clone()]);
            let spread = ear.spread(&signal);
            let mut ratio = 0.0;
            for (band, smeared) in smeared.iter_mut().enumerate() {
                *smeared = ear.slowness[band] * (*smeared - spread[band]) + spread[band];
                ratio += noise[band] / (smeared.max(spread[band]) * ear.offset[band]);
            }
            if reference[part].iter().map(|sample| sample * sample).sum::<f64>() > 1e-6 {
                sum += ratio / BANDS as f64;
                frames += 1;
            }
        }
    }
    10.0 * (sum / f64::from(frames)).log10()
}

/// What depends on nothing but the sample rate.
struct Ear {
    window: Vec<f64>,
    /// For [`spectrum`].
    turns: Vec<Complex>,
    /// Outer and middle ear, as a factor of power, by frequency of the transform.
    outer: Vec<f64>,
    /// For each band, which frequencies have which part in it.
    parts: Vec<Vec<(usize, f64)>>,
    centre: Bands,
    /// Noise inside the ear.
    inner: Bands,
    /// What masks is so much more than what is masked, as a factor.
    offset: Bands,
    /// By how much masking outlasts a frame.
    slowness: Bands,
    /// What spreading gives to silence.
    flat: Bands,
}

impl Ear {
    fn new(rate: f64) -> Self {
        let hertz = |bark: f64| 650.0 * (bark / 7.0).sinh();
        let lowest = 7.0 * (80.0_f64 / 650.0).asinh();
        let edge = |band: f64| hertz(lowest + band * BARK).min(18_000.0);
        let centre: Bands = std::array::from_fn(|band| edge(band as f64 + 0.5));
        let step = rate / FRAME as f64;
        // A sine of full scale is 92 dB.
        let gain = 10_f64.powf(9.2) / (0.84971762641205 * 0.25 * (FRAME - 1) as f64).powi(2);
        let outer = (0..=FRAME / 2).map(|index| {
            let khz = (index.max(1) as f64) * step / 1000.0;
            let db =
                -2.184 * khz.powf(-0.8) + 6.5 * (-0.6 * (khz - 3.3).powi(2)).exp() - 1e-3 * khz.powf(3.6);
            gain * 10_f64.powf(db / 10.0)
        });
        let parts = (0..BANDS).map(|band| {
            let (low, high) = (edge(band as f64), edge(band as f64 + 1.0));
            let part = |index: usize| {
                ((index as f64 + 0.5) * step).min(high) - ((index as f64 - 0.5) * step).max(low)
            };
            (0..=FRAME / 2).map(|index| (index, part(index) / step)).filter(|(_, part)| *part > 0.0).collect()
        });
        let mut ear = Self {
            window: (0..FRAME)
                .map(|index| 0.5 - 0.5 * (2.0 * PI * index as f64 / (FRAME - 1) as f64).cos())
                .collect(),
            turns: (0..FRAME / 2)
                .map(|index| -2.0 * PI * index as f64 / FRAME as f64)
                .map(|angle| (angle.cos(), angle.sin()))
                .collect(),
            outer: outer.collect(),
            parts: parts.collect(),
            centre,
            inner: centre.map(|hertz| 10_f64.powf(0.1456 * (hertz / 1000.0).powf(-0.8))),
            offset: std::array::from_fn(|band| {
                10_f64.powf(-0.1 * (0.25 * band as f64 * BARK).clamp(3.0, f64::MAX))
            }),
            slowness: centre
                .map(|hertz| (-(FRAME as f64) / 2.0 / rate / (0.008 + 100.0 / hertz * 0.022)).exp()),
            flat: [1.0; BANDS],
        };
        ear.flat = ear.spread(&[1.0; BANDS]);
        ear
    }

    /// The reference's power in each band, and that of what the test changed.
    fn patterns(&self, reference: &[f64], test: &[f64]) -> (Bands, Bands) {
        let windowed = self.window.iter().zip(reference.iter().zip(test));
        let windowed = windowed.map(|(window, (one, two))| (window * one, window * two)).collect();
        let both = spectrum(windowed, &self.turns);
        // Two real signals went through one complex transform.
        let levels: Vec<_> = (0..=FRAME / 2)
            .map(|index| {
                let ((a, b), (c, d)) = (both[index], both[(FRAME - index) % FRAME]);
                ((a + c).hypot(b - d) / 2.0, (b + d).hypot(c - a) / 2.0)
            })
            .collect();
        let band = |power: &dyn Fn(Complex) -> f64, band: usize| -> f64 {
            let parts = self.parts[band].iter();
            parts.map(|&(index, part)| part * self.outer[index] * power(levels[index])).sum()
        };
        let signal = std::array::from_fn(|index| band(&|(one, _)| one * one, index) + self.inner[index]);
        (signal, std::array::from_fn(|index| band(&|(one, two)| (one - two).powi(2), index)))
    }

    /// Masking goes 27 dB per Bark downwards, and upwards the farther the louder.
    fn spread(&self, power: &Bands) -> Bands {
        let (down, mut sum) = (10_f64.powf(-2.7 * BARK), [0.0; BANDS]);
        for (band, (&power, centre)) in power.iter().zip(self.centre).enumerate() {
            let up = 10_f64.powf((-2.4 - 23.0 / centre) * BARK) * power.powf(0.2 * BARK);
            let series = |ratio: f64, count: usize| (1.0 - ratio.powi(count as i32)) / (1.0 - ratio);
            let own = (power / (series(down, band + 1) + series(up, BANDS - band) - 1.0)).powf(0.4);
            let (down, up) = (down.powf(0.4), up.powf(0.4));
            let (mut below, mut above) = (own, own);
            for other in (0..=band).rev() {
                sum[other] += below;
                below *= down;
            }
            for other in &mut sum[band + 1..] {
                above *= up;
                *other += above;
            }
        }
        std::array::from_fn(|band| sum[band].powf(2.5) / self.flat[band])
    }
}

/// The discrete Fourier transform of [`FRAME`] numbers; `turns` are the steps of half a circle.
fn spectrum(mut numbers: Vec<Complex>, turns: &[Complex]) -> Vec<Complex> {
    let bits = FRAME.trailing_zeros();
    for index in 0..FRAME {
        let other = index.reverse_bits() >> (usize::BITS - bits);
        if index < other {
            numbers.swap(index, other);
        }
    }
    for half in (0..bits).map(|bit| 1 << bit) {
        for start in (0..FRAME).step_by(2 * half) {
            for index in start..start + half {
                let (cosine, sine) = turns[(index - start) * (FRAME / 2 / half)];
                let ((a, b), (c, d)) = (numbers[index], numbers[index + half]);
                let (c, d) = (cosine * c - sine * d, cosine * d + sine * c);
                numbers[index] = (a + c, b + d);
                numbers[index + half] = (a - c, b - d);
            }
        }
    }
    numbers
}
