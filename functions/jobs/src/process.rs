//! `jobs` as a process of its own: what its program and its container do.

use std::error::Error;

use broker::{Broker, BrokerConfig};
use db::Db;
use identity::{Verifier, VerifyingKeys};
use runtime::{Config as _, Service, required};

use crate::Jobs;

/// Opens what the function needs and serves it, until SIGTERM.
///
/// # Errors
/// A variable that is missing or wrong, a key that can't be read, a port that is taken.
pub async fn run() -> Result<(), Box<dyn Error>> {
    let service = Service::start("jobs").await?;
    let parts = &service.parts;
    let db = Db::open(&parts.database()?, db::CONNECTIONS)?;
    let broker = Broker::open(&BrokerConfig::from_env()?, db.clone())?;
    let keys = VerifyingKeys::load(required("PUBLIC_KEY_FILE", &parts.public_key_file)?.as_ref())?;
    let verifier = Verifier::new(keys, db.clone());
    let function = crate::function(Jobs::new(db, broker.clone(), verifier, service.shutdown.clone()));
    broker::serve("jobs", function, &broker, service).await
}
