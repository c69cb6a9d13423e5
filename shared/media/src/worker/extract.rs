//! The step from packets to samples: decode, resample, trim.

use std::time::Duration;

use super::encode;
use super::steps::unreadable;
use super::timeline::{Timeline, samples};
use crate::libav::{Decoder, Fault, Input, Received, Resampler, Shape, Sound};
use crate::protocol::Failure;
use crate::report::Warning;
use crate::settings::{Settings, Track};

/// Sound that starts later than the pictures, by at least this much, is preceded by silence; less is only how
/// containers round their times.
const LEAST_DELAY: Duration = Duration::from_millis(20);
/// A later start than this is taken for a broken clock.
const MOST_DELAY: Duration = Duration::from_secs(600);
/// A shortfall of more than this against the declared length is worth a warning.
const TOLERANCE: Duration = Duration::from_secs(1);
/// The demuxer may fail this often in a row before we take the file for over.
pub(super) const MOST_FAULTS: u32 = 100;
/// Samples of silence at once.
const SILENCE: u64 = 4096;

/// The sound of one file, as samples.
pub(super) struct Extract {
    input: Input,
    decoder: Decoder,
    resampler: Option<Resampler>,
    shape: Shape,
    timeline: Timeline,
    pcm: Vec<f32>,
    /// Samples of silence that are still to come before the first frame.
    silence: u64,
    /// How many there were in all.
    delay: u64,
    /// How long the sound should be.
    declared: Option<Duration>,
    /// How much of the file has gone by, in the time of all its streams.
    passed: Duration,
    /// The same of its bytes, from 0 to 1, where libav tells.
    share: f64,
    stage: Stage,
    damaged: u64,
    mixed: bool,
    bounds: (Option<Duration>, Option<Duration>),
}

/// Where the decoder stands.
#[derive(PartialEq)]
enum Stage {
    /// A frame is decoded and waits.
    Frame,
    /// More is to be decoded.
    Hungry,
    /// All is decoded; the resampler may hold a rest.
    Drained,
    Over,
}

impl Extract {
    /// Opens the sound and decodes its first frame, which alone tells for sure what the sound is.
    pub(super) fn start(mut input: Input, settings: &Settings) -> Result<Self, Failure> {
        let decoder = Decoder::open(&input, choose(&input, &settings.track)?).map_err(unreadable)?;
        let declared = input.stream_duration(decoder.stream());
        if declared.is_some() || input.duration().is_none() {
            // Then no other stream is needed to see whether the file is whole.
            input.select(decoder.stream());
        }
        let mut extract = Self {
            declared: declared.or(input.duration()),
            input,
            decoder,
            resampler: None,
            shape: Shape { rate: 48000, channels: 2 },
            timeline: Timeline::new(None, None, 48000),
            pcm: Vec::new(),
            silence: 0,
            delay: 0,
            passed: Duration::ZERO,
            share: 0.0,
            stage: Stage::Hungry,
            damaged: 0,
            mixed: false,
            bounds: (settings.start, settings.end),
        };
        extract.decode()?;
        if extract.stage != Stage::Frame {
            return Err(Failure::Unreadable("none of its sound can be decoded".into()));
        }
        extract.settle(settings);
        Ok(extract)
    }

    /// With the first frame at hand, fixes what comes out.
    fn settle(&mut self, settings: &Settings) {
        let frame = self.decoder.frame();
        self.shape = encode::shape(settings, frame.sample_rate(), frame.channels());
        self.timeline = Timeline::new(settings.start, settings.end, self.shape.rate);
        let first = frame.pts().and_then(|pts| self.input.micros(self.decoder.stream(), pts));
        self.mixed = frame.channels() > 2;
        self.delay = samples(lateness(&self.input, first), self.shape.rate);
        self.silence = self.delay;
    }

    /// What comes out.
    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// Of a sample of the source, where nothing was lost.
    pub(super) fn bits(&self) -> u8 {
        self.decoder.bits()
    }

    /// Whether more channels than the result has are mixed into it: then peaks may be beyond full scale.
    pub(super) fn is_mixed(&self) -> bool {
        self.mixed
    }

    /// How long the result will be, as far as the file tells; else as what has gone by of it suggests.
    pub(super) fn total(&self) -> Option<Duration> {
        let (start, end) = self.bounds;
        let declared = self.declared.or_else(|| self.guess());
        let declared = declared.map_or(end, |declared| Some(declared.min(end.unwrap_or(declared))));
        declared.map(|end| end.saturating_sub(start.unwrap_or_default()))
    }

    fn guess(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.found().as_secs_f64() / self.share)
            .ok()
            .filter(|_| self.share > 0.01)
    }

    /// How long the sound is, once all of it has gone by.
    pub(super) fn length(&self) -> Option<Duration> {
        (self.stage == Stage::Over).then(|| self.found())
    }

    /// How long the sound is that has gone by.
    fn found(&self) -> Duration {
        let samples = self.timeline.position().saturating_sub(self.delay);
        Duration::from_secs_f64(samples as f64 / f64::from(self.shape.rate))
    }

    /// The next samples, interleaved; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<&[f32]>, Failure> {
        while !self.timeline.is_over() && self.fill()? {
            let channels = usize::from(self.shape.channels);
            let kept = self.timeline.pass(self.pcm.len() / channels);
            if !kept.is_empty() {
                return Ok(Some(&self.pcm[kept.start * channels..kept.end * channels]));
            }
        }
        Ok(None)
    }

    /// Puts the next samples of the source into `pcm`, maybe none; `false` at the end.
    fn fill(&mut self) -> Result<bool, Failure> {
        self.pcm.clear();
        if self.silence > 0 {
            let samples = self.silence.min(SILENCE);
            self.silence -= samples;
            self.pcm.resize(samples as usize * usize::from(self.shape.channels), 0.0);
            return Ok(true);
        }
        match self.stage {
            Stage::Frame => self.resample()?,
            Stage::Hungry => self.decode()?,
            Stage::Drained => {
                self.stage = Stage::Over;
                self.drain()?;
            }
            Stage::Over => return Ok(false),
        }
        Ok(true)
    }

    /// Converts the frame that waits. Frames may change in the middle of a file, and the resampler with them.
    fn resample(&mut self) -> Result<(), Failure> {
        self.stage = Stage::Hungry;
        if !self.resampler.as_ref().is_some_and(|resampler| resampler.fits(self.decoder.frame())) {
            self.drain()?;
            self.resampler = Resampler::new(self.decoder.frame(), self.shape).map_err(unmixable)?.into();
        }
        let Some(resampler) = &mut self.resampler else { return Ok(()) };
        resampler.convert(self.decoder.frame(), &mut self.pcm).map_err(unmixable)
    }

    /// Takes the rest out of the resampler, and the resampler away.
    fn drain(&mut self) -> Result<(), Failure> {
        self.resampler.take().map_or(Ok(()), |mut rest| rest.finish(&mut self.pcm)).map_err(unmixable)
    }

    /// Runs the decoder until a frame is there or all is decoded. What can't be decoded is left out and counted.
    fn decode(&mut self) -> Result<(), Failure> {
        loop {
            match self.decoder.receive() {
                Ok(Received::Frame) => break self.stage = Stage::Frame,
                Ok(Received::End) => break self.stage = Stage::Drained,
                Ok(Received::Hungry) => self.feed()?,
                Err(fault) => self.leave_out(fault)?,
            }
        }
        Ok(())
    }

    /// Gives the decoder its next packet, or the end.
    fn feed(&mut self) -> Result<(), Failure> {
        let mut faults = 0;
        while faults < MOST_FAULTS {
            match self.input.next_packet() {
                Ok(Some(packet)) => {
                    self.passed = self.passed.max(packet.end.unwrap_or_default());
                    self.share = self.share.max(packet.share.unwrap_or_default());
                    if packet.stream() == self.decoder.stream() {
                        return self.decoder.send(&packet).or_else(|fault| self.leave_out(fault));
                    }
                }
                Ok(None) => break,
                Err(fault) if fault.is_memory() => return Err(unreadable(fault)),
                Err(_) => faults += 1,
            }
        }
        self.decoder.finish();
        Ok(())
    }

    fn leave_out(&mut self, fault: Fault) -> Result<(), Failure> {
        self.damaged += 1;
        if fault.is_memory() { Err(unreadable(fault)) } else { Ok(()) }
    }

    /// What the user should know, once all is extracted.
    pub(super) fn warnings(&self) -> Vec<Warning> {
        let damaged = (self.damaged > 0).then_some(Warning::Damaged { packets: self.damaged });
        self.truncated().into_iter().chain(damaged).collect()
    }

    /// A file that stops early. Where only the container declares a length, the pictures may rightly last longer than
    /// the sound: then it counts how much of the file has gone by.
    fn truncated(&self) -> Option<Warning> {
        shortfall(self.declared.filter(|_| self.stage == Stage::Over), self.found(), self.passed)
    }
}

/// A warning if much less was found than was expected. `passed` is how much of the file has gone by, in its own time.
pub(super) fn shortfall(expected: Option<Duration>, found: Duration, passed: Duration) -> Option<Warning> {
    let expected = expected?;
    (found.max(passed) + TOLERANCE < expected).then_some(Warning::Truncated { expected, found })
}

/// By how much sound that starts at `first`, in microseconds of the file's own time, starts after the pictures.
pub(super) fn lateness(input: &Input, first: Option<i64>) -> Duration {
    let delay = first.zip(input.pictures_start()).and_then(|(sound, picture)| sound.checked_sub(picture));
    let delay = delay.and_then(|delay| u64::try_from(delay).ok()).map(Duration::from_micros);
    delay.filter(|delay| (LEAST_DELAY..MOST_DELAY).contains(delay)).unwrap_or_default()
}

/// The sound that is wanted, and that we can decode.
pub(super) fn choose(input: &Input, track: &Track) -> Result<Sound, Failure> {
    let found = input.sound(track).map_err(Failure::UnsupportedCodec)?;
    found.ok_or_else(|| match track {
        Track::Best => silent(input),
        Track::Number(number) => Failure::NoTrack(format!("number {number}")),
        Track::Language(language) => Failure::NoTrack(format!("in the language {language}")),
    })
}

/// No stream at all is no media file.
fn silent(input: &Input) -> Failure {
    match input.probe().streams.is_empty() {
        true => Failure::Unreadable("there is nothing in it".into()),
        false => Failure::NoAudio,
    }
}

fn unmixable(fault: Fault) -> Failure {
    match fault.is_memory() {
        true => unreadable(fault),
        false => Failure::Unreadable("its channels or its sample rate are not of this world".into()),
    }
}
