//! The first pass of a conversion that makes the sound as loud as was asked: it measures (EBU R128, ITU-R BS.1770).

use ebur128::{EbuR128, Mode};

use super::extract::Extract;
use crate::protocol::Failure;

/// Quieter sound than this in LUFS is silence, and stays so (the standard's absolute gate).
const SILENCE: f64 = -70.0;

/// The factor that brings `sound` to `target` LUFS. Uses the sound up.
pub(super) fn gain(mut sound: Extract, target: f64) -> Result<f32, Failure> {
    let shape = sound.shape();
    // A histogram, so that memory doesn't grow with length.
    let mut meter =
        EbuR128::new(shape.channels.into(), shape.rate, Mode::I | Mode::HISTOGRAM).map_err(refused)?;
    while sound.advance()? {
        meter.add_frames_f32(sound.pcm()).map_err(refused)?;
    }
    let loudness = meter.loudness_global().map_err(refused)?;
    Ok(if loudness > SILENCE { 10_f64.powf((target - loudness) / 20.0) as f32 } else { 1.0 })
}

fn refused(error: ebur128::Error) -> Failure {
    Failure::Internal(format!("the loudness can't be measured: {error}"))
}
