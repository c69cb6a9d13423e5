//! The first pass of a conversion that depends on all of the sound: it measures how loud it is (EBU R128, ITU-R BS.1770)
//! and finds its pauses.

use std::ops::Range;

use ebur128::{EbuR128, Mode};

use super::pauses::Levels;
use super::sounds::Sounds;
use crate::protocol::Failure;
use crate::settings::{Settings, Silence};

/// Quieter sound than this in LUFS is silence, and stays so (the standard's absolute gate).
const SILENCE: f64 = -70.0;

/// What the second pass has to do.
pub(super) struct Measured {
    /// A factor.
    pub(super) gain: f32,
    /// What to leave out, in samples of one channel.
    pub(super) cuts: Vec<Range<u64>>,
}

/// Listens to all of the sound, if that is needed.
pub(super) fn measure(
    open: impl FnOnce() -> Result<Sounds, Failure>,
    settings: &Settings,
) -> Result<Measured, Failure> {
    let Settings { loudness, silence, .. } = *settings;
    if loudness.is_none() && silence == Silence::Keep {
        return Ok(Measured { gain: 1.0, cuts: Vec::new() });
    }
    let mut sound = open()?;
    let shape = sound.shape();
    // A histogram, so that memory doesn't grow with length.
    let mode = Mode::I | Mode::HISTOGRAM;
    let meter = loudness.map(|_| EbuR128::new(shape.channels.into(), shape.rate, mode));
    let mut meter = meter.transpose().map_err(refused)?;
    let mut levels = (silence != Silence::Keep).then(|| Levels::new(shape));
    while sound.advance()? {
        let pcm = sound.pcm();
        if let Some(meter) = &mut meter {
            meter.add_frames_f32(pcm).map_err(refused)?;
        }
        levels.iter_mut().for_each(|levels| levels.add(pcm));
    }
    let found = meter.map(|meter| meter.loudness_global()).transpose().map_err(refused)?;
    let found = found.zip(loudness).filter(|(found, _)| *found > SILENCE);
    Ok(Measured {
        gain: found.map_or(1.0, |(found, target)| 10_f64.powf((target - found) / 20.0) as f32),
        cuts: levels.map(|levels| levels.cuts(silence)).unwrap_or_default(),
    })
}

fn refused(error: ebur128::Error) -> Failure {
    Failure::Internal(format!("the loudness can't be measured: {error}"))
}
