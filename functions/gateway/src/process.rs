//! `gateway` as a process of its own, in front of the other functions.

use std::error::Error;

use runtime::{Config as _, Service};

use crate::{GatewayConfig, guarded};

/// Opens what the function needs and serves it, until SIGTERM.
///
/// # Errors
/// A variable that is missing or wrong, a key that can't be read, a port that is taken.
pub async fn run() -> Result<(), Box<dyn Error>> {
    let mut service = Service::start("gateway").await?;
    let config = GatewayConfig::from_env()?;
    let routes = guarded(crate::proxy(&config)?.into_parts().0, &config);
    service.config.trust_forwarded |= config.trust_forwarded;
    service.serve(routes).await
}
