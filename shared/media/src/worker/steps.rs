//! What the worker does, step by step.

use std::io;
use std::rc::Rc;

use super::about::{About, Said};
use super::account::Heard;
use super::audible::audible;
use super::encode::{self, Source};
use super::extract::Extract;
use super::level::Level;
use super::link::{Link, Remote};
use super::output::Output;
use super::parts::Parts;
use super::pool::Pool;
use super::{confine, copy, loudness};
use crate::libav::{self, Fault, Input};
use crate::protocol::{Failure, FromWorker, Job, Report, Task};
use crate::report::Warning;
use crate::settings::Settings;

/// One job, from the first message to the last.
pub(super) fn run() -> io::Result<()> {
    confine::turn_inwards()?;
    let link = Rc::new(Link::from_stdin()?);
    confine::die_with_the_service()?;
    let job = link.job()?;
    let pool = confine::close(job.cpu, job.memory_bytes, job.threads)?;
    libav::quiet();
    let last = match work(&link, &job, &pool) {
        Ok(report) => FromWorker::Done(report),
        Err(failure) => FromWorker::Failed(failure),
    };
    link.say(&last).map_err(|_| io::ErrorKind::BrokenPipe.into())
}

fn work(link: &Rc<Link>, job: &Job, pool: &Pool) -> Result<Report, Failure> {
    match &job.task {
        Task::Probe => Ok(Report::Probed(Input::open(remote(link, job)).map_err(unreadable)?.probe())),
        Task::Convert(settings) => convert(link, job, settings, pool),
    }
}

fn open(link: &Rc<Link>, job: &Job) -> Result<Input, Failure> {
    Input::open_to_read(remote(link, job)).map_err(unreadable)
}

fn remote(link: &Rc<Link>, job: &Job) -> Remote {
    Remote { link: Rc::clone(link), size: job.size }
}

/// Probe, choose, and copy, or extract, level and encode; finish.
fn convert(link: &Rc<Link>, job: &Job, settings: &Settings, pool: &Pool) -> Result<Report, Failure> {
    let mut input = open(link, job)?;
    input.look_ahead();
    let mut source = input.probe();
    link.say(&FromWorker::Opened(source.duration))?;
    let Said { about, warnings } = About::of(&input, &source, settings);
    if let Some(sound) = copy::possible(&input, settings) {
        return copy::run(link, input, sound, settings, Said { about, warnings });
    }
    let gain = match settings.loudness {
        Some(target) => loudness::gain(extract(link, job, open(link, job)?, settings)?, target)?,
        None => 1.0,
    };
    let mut sound = extract(link, job, input, settings)?;
    sound.complete(&mut source);
    let shape = sound.shape();
    let output = Output::new(link, shape.rate, sound.total());
    let of = Source { shape, bits: sound.bits() };
    let mut parts = Parts::new(settings, of, about, pool, output);
    let heard = encode(&mut sound, gain, &mut parts)?;
    source.duration = source.duration.or(sound.length());
    let samples = parts.finish()?;
    let silent = match heard.is_silent() && samples > 0 {
        true => Some(Warning::Silent { audible: audible(open(link, job)?, sound.stream()) }),
        false => None,
    };
    let found = sound.account().warnings().into_iter().chain(heard.clipped()).chain(silent);
    let warnings = found.chain(warnings).collect();
    if samples == 0 {
        return Err(Failure::Unreadable("it ends before the wanted start".into()));
    }
    Ok(Report::Converted {
        source,
        codec: encode::codec(settings.format).to_owned(),
        sample_rate: shape.rate,
        channels: shape.channels,
        samples,
        warnings,
    })
}

/// The sound of `input`, from where it is wanted.
fn extract(link: &Rc<Link>, job: &Job, input: Input, settings: &Settings) -> Result<Extract, Failure> {
    let mut sound = Extract::start(input, settings)?;
    match sound.skip()? {
        true => Ok(sound),
        false => Extract::start(open(link, job)?, settings),
    }
}

/// All of the sound; what it is like.
fn encode(sound: &mut Extract, gain: f32, parts: &mut Parts<'_>) -> Result<Heard, Failure> {
    let (mut level, mut heard) = (Level::new(gain, sound.shape()), Heard::default());
    while sound.advance()? {
        level.limit_from_now(sound.is_mixed());
        let pcm = level.pass(sound.pcm());
        heard.add(pcm);
        parts.encode(pcm)?;
        parts.expect(sound.total());
    }
    let rest = level.rest();
    heard.add(rest);
    parts.encode(rest)?;
    Ok(heard)
}

/// A fault of libav while it reads the file. Memory runs short when the file announces absurd sizes: the file's fault
/// too, and the same at the next try.
pub(super) fn unreadable(fault: Fault) -> Failure {
    Failure::Unreadable(match fault.is_memory() {
        true => "reading it needs more memory than is allowed".into(),
        false => "it is no video or audio file that we know, or it is damaged".into(),
    })
}
