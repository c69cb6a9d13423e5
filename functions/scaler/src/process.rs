//! `scaler` as a process of its own: what its program and its container do.

use std::error::Error;

use axum::Router;
use db::Db;
use runtime::{Config as _, Service, listen};

use crate::{ScalerConfig, Work};

/// A look, and an answer to KEDA beside it.
const CONNECTIONS: u32 = 2;

/// Opens what the function needs and answers KEDA, until SIGTERM.
///
/// # Errors
/// A variable that is missing or wrong, a port that is taken.
pub async fn run() -> Result<(), Box<dyn Error>> {
    let mut service = Service::start("scaler").await?;
    let config = ScalerConfig::from_env()?;
    let work = Work::of(Db::open(&service.parts.database()?, CONNECTIONS)?);
    let listener = listen(config.port).await?;
    tracing::info!(address = %listener.local_addr()?, "KEDA is answered");
    service.tasks.spawn("the look for jobs", work.clone().watch(config, service.shutdown.clone()));
    let answers = crate::serve(listener, work, service.shutdown.clone());
    service.tasks.spawn("the answers to KEDA", async move {
        if let Err(error) = answers.await {
            tracing::error!(%error, "KEDA is not answered any more");
        }
    });
    service.serve(Router::new()).await
}
