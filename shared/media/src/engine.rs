//! The service's side of a job: starts a worker, answers its reads, takes what it encodes.

mod blocks;
pub(crate) mod budget;
mod output;

use std::io;
use std::num::NonZero;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::time::timeout_at;

use self::blocks::Blocks;
use self::budget::Budget;
use self::output::{NoOutput, Output};
use crate::cpu::CpuTime;
use crate::error::Error;
use crate::ports::{Sink, Source};
use crate::protocol::{Failure, FromWorker, Job, Report, Task, ToWorker};
use crate::report::{Probe, Progress, Summary};
use crate::settings::{Chapters, Settings};
use crate::worker::child::Child;

/// Threads beyond this many wait for the one that decodes.
const MOST_THREADS: usize = 8;

/// How to start workers, and what each of them may use. Cheap to clone. Its futures need a tokio runtime with IO and
/// time enabled.
#[derive(Debug, Clone)]
pub struct Engine {
    program: PathBuf,
    limits: Limits,
    threads: usize,
    cpu: CpuTime,
}

/// What one job may use at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From start to end; beyond it is [`Error::TimedOut`]. A source that declares a length has 5 minutes, as long again as
    /// its sound lasts and a second a MiB, if that is less.
    pub wall: Duration,
    /// Of the worker, in whole seconds; beyond it is [`Error::TimedOut`]. A source that declares a length has 2 minutes and
    /// as long again as its sound lasts, if that is less.
    pub cpu: Duration,
    /// The worker's address space; beyond it is [`Error::Unreadable`], since it is the file that asks for so much, or
    /// [`Error::Crashed`].
    pub memory_bytes: u64,
    /// The result's length, all parts together; beyond it is [`Error::TooLarge`].
    pub output_bytes: u64,
}

impl Default for Limits {
    /// 25 minutes of wall clock, below the 30 after which RabbitMQ takes an unacknowledged job for lost; 20 minutes of
    /// CPU, about 25 hours of sound; 512 MiB of address space; 4 GiB of result.
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(25 * 60),
            cpu: Duration::from_secs(20 * 60),
            memory_bytes: 512 << 20,
            output_bytes: 4 << 30,
        }
    }
}

impl Engine {
    /// Workers are this very program, whose `main` must call [`worker::run_if_asked`](crate::worker::run_if_asked)
    /// first thing.
    ///
    /// # Errors
    /// If the system doesn't tell which program this is: `/proc` is not mounted.
    pub fn this_program() -> io::Result<Self> {
        // The link and not its target: it stays right when the file is replaced by an update.
        let program = PathBuf::from("/proc/self/exe");
        std::fs::metadata(&program)?;
        Ok(Self::at(program))
    }

    /// Workers are `program`, whose `main` must call [`worker::run_if_asked`](crate::worker::run_if_asked) first thing.
    pub fn at(program: PathBuf) -> Self {
        let cores = available_parallelism().map_or(1, NonZero::get);
        Self { program, limits: Limits::default(), threads: cores.min(MOST_THREADS), cpu: CpuTime::default() }
    }

    /// The same, with other limits.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The same, with another number of threads that encode in each worker; by default one for each core that this
    /// process may use, at most 8. The result doesn't depend on it. Each takes about 6 MiB.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self { threads: threads.clamp(1, MOST_THREADS), ..self }
    }

    /// The same, whose workers' CPU time is added to `cpu`, whatever becomes of their jobs.
    #[must_use]
    pub fn metered(&self, cpu: &CpuTime) -> Self {
        Self { cpu: cpu.clone(), ..self.clone() }
    }

    /// Finds out what `source` is, reading little of it.
    ///
    /// # Errors
    /// [`Error::Unreadable`], [`Error::Source`], [`Error::TimedOut`] or [`Error::Crashed`].
    pub async fn probe<S: Source + Send + Sync>(&self, source: &S) -> Result<Probe, Error> {
        let outcome = self.run(source, Task::Probe, &mut NoOutput, |_| ()).await?;
        match outcome.report {
            Report::Probed(probe) => Ok(probe),
            Report::Converted { .. } => Err(nonsense()),
        }
    }

    /// Takes the sound out of `source` and writes it to `sink` as `settings` say, with [`Chapters::Split`] in parts, which
    /// the sink must [take](Sink::begin). `progress` is called a few times a second. Dropping the future kills the worker; what was written so far is for the caller to remove.
    ///
    /// # Errors
    /// All of [`Error`]. Settings that don't pass [`Settings::check`] are [`Error::Crashed`]: callers check first,
    /// since only they know whom to tell.
    pub async fn convert<S: Source + Send + Sync, K: Sink + Send>(
        &self,
        source: &S,
        settings: &Settings,
        sink: &mut K,
        progress: impl FnMut(Progress) + Send,
    ) -> Result<Summary, Error> {
        settings.check().map_err(|invalid| Error::Crashed(format!("unchecked settings: {invalid}")))?;
        let outcome = self.run(source, Task::Convert(settings.clone()), sink, progress).await?;
        summary(outcome).ok_or_else(nonsense)
    }

    async fn run<S: Source + Send + Sync, K: Sink + Send>(
        &self,
        source: &S,
        task: Task,
        sink: &mut K,
        progress: impl FnMut(Progress) + Send,
    ) -> Result<Outcome, Error> {
        let Limits { cpu, memory_bytes, output_bytes, .. } = self.limits;
        let budget = Budget::new(self.limits, source.size());
        let split = matches!(&task, Task::Convert(settings) if settings.chapters == Chapters::Split);
        let job = Job { task, size: source.size(), cpu, memory_bytes, threads: self.threads };
        let child =
            Child::start(&self.program, &self.cpu).map_err(|error| Error::Crashed(error.to_string()))?;
        let output = Output::new(sink, output_bytes, split);
        let conversation = Conversation { child, budget, blocks: Blocks::new(source), output, progress };
        conversation.hold(job).await
    }
}

/// One job under way.
struct Conversation<'a, S, K, P> {
    child: Child,
    budget: Budget,
    blocks: Blocks<'a, S>,
    output: Output<'a, K>,
    progress: P,
}

/// What a job came to.
struct Outcome {
    report: Report,
    read: u64,
    written: u64,
}

impl<S: Source + Send + Sync, K: Sink + Send, P: FnMut(Progress) + Send> Conversation<'_, S, K, P> {
    async fn hold(mut self, job: Job) -> Result<Outcome, Error> {
        let (job, late) = (ToWorker::Job(job), |_| Error::TimedOut);
        timeout_at(self.budget.deadline(), self.send(&job)).await.map_err(late)??;
        loop {
            let step = timeout_at(self.budget.deadline(), self.step()).await.map_err(late)?;
            if let Some(report) = step? {
                self.child.end().await;
                return Ok(Outcome { report, read: self.blocks.read(), written: self.output.written() });
            }
        }
    }

    /// Does what the next message asks for; the report if it is the last one.
    async fn step(&mut self) -> Result<Option<Report>, Error> {
        match self.receive().await? {
            FromWorker::Read { offset, len } => self.answer(offset, len).await?,
            FromWorker::Audio(bytes) => self.blocks.alongside(self.output.write(bytes)).await?,
            FromWorker::Rewrite { offset, bytes } => self.output.rewrite(offset, bytes).await?,
            FromWorker::Part(part) => self.output.begin(part).await?,
            FromWorker::Opened(declared) => {
                self.budget.opened(declared);
                self.child.allow(self.budget.cpu())?;
            }
            FromWorker::Progress(progress) => {
                self.budget.reached(progress.position);
                self.child.allow(self.budget.cpu())?;
                (self.progress)(progress);
            }
            FromWorker::Failed(failure) => return Err(failure.into()),
            FromWorker::Done(report) => return Ok(Some(report)),
        }
        Ok(None)
    }

    async fn send(&mut self, message: &ToWorker) -> Result<(), Error> {
        match self.child.send(message).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.child.cause(error).await),
        }
    }

    async fn receive(&mut self) -> Result<FromWorker, Error> {
        match self.blocks.alongside(self.child.receive()).await {
            Ok(message) => Ok(message),
            Err(error) => Err(self.child.cause(error).await),
        }
    }

    async fn answer(&mut self, offset: u64, len: u32) -> Result<(), Error> {
        let bytes = self.blocks.read_at(offset, len as usize).await.map_err(Error::Source)?;
        self.send(&ToWorker::Bytes(bytes)).await
    }
}

fn summary(outcome: Outcome) -> Option<Summary> {
    let Report::Converted { source, codec, sample_rate, channels, samples, peaks, warnings } = outcome.report
    else {
        return None;
    };
    let nanos = u128::from(samples) * 1_000_000_000 / u128::from(sample_rate.max(1));
    let bitrate = u128::from(outcome.written) * 8_000_000_000 / nanos.max(1);
    Some(Summary {
        source,
        codec,
        // A damaged file may claim kilobytes for one sample, or a sample that lasts for ages.
        bitrate: bitrate.try_into().unwrap_or(u32::MAX),
        sample_rate,
        channels,
        duration: Duration::from_nanos(nanos.try_into().unwrap_or(u64::MAX)),
        bytes: outcome.written,
        source_bytes_read: outcome.read,
        peaks,
        warnings,
    })
}

fn nonsense() -> Error {
    Error::Crashed("the worker broke the protocol".into())
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NoAudio => Self::NoAudio,
            Failure::NoTrack(which) => Self::NoTrack(brief(&which)),
            Failure::Unreadable(why) => Self::Unreadable(brief(&why)),
            Failure::UnsupportedCodec(codec) => Self::UnsupportedCodec(brief(&codec)),
            Failure::Encrypted => Self::Encrypted,
            Failure::StartTooLate(end) => Self::StartTooLate(brief(&end)),
            Failure::Internal(why) => Self::Crashed(brief(&why)),
        }
    }
}

/// A worker's text may be shown to the user, so it is kept to a line.
fn brief(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kilobytes_for_one_sample_and_a_sample_that_lasts_for_ages_have_a_summary() {
        for (samples, written, bitrate) in
            [(1, 17_538, u32::MAX), (u64::MAX, 1, 0), (44_100, 16_000, 128_000)]
        {
            let report = Report::Converted {
                source: Probe::default(),
                codec: "vorbis".into(),
                sample_rate: 44_100,
                channels: 2,
                samples,
                peaks: None,
                warnings: Vec::new(),
            };
            let summary = summary(Outcome { report, read: 0, written }).unwrap();
            assert_eq!(summary.bitrate, bitrate, "{samples}");
        }
    }
}
