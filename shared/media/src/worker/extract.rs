//! The step from packets to samples: decode, resample, put where they belong, trim.

mod seek;

use std::ops::Range;
use std::time::Duration;

use super::account::Account;
use super::encode;
use super::fault::unreadable;
use super::select::{await_sound, barred};
use super::successor::Successor;
use super::timeline::{Timeline, samples};
use crate::clock::{Clock, Trust};
use crate::libav::{Barred, Decoder, Fault, Input, Received, Resampler, SILENCE, Shape, Sound};
use crate::protocol::Failure;
use crate::report::Probe;
use crate::settings::{Settings, Track};

/// The demuxer may fail this often in a row before we take the file for over.
pub(super) const MOST_FAULTS: u32 = 100;

/// The sound of one file, as samples.
pub(super) struct Extract {
    input: Input,
    decoder: Decoder,
    /// Where sounds take turns.
    successor: Option<Successor>,
    resampler: Option<Resampler>,
    shape: Shape,
    timeline: Timeline,
    clock: Clock,
    pcm: Vec<f32>,
    /// What of it is wanted.
    kept: Range<usize>,
    /// Whether it is known how much silence comes before the frame that waits, and how many of its samples are left.
    placed: bool,
    silence: u64,
    /// Samples of it that are left out: those before where it was gone to.
    part: u32,
    /// How much later the sound begins than the pictures, also in samples of the source.
    delay: Duration,
    late: u64,
    /// Whether the length that is declared is that of all of the file.
    whole: bool,
    /// How much of the file has gone by, in the time of all its streams.
    passed: Duration,
    /// The same of its bytes, from 0 to 1, where libav tells.
    share: f64,
    stage: Stage,
    /// The most channels of a frame so far.
    channels: u32,
    /// Whether one channel was asked for.
    mono: bool,
    account: Account,
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
        input.look_ahead();
        let sound = await_sound(&mut input, &settings.track)?;
        let decoder = open(&input, sound)?;
        let declared = input.stream_duration(sound.index);
        if declared.is_some() || input.duration().is_none() {
            // Then no other stream is needed to see whether the file is whole.
            input.select(sound.index);
        } else {
            input.follow(sound.index);
        }
        let best = settings.track == Track::Best;
        let unchosen = input.unsure(sound).filter(|_| best);
        let (whole, declared) = (declared.is_none(), declared.or(input.duration()));
        let mut extract = Self {
            account: Account { declared, guessed: input.is_guess(), unchosen, ..Account::default() },
            clock: clock(&input, declared),
            successor: (best && input.trust() == Trust::Running).then(Successor::default),
            input,
            decoder,
            resampler: None,
            shape: Shape { rate: 48000, channels: 2 },
            timeline: Timeline::new(None, None, 48000),
            pcm: Vec::new(),
            kept: 0..0,
            placed: false,
            silence: 0,
            part: 0,
            delay: Duration::ZERO,
            late: 0,
            whole,
            passed: Duration::ZERO,
            share: 0.0,
            stage: Stage::Hungry,
            channels: 0,
            mono: settings.channels == Some(1),
            bounds: (settings.start, settings.end),
        };
        extract.decode()?;
        if extract.stage != Stage::Frame {
            return Err(Failure::Unreadable("none of its sound can be decoded".into()));
        }
        extract.settle(settings)?;
        Ok(extract)
    }

    /// With the first frame at hand, fixes what comes out.
    fn settle(&mut self, settings: &Settings) -> Result<(), Failure> {
        let frame = self.decoder.frame();
        self.shape = encode::shape(settings, frame.sample_rate(), frame.channels());
        self.timeline = Timeline::new(settings.start, settings.end, self.shape.rate);
        self.place()?;
        self.late = self.silence;
        self.delay =
            Duration::from_secs_f64(self.silence as f64 / f64::from(self.decoder.frame().sample_rate()));
        Ok(())
    }

    /// The index of the stream that it is from.
    pub(super) fn stream(&self) -> u32 {
        self.decoder.stream()
    }

    /// What comes out.
    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// Adds what the first frame tells to what the container said.
    pub(super) fn complete(&self, source: &mut Probe) {
        let mut streams = source.streams.iter_mut();
        if let Some(stream) = streams.find(|stream| stream.index == self.decoder.stream()) {
            let frame = self.decoder.frame();
            stream.sample_rate = stream.sample_rate.or(Some(frame.sample_rate()));
            stream.channels = stream.channels.or(Some(frame.channels()));
        }
    }

    /// Of a sample of the source, where nothing was lost.
    pub(super) fn bits(&self) -> u8 {
        self.decoder.bits()
    }

    /// Whether more channels than the result has are mixed into it: then peaks may be beyond full scale.
    pub(super) fn is_mixed(&self) -> bool {
        self.channels > 2
    }

    /// How long the result will be, as far as the file tells; else as what has gone by of it suggests.
    pub(super) fn total(&self) -> Option<Duration> {
        let (start, end) = self.bounds;
        let declared = self.account.declared.or_else(|| self.guess());
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

    /// Where the sound ends, as `start` counts it, once all of it has gone by.
    pub(super) fn end(&self) -> Option<Duration> {
        self.length().map(|length| length + self.delay)
    }

    /// How long the sound is that has gone by.
    fn found(&self) -> Duration {
        let samples = self.timeline.position() as f64;
        Duration::from_secs_f64(samples / f64::from(self.shape.rate)).saturating_sub(self.delay)
    }

    /// Goes to the next [`samples`](Extract::pcm); `false` at the end.
    pub(super) fn advance(&mut self) -> Result<bool, Failure> {
        self.kept = 0..0;
        while self.kept.is_empty() && !self.timeline.is_over() && self.fill()? {
            let channels = usize::from(self.shape.channels);
            let kept = self.timeline.pass(self.pcm.len() / channels);
            self.kept = kept.start * channels..kept.end * channels;
        }
        Ok(!self.kept.is_empty())
    }

    /// The samples at hand, interleaved.
    pub(super) fn pcm(&self) -> &[f32] {
        &self.pcm[self.kept.clone()]
    }

    /// Puts the next samples of the source into `pcm`, maybe none; `false` at the end.
    fn fill(&mut self) -> Result<bool, Failure> {
        self.pcm.clear();
        match self.stage {
            Stage::Frame if !self.placed => self.place()?,
            Stage::Frame if self.silence > 0 => self.keep_silent()?,
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

    /// Finds out how much silence belongs before the frame that waits. Frames may change in the middle of a file, and the
    /// resampler with them.
    fn place(&mut self) -> Result<(), Failure> {
        if !self.resampler.as_ref().is_some_and(|resampler| resampler.fits(self.decoder.frame())) {
            self.drain()?;
            self.resampler = Resampler::new(self.decoder.frame(), self.shape).map_err(unmixable)?.into();
        }
        let frame = self.decoder.frame();
        self.channels = self.channels.max(frame.channels());
        let silence = Duration::from_nanos(self.clock.next(frame.piece()) as u64);
        self.silence = samples(silence, frame.sample_rate());
        self.placed = true;
        Ok(())
    }

    fn keep_silent(&mut self) -> Result<(), Failure> {
        let Some(resampler) = &mut self.resampler else { return Ok(()) };
        let count = self.silence.min(SILENCE.into());
        self.silence -= count;
        resampler.silence(count as u32, &mut self.pcm).map_err(unmixable)
    }

    /// Converts the frame that waits.
    fn resample(&mut self) -> Result<(), Failure> {
        (self.stage, self.placed) = (Stage::Hungry, false);
        let Some(resampler) = &mut self.resampler else { return Ok(()) };
        let part = std::mem::take(&mut self.part);
        resampler.convert(self.decoder.frame(), part, &mut self.pcm).map_err(unmixable)
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
                Ok(Received::End) if self.succeed()? => {}
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
                        if packet.is_encrypted() {
                            return Err(Failure::Encrypted);
                        }
                        let end = packet.piece.at.map(|at| at.saturating_add(packet.piece.length));
                        self.successor.iter_mut().for_each(|successor| successor.goes_on(end));
                        return self.decoder.send(&packet).or_else(|fault| self.leave_out(fault));
                    }
                    if packet.is_sound
                        && let Some(successor) = &mut self.successor
                        && successor.sees(&packet)?
                    {
                        break;
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

    /// Goes on with the sound that follows this one, if there is one.
    fn succeed(&mut self) -> Result<bool, Failure> {
        let Some((stream, packets)) = self.successor.as_mut().and_then(Successor::take) else {
            return Ok(false);
        };
        let Some(sound) = self.input.sound_at(stream) else { return Ok(false) };
        self.decoder = open(&self.input, sound)?;
        self.input.put_back(packets);
        self.account.taken_over += 1;
        Ok(true)
    }

    fn leave_out(&mut self, fault: Fault) -> Result<(), Failure> {
        self.account.damaged += 1;
        if fault.is_memory() { Err(unreadable(fault)) } else { Ok(()) }
    }

    /// What is to be said about it, once all is extracted.
    pub(super) fn account(mut self) -> Account {
        // A container's length counts from where the file begins.
        let before = if self.whole { self.delay } else { Duration::ZERO };
        self.account.found = self.length().map(|length| length + before);
        self.account.passed = self.passed;
        self.account.times = self.clock.timestamp_faults();
        let mixed = self.shape.channels == 1 && self.channels > 1 && !self.mono;
        self.account.became_mono = mixed.then_some(self.channels);
        self.account
    }
}

fn open(input: &Input, sound: Sound) -> Result<Decoder, Failure> {
    Decoder::open(input, sound).map_err(|fault| match fault.is_memory() {
        true => unreadable(fault),
        false => {
            barred(Barred::Unsupported(input.describe(sound).map(|stream| stream.codec).unwrap_or_default()))
        }
    })
}

/// The timeline of the sound.
pub(super) fn clock(input: &Input, declared: Option<Duration>) -> Clock {
    let declared = declared.and_then(|declared| i64::try_from(declared.as_nanos()).ok());
    Clock::new(input.trust(), input.pictures_start(), declared)
}

fn unmixable(fault: Fault) -> Failure {
    match fault.is_memory() {
        true => unreadable(fault),
        false => {
            Failure::Unreadable("it says that it has a sample rate, or more channels, than we can mix".into())
        }
    }
}
