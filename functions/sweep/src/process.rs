//! `sweep` as a process of its own: what its program and its container do.

use std::error::Error;

use blobs::Blobs;
use broker::{Broker, BrokerConfig, ClockConfig, run_clock};
use db::Db;
use runtime::{Config as _, Service, required};

use crate::{Sweep, SweepConfig};

/// Opens what the function needs and serves it, until SIGTERM.
///
/// # Errors
/// A variable that is missing or wrong, a key that can't be read, a port that is taken.
pub async fn run() -> Result<(), Box<dyn Error>> {
    let mut service = Service::start("sweep").await?;
    let parts = &service.parts;
    let db = Db::open(&parts.database()?, db::CONNECTIONS)?;
    let broker = Broker::open(&BrokerConfig::from_env()?, db.clone())?;
    let blobs = Blobs::open(required("BLOBS_URL", &parts.blobs_url)?)?;
    let sweep = Sweep::new(db.clone(), blobs, broker.clone(), SweepConfig::from_env()?);
    let function = crate::function(sweep);
    service.ask = Some(crate::backlog(db.clone()));
    // On Knative the ticks are PingSources.
    if !broker.is_knative() {
        let clock = run_clock(function.clone(), db, ClockConfig::from_env()?, service.shutdown.clone());
        service.tasks.spawn("the clock", clock);
    }
    broker::serve("sweep", function, &broker, service).await
}
