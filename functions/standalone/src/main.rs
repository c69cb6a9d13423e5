//! `tapedeck`: all functions of Tapedeck in one process, and a converter for the command line.
//!
//! - `platform.rs`: every function merged, on the parts that three URLs choose. There is no second architecture
//!   for one process.
//! - `serve.rs`: `tapedeck serve`. `data.rs`: its data folder. `settings.rs`: its part of the environment.
//! - `function.rs`: `tapedeck function NAME`, one of them as a process of its own: what each container does.
//! - `operate.rs`: `tapedeck migrate` and `tapedeck keys`, for whoever runs the functions separately; `tapedeck admin`,
//!   `tapedeck deliveries` and `tapedeck jobs`.
//! - `cost.rs`: `tapedeck cost`, what conversions have cost.
//! - `convert.rs`: `tapedeck convert`, without a server. `probe.rs`: `tapedeck probe`. `watch.rs`: `tapedeck watch`.
//! - `client.rs`: `tapedeck login`, `upload`, `jobs` and `get`, against a server. `shell.rs`: completions and man page.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]

mod client;
mod convert;
mod cost;
mod data;
mod function;
mod notes;
mod operate;
mod platform;
mod probe;
mod serve;
mod settings;
mod shell;
mod watch;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

/// Video to audio: a service in one process, and a converter.
#[derive(Parser)]
#[command(name = "tapedeck", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the platform: page, HTTP API, converter and mails, with nothing to install.
    Serve(serve::ServeOptions),
    /// Convert one file or many, without a server.
    Convert(Box<convert::ConvertOptions>),
    /// Say what a file is, as JSON: container, streams, duration, tags, chapters.
    Probe(probe::ProbeOptions),
    /// Run one function as a process of its own, told by the environment: what each container does.
    #[command(subcommand)]
    Function(function::Function),
    /// Bring the database at DATABASE_URL and the indexes of the blob store at BLOBS_URL up to date. Safe to run several times, and at once.
    Migrate,
    /// Make the keys that separate functions share: signing.pem (for auth alone), proofs.key (for auth and notify), public.pem and links.key.
    ///
    /// To change the signing key, move signing.pem away and run this again: public.pem then holds the new key and the old ones. Restart the functions that read public.pem, then auth. When the access tokens of the old key have ended, delete public.pem, run this again, and restart them once more.
    Keys {
        /// The folder for them; keys that are there stay.
        folder: PathBuf,
    },
    /// Make an existing account an administrator, and unlock it: when nobody else can.
    Admin(operate::AdminOptions),
    /// List, repeat or drop what could not be delivered: mails and webhooks.
    #[command(subcommand)]
    Deliveries(operate::Deliveries),
    /// Say what conversions have cost, by month and user.
    Cost(cost::CostOptions),
    /// List your jobs on a server. Operator: `jobs retry` repeats failed jobs of all accounts.
    Jobs(JobsOptions),
    /// Convert what is put into a folder, or send it to a server.
    Watch(Box<watch::WatchOptions>),
    /// Log in at a server.
    Login(client::LoginOptions),
    /// Log out.
    Logout(client::LogoutOptions),
    /// Send videos to a server.
    Upload(Box<client::UploadOptions>),
    /// Download audio from a server.
    Get(client::GetOptions),
    /// Print the completions of a shell.
    Completions(shell::CompletionsOptions),
    /// Print the man pages: `tapedeck man | man -l -` shows them.
    Man,
    /// Print the variables of the environment that `serve` reads, as a Markdown table.
    Variables,
}

/// The list of a server, or what whoever runs one does.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
struct JobsOptions {
    #[command(subcommand)]
    operate: Option<operate::Jobs>,
    #[command(flatten)]
    list: client::ListOptions,
}

fn main() -> ExitCode {
    // This program is its own sandboxed media worker; asked for that, it never comes back from here.
    media::worker::run_if_asked();
    match Cli::parse().command {
        Command::Serve(options) => in_runtime(async { ended(serve::serve(options).await) }),
        Command::Convert(options) => in_runtime(convert::convert(*options)),
        Command::Probe(options) => in_runtime(probe::probe(options)),
        Command::Function(which) => in_runtime(async { runtime::ended(function::run(which).await) }),
        Command::Migrate => in_runtime(async { ended(operate::migrate().await) }),
        Command::Keys { folder } => ended(operate::keys(&folder)),
        Command::Admin(options) => in_runtime(async { ended(operate::admin(options).await) }),
        Command::Deliveries(what) => in_runtime(async { ended(operate::deliveries(what).await) }),
        Command::Cost(options) => in_runtime(async { ended(cost::cost(options).await) }),
        Command::Jobs(JobsOptions { operate: Some(what), .. }) => {
            in_runtime(async { ended(operate::jobs(what).await) })
        }
        Command::Jobs(JobsOptions { list, .. }) => in_runtime(client::list(list)),
        Command::Watch(options) => in_runtime(watch::watch(*options)),
        Command::Login(options) => in_runtime(client::login(options)),
        Command::Logout(options) => in_runtime(client::logout(options)),
        Command::Upload(options) => in_runtime(client::upload(*options)),
        Command::Get(options) => in_runtime(client::get(options)),
        Command::Completions(options) => ended(shell::completions(&options)),
        Command::Man => ended(shell::man()),
        Command::Variables => ended(settings::table().map(|table| print!("{table}"))),
    }
}

fn in_runtime(work: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => ended(Err(error)),
    }
}

fn ended<E: std::fmt::Display>(result: Result<(), E>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tapedeck: {error}");
            ExitCode::FAILURE
        }
    }
}
