//! `tapedeck completions` and `tapedeck man`: what the command line knows of itself, for shells and readers.

use std::io::{self, Write as _};

use clap::{Args, Command, CommandFactory as _};
use clap_complete::Shell;

use crate::Cli;

/// Which shell.
#[derive(Args)]
pub(crate) struct CompletionsOptions {
    /// The shell, as in `source <(tapedeck completions bash)`.
    shell: Shell,
}

pub(crate) fn completions(options: &CompletionsOptions) -> io::Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(options.shell, &mut Cli::command(), "tapedeck", &mut text);
    io::stdout().write_all(&text)
}

/// Of the program, and of each command after it.
pub(crate) fn man() -> io::Result<()> {
    let mut text = Vec::new();
    let mut program = Cli::command();
    program.build();
    pages(&program, &mut text)?;
    io::stdout().write_all(&text)
}

/// The page of a command, and those of its own commands. `help` says what they say.
fn pages(command: &Command, text: &mut Vec<u8>) -> io::Result<()> {
    clap_mangen::Man::new(command.clone()).render(text)?;
    let told = |command: &&Command| !command.is_hide_set() && command.get_name() != "help";
    command.get_subcommands().filter(told).try_for_each(|command| pages(command, text))
}
