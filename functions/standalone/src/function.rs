//! `tapedeck function NAME`: one program, and so one image, for every function. Each is a process of its own all the same,
//! and opens nothing that another one needs.

use std::error::Error;

use clap::Subcommand;
use convert::Role;

/// The functions.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Function {
    /// Accounts and tokens.
    Auth,
    /// Make audio of uploaded videos.
    #[command(subcommand)]
    Convert(Role),
    /// The audio of finished jobs.
    Download,
    /// The page and the one address in front of the others.
    Gateway,
    /// What became of a user's videos.
    Jobs,
    /// Mails and webhooks.
    Notify,
    /// Tell KEDA at once that a job waits, for its external push scaler.
    Scaler,
    /// What is due, on the clock's ticks.
    Sweep,
    /// Take videos.
    Upload,
}

/// Until SIGTERM. It starts logging, and says its errors there.
pub(crate) async fn run(which: Function) -> Result<(), Box<dyn Error>> {
    match which {
        Function::Auth => auth::run().await,
        Function::Convert(role) => convert::run(role).await,
        Function::Download => download::run().await,
        Function::Gateway => gateway::run().await,
        Function::Jobs => jobs::run().await,
        Function::Notify => notify::run().await,
        Function::Scaler => scaler::run().await,
        Function::Sweep => sweep::run().await,
        Function::Upload => upload::run().await,
    }
}
