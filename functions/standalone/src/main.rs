//! `tapedeck`: all functions of Tapedeck in one process, and a converter for the command line.
//!
//! - `platform.rs`: every function merged, on the parts that three URLs choose. There is no second architecture
//!   for one process.
//! - `serve.rs`: `tapedeck serve`. `data.rs`: its data folder. `settings.rs`: its part of the environment.
//! - `function.rs`: `tapedeck function NAME`, one of them as a process of its own: what each container does.
//! - `operate.rs`: `tapedeck migrate` and `tapedeck keys`, for whoever runs the functions separately; `tapedeck admin`,
//!   `tapedeck deliveries` and `tapedeck jobs`.
//! - `convert.rs`: `tapedeck convert`, without a server. `probe.rs`: `tapedeck probe`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]

mod convert;
mod data;
mod function;
mod operate;
mod platform;
mod probe;
mod serve;
mod settings;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// Video to audio: a service in one process, and a converter.
#[derive(Parser)]
#[command(name = "tapedeck", version, about, disable_help_subcommand = true)]
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
    /// Try failed jobs again.
    #[command(subcommand)]
    Jobs(operate::Jobs),
    /// Print the variables of the environment that `serve` reads, as a Markdown table.
    Variables,
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
        Command::Jobs(what) => in_runtime(async { ended(operate::jobs(what).await) }),
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
