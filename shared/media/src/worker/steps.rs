//! What the worker does, step by step.

use std::io;
use std::rc::Rc;

use super::encode::Encoder;
use super::extract::Extract;
use super::link::{Link, Remote};
use super::output::Output;
use super::{confine, tag};
use crate::libav::{self, Fault, Input};
use crate::protocol::{Failure, FromWorker, Job, Report, Task};
use crate::settings::Settings;

/// One job, from the first message to the last.
pub(super) fn run() -> io::Result<()> {
    confine::drop_descriptors();
    let link = Rc::new(Link::from_stdin()?);
    confine::die_with_the_service()?;
    let job = link.job()?;
    confine::limit(job.cpu, job.memory_bytes)?;
    libav::quiet();
    let last = match work(&link, &job) {
        Ok(report) => FromWorker::Done(report),
        Err(failure) => FromWorker::Failed(failure),
    };
    link.say(&last).map_err(|_| io::ErrorKind::BrokenPipe.into())
}

fn work(link: &Rc<Link>, job: &Job) -> Result<Report, Failure> {
    let input = Input::open(Remote { link: Rc::clone(link), size: job.size }).map_err(unreadable)?;
    match &job.task {
        Task::Probe => Ok(Report::Probed(input.probe())),
        Task::Convert(settings) => convert(link, input, settings),
    }
}

/// Probe, open, tag, extract, encode, finish.
fn convert(link: &Link, input: Input, settings: &Settings) -> Result<Report, Failure> {
    let source = input.probe();
    let mut sound = Extract::start(input, settings)?;
    let mut output = Output::new(link, sound.shape().rate, sound.total());
    output.write(&tag::id3(&source.tags, &settings.tags)?)?;
    let mut encoder = Encoder::new(settings, sound.shape(), output.written())?;
    while let Some(pcm) = sound.next()? {
        let samples = (pcm.len() / usize::from(encoder.shape().channels)) as u64;
        output.write(encoder.encode(pcm)?)?;
        output.progress(samples)?;
    }
    if output.samples() == 0 {
        return Err(Failure::Unreadable("it ends before the wanted start".into()));
    }
    output.write(encoder.finish()?)?;
    output.finish(encoder.header())?;
    Ok(Report::Converted {
        source,
        codec: encoder.codec().to_owned(),
        sample_rate: encoder.shape().rate,
        channels: encoder.shape().channels,
        samples: output.samples(),
        warnings: sound.warnings(),
    })
}

/// A fault of libav while it reads the file. Memory runs short when the file announces absurd sizes: the file's fault
/// too, and the same at the next try.
pub(super) fn unreadable(fault: Fault) -> Failure {
    Failure::Unreadable(match fault.is_memory() {
        true => "reading it needs more memory than is allowed".into(),
        false => "it is no video or audio file that we know, or it is damaged".into(),
    })
}
