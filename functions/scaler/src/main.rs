//! `scaler` as a program.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    runtime::ended(scaler::run().await)
}
