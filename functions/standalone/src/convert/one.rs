//! One conversion: it appears whole or not at all.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::{Duration, Instant},
};

use clap::Args;
use contracts::Options;
use indicatif::{ProgressBar, ProgressStyle};
use media::{Engine, Progress, Sink as _, Summary};

use super::{
    Error,
    names::Pair,
    place::{Target, source},
};

/// What doesn't concern the sound.
#[derive(Args, Clone, Copy)]
pub(super) struct OutputOptions {
    /// Overwrite outputs that exist.
    #[arg(long)]
    pub(super) force: bool,
    /// No progress bar and no summary.
    #[arg(long, short)]
    pub(super) quiet: bool,
}

pub(super) async fn convert(
    engine: &Engine,
    wanted: &Options,
    Pair { input, output }: &Pair,
    how: OutputOptions,
    bar: &ProgressBar,
) -> Result<(), Error> {
    if is_same(input, output) {
        return Err(Error::Usage(format!("{} is the input: give the output another name", output.display())));
    }
    let target = Target::of(output, how.force)?;
    let waveform = wanted.peaks.then(|| waveform(output, how.force)).transpose()?;
    let source = source(input).map_err(|error| Error::File(input.clone(), error))?;
    let writing = target.begin()?;
    let mut sink = writing.sink()?;
    let start = Instant::now();
    let summary = ::convert::produce(engine, &source, wanted, &mut sink, |at| show(bar, at)).await;
    bar.finish_and_clear();
    let summary = summary.map_err(|error| Error::Media(input.clone(), error))?;
    writing.finish()?;
    if let Some((target, peaks)) = waveform.zip(summary.peaks.as_ref()) {
        let writing = target.begin()?;
        let mut sink = writing.sink()?;
        let written = sink.write(peaks.json().into()).await;
        written.map_err(|error| Error::File(output.with_added_extension("json"), error))?;
        writing.finish()?;
    }
    if !how.quiet {
        report(output, &summary, start.elapsed());
    }
    Ok(())
}

/// Whether both are one file, under whatever names.
fn is_same(input: &Path, output: &Path) -> bool {
    let about = |path| fs::metadata(path).ok().filter(fs::Metadata::is_file);
    let pair = about(input).zip(about(output));
    pair.is_some_and(|(one, other)| (one.dev(), one.ino()) == (other.dev(), other.ino()))
}

/// Where the waveform goes: beside the audio.
fn waveform(output: &Path, force: bool) -> Result<Target, Error> {
    match Target::of(output, true)? {
        Target::File { .. } => Target::of(&output.with_added_extension("json"), force),
        Target::Stream(_) | Target::Standard => {
            Err(Error::Usage("--peaks needs an output that is a file".into()))
        }
    }
}

pub(super) fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}  {eta} left").ok();
    let bar = ProgressBar::new(0);
    if let Some(style) = style {
        bar.set_style(style);
    }
    bar
}

fn show(bar: &ProgressBar, at: Progress) {
    let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    bar.set_length(at.total.map_or(0, millis));
    bar.set_position(millis(at.position));
    bar.set_message(format!("{:.0}x", at.position.as_secs_f64() / bar.elapsed().as_secs_f64().max(0.001)));
}

fn report(output: &Path, summary: &Summary, took: Duration) {
    let seconds = summary.duration.as_secs_f64();
    eprintln!(
        "{}: {seconds:.2} s, {}, {} kbit/s, {} Hz, {} channel(s), {} bytes, in {:.2} s ({:.0}x)",
        output.display(),
        summary.codec,
        summary.bitrate / 1000,
        summary.sample_rate,
        summary.channels,
        summary.bytes,
        took.as_secs_f64(),
        seconds / took.as_secs_f64().max(0.001),
    );
    for warning in &summary.warnings {
        eprintln!("warning: {warning}");
    }
}
