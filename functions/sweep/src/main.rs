//! `sweep` as a process of its own.

use std::{error::Error, process::ExitCode};

use blobs::Blobs;
use broker::{Broker, BrokerConfig, ClockConfig, run_clock};
use db::Db;
use runtime::{Config as _, Service, ended, required};
use sweep::{Sweep, SweepConfig};

#[tokio::main]
async fn main() -> ExitCode {
    ended(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let service = Service::start().await?;
    let parts = &service.parts;
    let db = Db::open(&parts.database()?, db::CONNECTIONS)?;
    let broker = Broker::open(&BrokerConfig::from_env()?, db.clone())?;
    let function = sweep::function(Sweep {
        blobs: Blobs::open(required("BLOBS_URL", &parts.blobs_url)?)?,
        broker: broker.clone(),
        config: SweepConfig::from_env()?,
        db,
    });
    // On Knative the ticks are PingSources.
    if !broker.is_knative() {
        tokio::spawn(run_clock(function.clone(), ClockConfig::from_env()?, service.shutdown.clone()));
    }
    Ok(broker::serve("sweep", function, &broker, service.listener, &service.config, service.shutdown).await?)
}
