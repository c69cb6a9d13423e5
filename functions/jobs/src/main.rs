//! `jobs` as a process of its own.

use std::{error::Error, process::ExitCode};

use broker::{Broker, BrokerConfig};
use db::Db;
use identity::{Verifier, VerifyingKeys};
use jobs::Jobs;
use runtime::{Config as _, Service, ended, required};

#[tokio::main]
async fn main() -> ExitCode {
    ended(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let service = Service::start().await?;
    let parts = &service.parts;
    let db = Db::open(&parts.database()?, db::CONNECTIONS)?;
    let broker = Broker::open(&BrokerConfig::from_env()?, db.clone())?;
    let keys = VerifyingKeys::load(required("PUBLIC_KEY_FILE", &parts.public_key_file)?.as_ref())?;
    let verifier = Verifier::new(keys, db.clone());
    let function = jobs::function(Jobs::new(db, broker.clone(), verifier, service.shutdown.clone()));
    broker::serve("jobs", function, &broker, service).await
}
