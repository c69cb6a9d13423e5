//! `tapedeck convert IN OUT`: the engine without a server.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use contracts::Options;
use indicatif::{ProgressBar, ProgressStyle};
use media::{Engine, FileSink, FileSource, Progress, Summary};

/// Exit codes: 0 converted, 1 a file can't be read or written, 2 wrong usage, 3 no sound, 4 not a readable video,
/// 5 a codec that can't be decoded, 6 a limit was reached, 7 the converter crashed.
#[derive(Args)]
#[command(
    after_help = "Exit codes: 0 converted, 1 a file can't be read or written, 2 wrong usage, 3 no sound,\n\
    4 not a readable video, 5 a codec that can't be decoded, 6 a limit was reached, 7 the converter crashed"
)]
pub(crate) struct ConvertOptions {
    /// The video.
    input: PathBuf,
    /// The MP3, or a folder for it.
    output: PathBuf,
    /// Overwrite the output if it exists.
    #[arg(long)]
    force: bool,
    /// No progress bar and no summary.
    #[arg(long, short)]
    quiet: bool,
    /// Constant bitrate in kbit/s, as 192.
    #[arg(long)]
    bitrate: Option<String>,
    /// Variable bitrate quality, 0 (best) to 9 (smallest); 2 if nothing is said.
    #[arg(long)]
    quality: Option<String>,
    /// Sample rate in Hz.
    #[arg(long)]
    sample_rate: Option<String>,
    /// 1 or 2.
    #[arg(long)]
    channels: Option<String>,
    /// Where to begin: seconds or h:mm:ss.
    #[arg(long)]
    start: Option<String>,
    /// Where to end: seconds or h:mm:ss.
    #[arg(long)]
    end: Option<String>,
    /// keep or none.
    #[arg(long)]
    tags: Option<String>,
    /// Title tag.
    #[arg(long)]
    title: Option<String>,
    /// Artist tag.
    #[arg(long)]
    artist: Option<String>,
    /// Album tag.
    #[arg(long)]
    album: Option<String>,
}

/// Why there is no MP3.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0}")]
    Option(#[from] contracts::InvalidOption),
    #[error("{} exists; --force overwrites it", .0.display())]
    Exists(PathBuf),
    #[error("{}: {}", .0.display(), .1)]
    File(PathBuf, io::Error),
    #[error("{0}")]
    Media(#[from] media::Error),
}

impl Error {
    fn exit_code(&self) -> u8 {
        match self {
            Self::File(..) | Self::Media(media::Error::Source(_) | media::Error::Sink(_)) => 1,
            Self::Option(_) | Self::Exists(_) => 2,
            Self::Media(media::Error::NoAudio) => 3,
            Self::Media(media::Error::Unreadable(_)) => 4,
            Self::Media(media::Error::UnsupportedCodec(_)) => 5,
            Self::Media(media::Error::TimedOut | media::Error::TooLarge) => 6,
            Self::Media(media::Error::Crashed(_)) => 7,
        }
    }
}

pub(crate) async fn convert(options: ConvertOptions) -> ExitCode {
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tapedeck: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

async fn run(options: &ConvertOptions) -> Result<(), Error> {
    let settings = ::convert::settings(&wanted(options)?);
    let output = output_file(options);
    if output.exists() && !options.force {
        return Err(Error::Exists(output));
    }
    let source =
        FileSource::open(&options.input).map_err(|error| Error::File(options.input.clone(), error))?;
    // The output appears whole or not at all.
    let partial = Partial(output.with_extension("mp3.part"));
    let mut sink = FileSink::create(&partial.0).map_err(|error| Error::File(partial.0.clone(), error))?;
    let engine = Engine::this_program().map_err(|error| Error::File(options.input.clone(), error))?;
    let bar = if options.quiet { ProgressBar::hidden() } else { progress_bar() };
    let summary = engine.convert(&source, &settings, &mut sink, |at| show(&bar, at)).await;
    bar.finish_and_clear();
    let summary = summary?;
    fs::rename(&partial.0, &output).map_err(|error| Error::File(output.clone(), error))?;
    if !options.quiet {
        report(&output, &summary, bar.elapsed());
    }
    Ok(())
}

/// The same options as over HTTP, with the same checks.
fn wanted(options: &ConvertOptions) -> Result<Options, contracts::InvalidOption> {
    let fields = [
        ("bitrate", &options.bitrate),
        ("quality", &options.quality),
        ("sample_rate", &options.sample_rate),
        ("channels", &options.channels),
        ("start", &options.start),
        ("end", &options.end),
        ("tags", &options.tags),
        ("title", &options.title),
        ("artist", &options.artist),
        ("album", &options.album),
    ];
    Options::from_fields(fields.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))))
}

fn output_file(options: &ConvertOptions) -> PathBuf {
    if !options.output.is_dir() {
        return options.output.clone();
    }
    let name = options.input.file_stem().unwrap_or_default();
    options.output.join(Path::new(name)).with_added_extension("mp3")
}

struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // Gone after the rename.
        let _ = fs::remove_file(&self.0);
    }
}

fn progress_bar() -> ProgressBar {
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
        "{}: {seconds:.2} s, {} kbit/s, {} Hz, {} channel(s), {} bytes, in {:.2} s ({:.0}x)",
        output.display(),
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
