//! Sound for tests: nothing that an encoder finds easy.

/// So many seconds of tones that come and go, clicks and a hiss, interleaved.
pub(super) fn music(sample_rate: u32, channels: u8, seconds: usize) -> Vec<f32> {
    let mut random = 1_u32;
    let samples = sample_rate as usize * seconds;
    let mut pcm = Vec::with_capacity(samples * usize::from(channels));
    for sample in 0..samples {
        let time = sample as f32 / sample_rate as f32;
        for channel in 0..channels {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = (random >> 16) as f32 / 65536.0 - 0.5;
            let tone = |hertz: f32, swell: f32| {
                (std::f32::consts::TAU * (hertz * time).fract()).sin() * (0.5 + 0.5 * (swell * time).sin())
            };
            let side = f32::from(channel) * 0.5 + 0.5;
            let click = if sample % (sample_rate as usize / 3) < 20 { 0.4 * side } else { 0.0 };
            let loud = 0.6 + 0.4 * (time * 0.9).sin();
            pcm.push(loud * (0.2 * tone(220.0, 1.7) + 0.15 * tone(1318.5, 3.1) * side + click) + 0.03 * hiss);
        }
    }
    pcm
}
