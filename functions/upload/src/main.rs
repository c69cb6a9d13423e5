//! `upload` as a process of its own.

use std::{error::Error, process::ExitCode};

use blobs::Blobs;
use broker::{Broker, BrokerConfig};
use db::Db;
use identity::{Verifier, VerifyingKeys};
use runtime::{Config as _, Service, ended, required};
use upload::{Upload, UploadConfig};

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
    let function = upload::function(Upload {
        blobs: Blobs::open(required("BLOBS_URL", &parts.blobs_url)?)?,
        broker: broker.clone(),
        verifier: Verifier::new(keys, db.clone()),
        config: UploadConfig::from_env()?,
        db,
    });
    broker::serve("upload", function, &broker, service).await
}
