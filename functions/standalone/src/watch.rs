//! `tapedeck watch DIR`: what is put there is converted beside itself, or into another folder, or sent to a server.
//!
//! - `watch/look.rs`: what is there, and since when it has not changed. `watch/state.rs`: what was done.
//!
//! The folder is looked at again and again: that works on network mounts, where the kernel tells nothing. A file is read
//! when its size and time have not changed for a while, so that one is not taken while somebody is still writing it.

mod look;
mod state;

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use contracts::Options;
use indicatif::ProgressBar;
use media::Engine;
use tokio::time::Instant;

use self::{
    look::{FolderScan, Ready},
    state::{Outcome, State},
};
use crate::{
    client::{self, Sending, Server, ServerOptions},
    convert::{self, Wanted},
};

/// What is watched, and what becomes of it.
#[derive(Args)]
#[command(
    after_help = "What was done stands in .tapedeck-watch, in the folder for the audio or the watched one: a file is\n\
    converted once, also after a restart, and again when it changes; one that fails is told once, with --once in\n\
    each run. An audio that was not made from the same video is not overwritten. Audio that was made is no input.\n\
    Hidden files and unfinished downloads (.part, .crdownload, .tmp) are left alone."
)]
pub(crate) struct WatchOptions {
    /// The folder, with its subfolders.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Where the audio goes, each to the place that its video has in DIR; beside the videos if nothing is said.
    #[arg(long, value_name = "FOLDER", conflicts_with = "upload")]
    to: Option<PathBuf>,
    /// Send the videos to the server that you are logged in at.
    #[arg(long)]
    upload: bool,
    #[command(flatten)]
    server: ServerOptions,
    /// Move videos there when they are done; they stay where they are if nothing is said.
    #[arg(long, value_name = "FOLDER")]
    done: Option<PathBuf>,
    /// Seconds that a file must not have changed.
    #[arg(long, default_value_t = 5)]
    settle: u64,
    /// Seconds between two looks.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// End when all that is there is done; exit code 6 if something has failed.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    wanted: Wanted,
}

/// The state's name in its folder.
const STATE: &str = ".tapedeck-watch";

/// Why a file is not done.
enum Trouble {
    /// It won't be better next time.
    Lasting(String),
    /// It may be.
    Passing(String),
}

/// So long a file waits after what may pass; twice as long each time.
const PAUSE: Duration = Duration::from_secs(15);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

pub(crate) async fn watch(options: WatchOptions) -> ExitCode {
    let shutdown = match runtime::shutdown_signal() {
        Ok(shutdown) => shutdown,
        Err(error) => return fail(&error.to_string(), 1),
    };
    let mut watch = match Watch::new(options) {
        Ok(watch) => watch,
        Err((why, code)) => return fail(&why, code),
    };
    // What is in hand is dropped: an unfinished audio leaves nothing, and an upload goes on the next time.
    tokio::select! {
        code = watch.run() => code,
        () = shutdown.cancelled() => ExitCode::SUCCESS,
    }
}

fn fail(why: &str, code: u8) -> ExitCode {
    eprintln!("tapedeck: {why}");
    ExitCode::from(code)
}

struct Watch {
    options: WatchOptions,
    wanted: Options,
    way: Way,
    look: FolderScan,
    state: State,
    /// How often something passing came in between, and what.
    troubles: HashMap<PathBuf, (u32, String)>,
}

/// What is done with a video.
enum Way {
    Convert(Engine),
    Send(Box<Server>),
}

impl Watch {
    fn new(options: WatchOptions) -> Result<Self, (String, u8)> {
        let wanted = options.wanted.options(None).map_err(|error| (error.to_string(), 2))?;
        let wrong = |path: &Path, error: &io::Error| (format!("{}: {error}", path.display()), 1);
        let way = if options.upload || options.server.server.is_some() {
            let server = Server::chosen(&options.server);
            Way::Send(Box::new(server.map_err(|error| (error.to_string(), error.exit_code()))?))
        } else {
            Way::Convert(Engine::this_program().map_err(|error| (error.to_string(), 1))?)
        };
        for folder in [&options.to, &options.done].into_iter().flatten() {
            fs::create_dir_all(folder).map_err(|error| wrong(folder, &error))?;
        }
        // What comes out is not to go in again.
        let apart = [&options.to, &options.done].into_iter().flatten();
        let apart = apart.filter_map(|folder| folder.canonicalize().ok()).collect();
        let look = FolderScan::new(&options.folder, apart, Duration::from_secs(options.settle));
        let look = look.map_err(|error| wrong(&options.folder, &error))?;
        let place = options.to.as_ref().unwrap_or(&options.folder).join(STATE);
        let state = State::open(&place).map_err(|error| wrong(&place, &error))?;
        Ok(Self { options, wanted, way, look, state, troubles: HashMap::new() })
    }

    async fn run(&mut self) -> ExitCode {
        let mut failed = false;
        loop {
            let ready = match self.look.again() {
                Ok(ready) => ready,
                // A mount that is away comes back.
                Err(error) => {
                    eprintln!("tapedeck: {}: {error}", self.options.folder.display());
                    Vec::new()
                }
            };
            for file in ready {
                failed |= !self.take(&file).await;
            }
            if self.options.once && self.look.is_quiet() {
                return if failed { ExitCode::from(6) } else { ExitCode::SUCCESS };
            }
            tokio::time::sleep(Duration::from_secs(self.options.every)).await;
        }
    }

    /// Does what is to be done with one file; `false` if it has failed.
    async fn take(&mut self, file: &Ready) -> bool {
        let output = self.output(file);
        if let Some((outcome, said)) = self.state.known(file, output.as_deref()) {
            if outcome == Outcome::Failed && self.options.once {
                eprintln!(
                    "tapedeck: {}: {said} It was tried before, and is again when it changes.",
                    file.path.display()
                );
            }
            self.look.done(file);
            return outcome == Outcome::Done && self.put_away(file);
        }
        let result = match &self.way {
            Way::Convert(engine) => self.convert(engine, file, output.as_deref()).await,
            Way::Send(server) => self.send(server, file).await,
        };
        let name = file.path.display();
        let (outcome, said) = match result {
            Ok(None) => {
                self.look.done(file);
                return true;
            }
            Ok(Some(said)) => (Outcome::Done, said),
            Err(Trouble::Lasting(why)) => {
                let why = unnamed(file, why);
                eprintln!("tapedeck: {name}: {why} It is not tried again until it changes.");
                (Outcome::Failed, why)
            }
            Err(Trouble::Passing(why)) => {
                self.wait(file, unnamed(file, why));
                return false;
            }
        };
        if outcome == Outcome::Done {
            println!("{name}: {said}");
            if let Some(output) = &output {
                self.look.made(self.base().join(output));
            }
        }
        if let Err(error) = self.state.note(file, output.as_deref(), outcome, &said) {
            eprintln!("tapedeck: what was done with {name} can't be noted: {error}");
        }
        self.troubles.remove(&file.path);
        self.look.done(file);
        outcome == Outcome::Done && self.put_away(file)
    }

    /// Moves a file that is done, if that is wanted.
    fn put_away(&self, file: &Ready) -> bool {
        let moved = self.archived(file).map_or(Ok(()), |place| moved(&file.path, &place));
        if let Err(error) = &moved {
            eprintln!("tapedeck: {} can't be moved: {error}", file.path.display());
        }
        moved.is_ok()
    }

    /// Where a file goes when it is done.
    fn archived(&self, file: &Ready) -> Option<PathBuf> {
        self.options.done.as_ref().map(|folder| folder.join(&file.name))
    }

    /// Where the audio goes.
    fn base(&self) -> &Path {
        self.options.to.as_ref().unwrap_or(&self.options.folder)
    }

    /// What a file becomes there; none if it is sent.
    fn output(&self, file: &Ready) -> Option<PathBuf> {
        match self.way {
            Way::Convert(_) => Some(file.name.with_extension(self.wanted.extension())),
            Way::Send(_) => None,
        }
    }

    /// Again later. The same trouble is told once.
    fn wait(&mut self, file: &Ready, why: String) {
        if self.options.once {
            eprintln!("tapedeck: {}: {why}", file.path.display());
            return self.look.done(file);
        }
        let (tries, told) = self.troubles.entry(file.path.clone()).or_default();
        if *told != why {
            eprintln!("tapedeck: {}: {why} It is tried again.", file.path.display());
            *told = why;
        }
        let pause = LONGEST_PAUSE.min(PAUSE * 2_u32.pow((*tries).min(10)));
        *tries += 1;
        self.look.later(file, Instant::now() + pause);
    }

    /// The audio's place; `None` if the file is what it would become.
    async fn convert(
        &self,
        engine: &Engine,
        file: &Ready,
        output: Option<&Path>,
    ) -> Result<Option<String>, Trouble> {
        let Some(name) = output else { return Ok(None) };
        let output = self.base().join(name);
        if output == file.path {
            return Ok(None);
        }
        let force = self.may_be_written(file, name, &output)?;
        match convert::into(engine, &self.wanted, (&file.path, &output), force).await {
            Ok(()) => Ok(Some(output.display().to_string())),
            Err((1, why)) => Err(Trouble::Passing(why)),
            Err((_, why)) => Err(Trouble::Lasting(why)),
        }
    }

    /// Whether an audio is replaced: only one that was made from an earlier version of the same video. What is in the way may
    /// be moved while the video stays as it is.
    fn may_be_written(&self, file: &Ready, name: &Path, output: &Path) -> Result<bool, Trouble> {
        let archived = self.archived(file).filter(|place| place.exists());
        if let Some(place) = archived {
            return Err(Trouble::Passing(format!(
                "another video is at {} already: rename one.",
                place.display()
            )));
        }
        if !output.exists() {
            return Ok(false);
        }
        let output = output.display();
        match self.state.source(name) {
            Some(source) if source == file.name => Ok(true),
            Some(source) => {
                let source = source.display();
                Err(Trouble::Passing(format!(
                    "{output} is there already, made from {source}: rename one of the two videos."
                )))
            }
            None => Err(Trouble::Passing(format!(
                "{output} is there already, and not known to be made from it: move that away."
            ))),
        }
    }

    /// The job's id.
    async fn send(&self, server: &Server, file: &Ready) -> Result<Option<String>, Trouble> {
        let trouble = |error: client::Error| match error.will_pass() {
            true => Trouble::Passing(error.to_string()),
            false => Trouble::Lasting(error.to_string()),
        };
        let sending = Sending::of(server, &file.path, &self.options.wanted.fields()).map_err(trouble)?;
        let job = sending.send(server, &ProgressBar::hidden()).await.map_err(trouble)?;
        Ok(Some(format!("job {job}")))
    }
}

/// A trouble without the name that is told before it.
fn unnamed(file: &Ready, why: String) -> String {
    let name = format!("{}: ", file.path.display());
    let why = why.strip_prefix(&name).map(str::to_owned).unwrap_or(why);
    if why.ends_with('.') { why } else { why + "." }
}

/// Moves a file, to another disk too, and over nothing that is there.
fn moved(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        return Err(io::Error::other(format!("{} exists", to.display())));
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let part = to.with_added_extension("part");
            fs::copy(from, &part)?;
            fs::rename(&part, to)?;
            fs::remove_file(from)
        }
        moved => moved,
    }
}
