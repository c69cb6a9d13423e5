//! What is done to the samples between the source and the encoder: pauses out, level, fades. And what they are like then.

use super::account::AudioStats;
use super::cutter::Cutter;
use super::fade::Fade;
use super::level::Level;
use super::measure::Measured;
use super::parts::Parts;
use super::peaks::Waveform;
use super::sounds::Sounds;
use crate::libav::Shape;
use crate::protocol::Failure;
use crate::report::Peaks;
use crate::settings::Settings;

/// All of the steps.
pub(super) struct Refine {
    cutter: Cutter,
    level: Level,
    fade: Fade,
    stats: AudioStats,
    waveform: Option<Waveform>,
}

impl Refine {
    pub(super) fn new(measured: &Measured, settings: &Settings, shape: Shape) -> Self {
        Self {
            cutter: Cutter::new(&measured.cuts, shape),
            level: Level::new(measured.gain, shape),
            fade: Fade::new(settings.fade, shape),
            stats: AudioStats::default(),
            waveform: settings.peaks.then(|| Waveform::new(shape)),
        }
    }

    /// The samples at hand go into the result.
    pub(super) fn pass(&mut self, sound: &Sounds, parts: &mut Parts<'_>) -> Result<(), Failure> {
        self.level.limit_from_now(sound.is_mixed());
        let pcm = self.fade.pass(self.level.pass(self.cutter.pass(sound.pcm())));
        note(&mut self.stats, &mut self.waveform, pcm);
        parts.encode(pcm)
    }

    /// The last samples do; what all of them are like.
    pub(super) fn finish(mut self, parts: &mut Parts<'_>) -> Result<(AudioStats, Option<Peaks>), Failure> {
        let rest = self.fade.pass(self.level.rest()).to_vec();
        for pcm in [rest, self.fade.rest()] {
            note(&mut self.stats, &mut self.waveform, &pcm);
            parts.encode(&pcm)?;
        }
        Ok((self.stats, self.waveform.map(Waveform::finish)))
    }
}

fn note(stats: &mut AudioStats, waveform: &mut Option<Waveform>, pcm: &[f32]) {
    stats.add(pcm);
    waveform.iter_mut().for_each(|waveform| waveform.add(pcm));
}
