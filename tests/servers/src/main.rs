//! `servers run -- COMMAND ...`: runs a command with one server of each kind at hand, and ends as it ends.

#![expect(clippy::print_stderr, reason = "a command-line program")]

use std::process::ExitCode;

use servers::Run;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let (Some(_), Some(_), Some(program)) = (words.next(), words.next(), words.next()) else {
        eprintln!("usage: servers run -- COMMAND ...");
        return ExitCode::from(2);
    };
    let run = Run::start();
    for (name, value) in run.variables() {
        eprintln!("{name}={value}");
    }
    #[expect(clippy::disallowed_methods, reason = "the command is what this is for")]
    let ended = std::process::Command::new(program).args(words).envs(run.variables()).status();
    match ended {
        Ok(status) => {
            status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
        }
        Err(error) => {
            eprintln!("servers: {error}");
            ExitCode::FAILURE
        }
    }
}
