//! `convert` as a program.

use std::process::ExitCode;

use clap::Parser;
use convert::Role;
use runtime::ended;

/// Makes audio of uploaded videos.
#[derive(Parser)]
#[command(name = "convert", version, about, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    role: Role,
}

fn main() -> ExitCode {
    // This program is its own sandboxed media worker; asked for that, it never comes back from here.
    media::worker::run_if_asked();
    let role = Cli::parse().role;
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => ended(runtime.block_on(convert::run(role))),
        Err(error) => ended(Err(error.into())),
    }
}
