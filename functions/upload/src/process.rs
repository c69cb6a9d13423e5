//! `upload` as a process of its own: what its program and its container do.

use std::error::Error;

use blobs::Blobs;
use broker::{Broker, BrokerConfig};
use db::Db;
use identity::{Verifier, VerifyingKeys};
use runtime::{Config as _, Service, required};

use crate::{Upload, UploadConfig};

/// Opens what the function needs and serves it, until SIGTERM.
///
/// # Errors
/// A variable that is missing or wrong, a key that can't be read, a port that is taken.
pub async fn run() -> Result<(), Box<dyn Error>> {
    let service = Service::start("upload").await?;
    let parts = &service.parts;
    let db = Db::open(&parts.database()?, db::CONNECTIONS)?;
    let broker = Broker::open(&BrokerConfig::from_env()?, db.clone())?;
    let keys = VerifyingKeys::load(required("PUBLIC_KEY_FILE", &parts.public_key_file)?.as_ref())?;
    let blobs = Blobs::open(required("BLOBS_URL", &parts.blobs_url)?)?;
    tokio::spawn({
        let blobs = blobs.clone();
        async move { blobs.ping().await }
    });
    let function = crate::function(Upload {
        blobs,
        broker: broker.clone(),
        verifier: Verifier::new(keys, db.clone()),
        config: UploadConfig::from_env()?,
        db,
    });
    broker::serve("upload", function, &broker, service).await
}
