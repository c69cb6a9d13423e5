//! `notify` as a program.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    runtime::ended(notify::run().await)
}
