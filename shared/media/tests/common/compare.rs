//! Our decoding against that of ffmpeg's own program.
#![expect(clippy::panic, reason = "a test stops at the first surprise")]
#![expect(clippy::disallowed_methods, reason = "ffmpeg's own program is what we compare with")]

use std::path::Path;
use std::process::Command;

use media::{FileSource, Format, Settings, Summary};

use super::{Memory, engine};

/// We keep the silence before sound that starts after the picture; it is known to so many samples.
const NEAR: usize = 64;

/// What the comparison says.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) file: String,
    /// Of our conversion to WAV.
    pub(crate) summary: Summary,
    /// Seconds that ffmpeg has and we don't.
    pub(crate) missing: f64,
    /// Ours against ffmpeg's, in dB.
    pub(crate) level: f64,
    /// The correlation of the two.
    pub(crate) likeness: f64,
}

impl Row {
    /// Whether somebody might hear a difference.
    pub(crate) fn is_wrong(&self) -> bool {
        self.likeness < 0.99 || self.level.abs() > 0.3 || self.missing.abs() > 0.05
    }
}

/// `None` if ffmpeg itself can't read what it wrote.
pub(crate) async fn compare(file: &Path) -> Result<Option<Row>, String> {
    if decoded_by_ffmpeg(file, 8000, 1).len() < 20_000 {
        return Ok(None);
    }
    let (summary, ours) = decoded(file).await?;
    let channels = usize::from(summary.channels);
    let theirs = decoded_by_ffmpeg(file, summary.sample_rate, channels);
    let rate = f64::from(summary.sample_rate);
    let shift = if likeness(&ours, &theirs) > 0.99 { 0 } else { best_shift(&ours, &theirs, channels) };
    let ours = &ours[(shift * channels).min(ours.len())..];
    Ok(Some(Row {
        file: file.file_name().unwrap().to_string_lossy().into_owned(),
        missing: (theirs.len() as f64 - ours.len() as f64) / channels as f64 / rate,
        level: 10.0 * (energy(ours) / energy(&theirs)).log10(),
        likeness: likeness(ours, &theirs),
        summary,
    }))
}

/// Converted to WAV, as interleaved samples.
pub(crate) async fn decoded(file: &Path) -> Result<(Summary, Vec<f32>), String> {
    let (source, mut sink) = (FileSource::open(file).unwrap(), Memory::default());
    let settings = Settings { format: Format::Wav, ..Settings::default() };
    let converted = engine().convert(&source, &settings, &mut sink, |_| ()).await;
    let summary = converted.map_err(|error| format!("{error:?}"))?;
    let pcm = samples(&sink.0, usize::from(summary.channels));
    Ok((summary, pcm))
}

pub(crate) fn decoded_by_ffmpeg(file: &Path, rate: u32, channels: usize) -> Vec<f32> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "quiet", "-nostdin", "-i"]).arg(file).args(["-map", "0:a:0", "-f", "f32le"]);
    command.args(["-ar", &rate.to_string(), "-ac", &channels.to_string(), "-c:a", "pcm_f32le", "-"]);
    let output = command.output().unwrap();
    output.stdout.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

/// Of a WAV of 16 or 24 bits.
fn samples(wav: &[u8], channels: usize) -> Vec<f32> {
    let at = |offset: usize| u32::from_le_bytes(wav[offset..offset + 4].try_into().unwrap()) as usize;
    let mut chunk = 12;
    let mut width = 2;
    while &wav[chunk..chunk + 4] != b"data" {
        if &wav[chunk..chunk + 4] == b"fmt " {
            width = usize::from(wav[chunk + 22]) / 8;
            assert_eq!(usize::from(wav[chunk + 10]), channels);
        }
        chunk += 8 + at(chunk + 4);
    }
    assert_eq!(at(chunk + 4), wav.len() - chunk - 8, "the header tells the length");
    let number = |bytes: &[u8]| match bytes {
        [low, high] => f32::from(i16::from_le_bytes([*low, *high])) / 32768.0,
        [low, middle, high] => (i32::from_le_bytes([0, *low, *middle, *high]) >> 8) as f32 / 8_388_608.0,
        _ => panic!("{width} bytes a sample"),
    };
    wav[chunk + 8..].chunks_exact(width).map(number).collect()
}

fn energy(pcm: &[f32]) -> f64 {
    pcm.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / pcm.len().max(1) as f64
}

fn likeness(left: &[f32], right: &[f32]) -> f64 {
    let length = left.len().min(right.len());
    let both: f64 = left.iter().zip(right).map(|(left, right)| f64::from(*left) * f64::from(*right)).sum();
    both / length.max(1) as f64 / (energy(&left[..length]) * energy(&right[..length])).sqrt().max(1e-12)
}

/// By how many samples ours starts later: about as many as it has more.
fn best_shift(ours: &[f32], theirs: &[f32], channels: usize) -> usize {
    let window = &theirs[..theirs.len().min(4000)];
    let of = |shift: &usize| likeness(&ours[(shift * channels).min(ours.len())..], window);
    let more = ours.len().saturating_sub(theirs.len()) / channels;
    (more.saturating_sub(NEAR)..=more + NEAR)
        .max_by(|left, right| of(left).total_cmp(&of(right)))
        .unwrap_or(0)
}
