//! The lowest and the highest sample of each pixel of a waveform, however long the sound is.

use crate::libav::Shape;
use crate::report::Peaks;

/// Pixels at most: half as many at least, where there are enough samples.
const MOST: usize = 4096;
/// Samples of the first pixels; twice as many whenever there is no more room.
const SAMPLES: u32 = 128;

/// Under way.
pub(super) struct Waveform {
    channels: usize,
    rate: u32,
    samples: u32,
    /// Of the pixel under way: samples so far, and their range.
    count: u32,
    range: (f32, f32),
    pixels: Vec<(i8, i8)>,
}

const EMPTY: (f32, f32) = (f32::INFINITY, f32::NEG_INFINITY);

impl Waveform {
    pub(super) fn new(shape: Shape) -> Self {
        let (channels, rate) = (shape.channels.into(), shape.rate);
        Self { channels, rate, samples: SAMPLES, count: 0, range: EMPTY, pixels: Vec::new() }
    }

    pub(super) fn add(&mut self, mut pcm: &[f32]) {
        while !pcm.is_empty() {
            let wanted = (self.samples - self.count) as usize * self.channels;
            let (now, later) = pcm.split_at(pcm.len().min(wanted));
            self.range =
                now.iter().fold(self.range, |(low, high), sample| (low.min(*sample), high.max(*sample)));
            self.count += (now.len() / self.channels) as u32;
            if self.count == self.samples {
                self.close();
            }
            pcm = later;
        }
    }

    fn close(&mut self) {
        let number = |sample: f32| (sample * 128.0).round().clamp(-128.0, 127.0) as i8;
        self.pixels.push((number(self.range.0), number(self.range.1)));
        (self.range, self.count) = (EMPTY, 0);
        if self.pixels.len() == MOST {
            let (pairs, _) = self.pixels.as_chunks::<2>();
            self.pixels = pairs.iter().map(|[a, b]| (a.0.min(b.0), a.1.max(b.1))).collect();
            self.samples *= 2;
        }
    }

    pub(super) fn finish(mut self) -> Peaks {
        if self.count > 0 {
            self.close();
        }
        Peaks {
            sample_rate: self.rate,
            samples_per_pixel: self.samples,
            data: self.pixels.into_iter().flat_map(|(low, high)| [low, high]).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pixel_has_its_lowest_and_highest_sample_of_all_channels() {
        let mut waveform = Waveform::new(Shape { rate: 8000, channels: 2 });
        waveform.add(&[0.5, -0.25].repeat(128));
        waveform.add(&[1.5, 0.0].repeat(3));
        let peaks = waveform.finish();
        assert_eq!((peaks.samples_per_pixel, &peaks.data[..]), (128, &[-32, 64, 0, 127][..]));
    }

    #[test]
    fn a_long_sound_has_no_more_pixels_than_a_short_one() {
        let mut waveform = Waveform::new(Shape { rate: 8000, channels: 1 });
        for place in 0..10_000 {
            waveform.add(&[if place == 7000 { 0.5 } else { 0.0 }; 1000]);
        }
        let Peaks { samples_per_pixel, data, .. } = waveform.finish();
        let pixels = data.len() / 2;
        assert!((MOST / 2..MOST).contains(&pixels), "{pixels}");
        assert_eq!(pixels, 10_000_000_usize.div_ceil(samples_per_pixel as usize));
        let loud: Vec<_> = (0..pixels).filter(|pixel| data[pixel * 2 + 1] == 64).collect();
        assert_eq!(loud[0], 7_000_000 / samples_per_pixel as usize);
    }
}
