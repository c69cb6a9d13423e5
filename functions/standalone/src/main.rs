//! `tapedeck`: all functions of Tapedeck in one process, and a converter for the command line.
//!
//! - `platform.rs`: every function merged, on the parts that three URLs choose. There is no second architecture
//!   for one process.
//! - `serve.rs`: `tapedeck serve`. `data.rs`: its data folder. `settings.rs`: its part of the environment.
//! - `convert.rs`: `tapedeck convert IN OUT`, without a server.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]

mod convert;
mod data;
mod platform;
mod serve;
mod settings;

use std::process::ExitCode;

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
    /// Convert one file, without a server.
    Convert(Box<convert::ConvertOptions>),
    /// Print the variables of the environment that `serve` reads, as a Markdown table.
    Variables,
}

fn main() -> ExitCode {
    // This program is its own sandboxed media worker; asked for that, it never comes back from here.
    media::worker::run_if_asked();
    match Cli::parse().command {
        Command::Serve(options) => in_runtime(async { ended(serve::serve(options).await) }),
        Command::Convert(options) => in_runtime(convert::convert(*options)),
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
