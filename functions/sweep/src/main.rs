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
    let mut service = Service::start().await?;
    let parts = &service.parts;
    let db = Db::open(&parts.database()?, db::CONNECTIONS)?;
    let broker = Broker::open(&BrokerConfig::from_env()?, db.clone())?;
    let blobs = Blobs::open(required("BLOBS_URL", &parts.blobs_url)?)?;
    let sweep = Sweep::new(db.clone(), blobs, broker.clone(), SweepConfig::from_env()?);
    let function = sweep::function(sweep);
    // On Knative the ticks are PingSources.
    if !broker.is_knative() {
        let clock = run_clock(function.clone(), db, ClockConfig::from_env()?, service.shutdown.clone());
        service.tasks.spawn("the clock", clock);
    }
    broker::serve("sweep", function, &broker, service).await
}
