//! What the worker does, step by step.

use std::io;
use std::rc::Rc;

use super::audible::audible;
use super::encode::{self, Source};
use super::fault::unreadable;
use super::link::{Link, Remote};
use super::measure::measure;
use super::output::Output;
use super::parts::Parts;
use super::pool::Pool;
use super::refine::Refine;
use super::sounds::Sounds;
use super::{confine, copy, cutter, keep};
use crate::libav::{self, Input};
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
    link.send(&last).map_err(|_| io::ErrorKind::BrokenPipe.into())
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

/// Probe, choose, and copy, or measure, extract, refine and encode; finish.
fn convert(link: &Rc<Link>, job: &Job, settings: &Settings, pool: &Pool) -> Result<Report, Failure> {
    let mut input = open(link, job)?;
    input.look_ahead();
    let mut source = input.probe();
    link.send(&FromWorker::Opened(source.duration))?;
    let (mut metadata, warnings) = keep::kept(&input, &source, settings);
    if let Some(sound) = copy::possible(&input, settings) {
        return copy::run(link, input, sound, settings, (metadata, warnings));
    }
    let again = || open(link, job);
    let measured = measure(|| Sounds::start(again()?, again, settings), settings)?;
    let mut sound = Sounds::start(input, again, settings)?;
    sound.complete(&mut source);
    let shape = sound.shape();
    let left_out = cutter::length(&measured.cuts, shape.rate);
    metadata.chapters = cutter::moved(metadata.chapters, &measured.cuts, shape.rate);
    let expected = |sound: &Sounds| sound.total().map(|total| total.saturating_sub(left_out));
    let output = Output::new(link, shape.rate, expected(&sound));
    let of = Source { shape, bits: sound.bits() };
    let mut parts = Parts::new(settings, of, metadata, pool, output);
    let mut refine = Refine::new(&measured, settings, shape);
    while sound.advance()? {
        refine.pass(&sound, &mut parts)?;
        parts.expect(expected(&sound));
    }
    let (stats, peaks) = refine.finish(&mut parts)?;
    source.duration = source.duration.or(sound.length());
    let samples = parts.finish()?;
    if samples == 0 {
        return Err(nothing(settings, &sound));
    }
    let silent = stats.is_silent().then(|| silent(again, sound.stream())).transpose()?;
    let found = sound.warnings().into_iter().chain(stats.clipped()).chain(silent);
    Ok(Report::Converted {
        source,
        codec: encode::codec(settings.format).to_owned(),
        sample_rate: shape.rate,
        channels: shape.channels,
        samples,
        peaks,
        warnings: found.chain(warnings).collect(),
    })
}

/// Why there is no result.
fn nothing(settings: &Settings, sound: &Sounds) -> Failure {
    match sound.end().filter(|_| settings.start.is_some()) {
        Some(end) => {
            let (hours, minutes, seconds) =
                (end.as_secs() / 3600, end.as_secs() / 60 % 60, end.as_secs() % 60);
            Failure::StartTooLate(format!("{hours}:{minutes:02}:{seconds:02}"))
        }
        None => Failure::Unreadable("none of its sound can be decoded".into()),
    }
}

/// There is nothing to hear in the sound of this index, or in all of them.
fn silent(open: impl Fn() -> Result<Input, Failure>, taken: Option<u32>) -> Result<Warning, Failure> {
    let audible = taken.map(|taken| Ok(audible(open()?, taken))).transpose()?;
    Ok(Warning::Silent { audible: audible.unwrap_or_default() })
}
