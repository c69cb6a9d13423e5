//! The sound that is taken, or several of them as one: recorders keep each voice in a track of its own.

use std::collections::BTreeSet;
use std::time::Duration;

use super::extract::Extract;
use crate::libav::{Input, Shape};
use crate::protocol::Failure;
use crate::report::{Probe, Warning};
use crate::settings::{Settings, Track};

/// Sounds that are mixed at most: each reads the file for itself.
const MOST: usize = 16;

/// One sound or several, as samples.
pub(super) struct Sounds {
    voices: Vec<Voice>,
    pcm: Vec<f32>,
}

struct Voice {
    sound: Extract,
    /// What has not been mixed yet.
    pending: Vec<f32>,
    /// Whether no more comes.
    over: bool,
}

impl Sounds {
    /// Where the result begins, by `open` if one must be opened again, or once more.
    pub(super) fn start(
        input: Input,
        open: impl Fn() -> Result<Input, Failure>,
        settings: &Settings,
    ) -> Result<Self, Failure> {
        let mut voices = Vec::new();
        let mut input = Some(input);
        let mut wanted = wanted(input.as_ref(), settings);
        for place in 0..wanted.len() {
            let input = input.take().map_or_else(&open, Ok)?;
            let sound = begin(input, &open, &wanted[place])?;
            // All have the shape of the first.
            let Shape { rate, channels } = sound.shape();
            for other in &mut wanted[place + 1..] {
                (other.sample_rate, other.channels) = (Some(rate), Some(channels));
            }
            voices.push(Voice { sound, pending: Vec::new(), over: false });
        }
        Ok(Self { voices, pcm: Vec::new() })
    }

    /// Goes to the next [`samples`](Sounds::pcm); `false` at the end.
    pub(super) fn advance(&mut self) -> Result<bool, Failure> {
        if let [one] = &mut self.voices[..] {
            return one.sound.advance();
        }
        for voice in &mut self.voices {
            if voice.pending.is_empty() && !voice.over {
                voice.over = !voice.sound.advance()?;
                if !voice.over {
                    voice.pending.extend_from_slice(voice.sound.pcm());
                }
            }
        }
        let ready = self.voices.iter().map(|voice| voice.pending.len()).filter(|ready| *ready > 0).min();
        self.pcm.clear();
        self.pcm.resize(ready.unwrap_or(0), 0.0);
        for voice in self.voices.iter_mut().filter(|voice| !voice.pending.is_empty()) {
            let taken = voice.pending.drain(..self.pcm.len());
            self.pcm.iter_mut().zip(taken).for_each(|(mixed, sample)| *mixed += sample);
        }
        Ok(ready.is_some())
    }

    /// The samples at hand, interleaved.
    pub(super) fn pcm(&self) -> &[f32] {
        match &self.voices[..] {
            [one] => one.sound.pcm(),
            _ => &self.pcm,
        }
    }

    fn first(&self) -> Option<&Extract> {
        self.voices.first().map(|voice| &voice.sound)
    }

    /// The index of the stream that it is from, if that is one.
    pub(super) fn stream(&self) -> Option<u32> {
        self.first().filter(|_| self.voices.len() == 1).map(Extract::stream)
    }

    /// What comes out.
    pub(super) fn shape(&self) -> Shape {
        self.first().map_or(Shape { rate: 48000, channels: 2 }, Extract::shape)
    }

    /// Adds what the first frames tell to what the container said.
    pub(super) fn complete(&self, source: &mut Probe) {
        self.voices.iter().for_each(|voice| voice.sound.complete(source));
    }

    /// Of a sample of the source, where nothing was lost.
    pub(super) fn bits(&self) -> u8 {
        self.voices.iter().map(|voice| voice.sound.bits()).max().unwrap_or(16)
    }

    /// Whether peaks may be beyond full scale.
    pub(super) fn is_mixed(&self) -> bool {
        self.voices.len() > 1 || self.first().is_some_and(Extract::is_mixed)
    }

    /// How long the result will be, as far as the file tells.
    pub(super) fn total(&self) -> Option<Duration> {
        self.voices.iter().filter_map(|voice| voice.sound.total()).max()
    }

    /// How long the sound is, once all of it has gone by.
    pub(super) fn length(&self) -> Option<Duration> {
        self.voices.iter().filter_map(|voice| voice.sound.length()).max()
    }

    /// Where the sound ends, as `start` counts it, once all of it has gone by.
    pub(super) fn end(&self) -> Option<Duration> {
        self.voices.iter().filter_map(|voice| voice.sound.end()).max()
    }

    /// What is to be said about it, once all is extracted: of several that have the same to say, the first one's.
    pub(super) fn warnings(self) -> Vec<Warning> {
        let mut said = BTreeSet::new();
        let all = self.voices.into_iter().flat_map(|voice| voice.sound.account().warnings());
        all.filter(|warning| said.insert(warning.code())).collect()
    }
}

/// The settings for each of the sounds.
fn wanted(input: Option<&Input>, settings: &Settings) -> Vec<Settings> {
    let sounds = input.filter(|_| settings.track == Track::Mix).map(Input::decodable).unwrap_or_default();
    if sounds.len() < 2 {
        let track = if settings.track == Track::Mix { Track::Best } else { settings.track.clone() };
        return vec![Settings { track, ..settings.clone() }];
    }
    let several =
        |sound| input.and_then(|input| input.describe(sound)?.channels).is_some_and(|count| count > 1);
    let stereo = sounds.iter().any(|(_, sound)| several(*sound)).then_some(2);
    let channels = settings.channels.or(stereo);
    let of = |(number, _)| Settings { track: Track::Number(number), channels, ..settings.clone() };
    sounds.into_iter().take(MOST).map(of).collect()
}

/// One sound, from where it is wanted.
fn begin(
    input: Input,
    open: impl Fn() -> Result<Input, Failure>,
    settings: &Settings,
) -> Result<Extract, Failure> {
    let mut sound = Extract::start(input, settings)?;
    match sound.skip()? {
        true => Ok(sound),
        false => Extract::start(open()?, settings),
    }
}
