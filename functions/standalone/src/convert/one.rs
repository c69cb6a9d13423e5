//! One conversion: it appears whole or not at all.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use contracts::Options;
use indicatif::{ProgressBar, ProgressStyle};
use media::{Engine, FileSink, FileSource, Progress, Summary};

use super::{Error, names::Pair};

/// What doesn't concern the sound.
#[derive(Clone, Copy)]
pub(super) struct How {
    pub(super) quiet: bool,
    pub(super) force: bool,
}

pub(super) async fn convert(
    engine: &Engine,
    wanted: &Options,
    Pair { input, output }: &Pair,
    how: How,
    bar: &ProgressBar,
) -> Result<(), Error> {
    let file = |path: &Path| {
        let path = path.to_owned();
        move |error| Error::File(path, error)
    };
    if output.exists() && !how.force {
        return Err(Error::Exists(output.clone()));
    }
    let source = FileSource::open(input).map_err(file(input))?;
    if let Some(folder) = output.parent() {
        fs::create_dir_all(folder).map_err(file(folder))?;
    }
    let partial = Partial(output.with_added_extension("part"));
    let mut sink = FileSink::create(&partial.0).map_err(file(&partial.0))?;
    let start = Instant::now();
    let summary = ::convert::produce(engine, &source, wanted, &mut sink, |at| show(bar, at)).await;
    bar.finish_and_clear();
    let summary = summary.map_err(|error| Error::Media(input.clone(), error))?;
    fs::rename(&partial.0, output).map_err(file(output))?;
    if !how.quiet {
        report(output, &summary, start.elapsed());
    }
    Ok(())
}

struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // Gone after the rename.
        let _ = fs::remove_file(&self.0);
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
