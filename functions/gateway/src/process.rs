//! `gateway` as a process of its own, in front of the other functions.

use std::error::Error;

use runtime::{Config as _, Service};

use crate::GatewayConfig;

/// Opens what the function needs and serves it, until SIGTERM.
///
/// # Errors
/// A variable that is missing or wrong, a key that can't be read, a port that is taken.
pub async fn run() -> Result<(), Box<dyn Error>> {
    let service = Service::start().await?;
    let function = crate::proxy(&GatewayConfig::from_env()?)?;
    service.serve(function.into_parts().0).await
}
