//! `gateway` as a process of its own, in front of the other functions.

use std::{error::Error, process::ExitCode};

use gateway::GatewayConfig;
use runtime::{Config as _, Service, ended};

#[tokio::main]
async fn main() -> ExitCode {
    ended(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let service = Service::start().await?;
    let function = gateway::proxy(&GatewayConfig::from_env()?)?;
    service.serve(function.into_parts().0).await
}
