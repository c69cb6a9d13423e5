//! `tapedeck convert`: the engine without a server. One file to another, or many into a folder.
//!
//! - `wanted.rs`: the options, the same as over HTTP. `names.rs`: what goes where. `one.rs`: one conversion.
//! - `place.rs`: files, devices and pipes to read from and write to.

mod names;
mod one;
mod place;
mod wanted;

use std::{
    io,
    num::NonZero,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::Args;
use contracts::Options;
use indicatif::ProgressBar;
use media::Engine;
use tokio::{sync::Semaphore, task::JoinSet};

use self::{names::Pair, one::OutputOptions};
pub(crate) use self::{place::source, wanted::Wanted};

/// Exit codes: 0 converted, 1 a file can't be read or written, 2 wrong usage (also a start behind the end of the sound),
/// 3 no sound, 4 not a readable video, 5 a codec that can't be decoded or a protected file, 6 a limit was reached, 7 the converter crashed.
#[derive(Args)]
#[command(
    after_help = "Exit codes: 0 converted, 1 a file can't be read or written, 2 wrong usage (also a start\n\
    behind the end of the sound), 3 no sound, 4 not a readable video, 5 a codec that can't be decoded or a\n\
    protected file, 6 a limit was reached, 7 the converter crashed. Of several files, the code of the first that failed.\n\
    The name - stands for standard input and standard output."
)]
pub(crate) struct ConvertOptions {
    /// The video, and the audio or a folder for it; with --out any number of videos and patterns.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Convert all of the files into this folder, each to the place that it has relative to here.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    #[command(flatten)]
    how: OutputOptions,
    #[command(flatten)]
    wanted: Wanted,
}

/// Why there is no audio.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0}")]
    Option(#[from] contracts::InvalidOption),
    #[error("{0}")]
    Usage(String),
    #[error("{} exists; --force overwrites it", .0.display())]
    Exists(PathBuf),
    #[error("{}: {}", .0.display(), .1)]
    File(PathBuf, io::Error),
    #[error("{}: {}", .0.display(), .1)]
    Media(PathBuf, media::Error),
    #[error("the converter can't be started: {0}")]
    Engine(io::Error),
}

impl Error {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Option(_) | Self::Exists(_) | Self::Usage(_) => 2,
            Self::File(..) => 1,
            Self::Engine(_) => 7,
            Self::Media(_, error) => match error {
                media::Error::Source(_) | media::Error::Sink(_) => 1,
                media::Error::StartTooLate(_) => 2,
                media::Error::NoAudio | media::Error::NoTrack(_) => 3,
                media::Error::Unreadable(_) => 4,
                media::Error::UnsupportedCodec(_) | media::Error::Encrypted => 5,
                media::Error::TimedOut | media::Error::TooLarge => 6,
                media::Error::Crashed(_) => 7,
            },
        }
    }
}

pub(crate) async fn convert(options: ConvertOptions) -> ExitCode {
    match run(&options).await {
        Ok(code) => ExitCode::from(code),
        Err(error) => ExitCode::from(exit_code(&error)),
    }
}

/// One file to another, which is replaced if it is there only by `force`; else the exit code and why.
pub(crate) async fn into(
    engine: &Engine,
    wanted: &Options,
    (input, output): (&Path, &Path),
    force: bool,
) -> Result<(), (u8, String)> {
    let pair = Pair { input: input.to_owned(), output: output.to_owned() };
    let how = OutputOptions { force, quiet: true };
    let converted = one::convert(engine, wanted, &pair, how, &ProgressBar::hidden()).await;
    converted.map_err(|error| (error.exit_code(), error.to_string()))
}

fn exit_code(error: &Error) -> u8 {
    eprintln!("tapedeck: {error}");
    error.exit_code()
}

async fn run(options: &ConvertOptions) -> Result<u8, Error> {
    let wanted = options.wanted.options(names::format_of(options)?)?;
    let pairs = names::pairs(options, wanted.extension())?;
    let engine = Engine::this_program().map_err(Error::Engine)?;
    match &pairs[..] {
        [pair] => {
            let bar = if options.how.quiet { ProgressBar::hidden() } else { one::progress_bar() };
            one::convert(&engine, &wanted, pair, options.how, &bar).await?;
            Ok(0)
        }
        _ => Ok(all(engine, wanted, pairs, options).await),
    }
}

/// As many at once as there are cores; each error is exit_code, and the first one's code is the result.
async fn all(engine: Engine, wanted: Options, pairs: Vec<Pair>, options: &ConvertOptions) -> u8 {
    let at_once = Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(1, NonZero::get)));
    let how = options.how;
    let mut jobs = JoinSet::new();
    for (place, pair) in pairs.into_iter().enumerate() {
        let (engine, wanted, at_once) = (engine.clone(), wanted.clone(), Arc::clone(&at_once));
        jobs.spawn(async move {
            let _turn = at_once.acquire().await;
            (place, one::convert(&engine, &wanted, &pair, how, &ProgressBar::hidden()).await)
        });
    }
    let mut first: Option<(usize, u8)> = None;
    while let Some(ended) = jobs.join_next().await {
        let (place, code) = match ended {
            Ok((place, Err(error))) => (place, exit_code(&error)),
            Ok((_, Ok(()))) => continue,
            Err(_) => (usize::MAX, 7),
        };
        first = Some(first.map_or((place, code), |first| first.min((place, code))));
    }
    first.map_or(0, |(_, code)| code)
}
