//! `auth` as a process of its own: what its program and its container do.

use std::error::Error;

use broker::{Broker, BrokerConfig};
use db::Db;
use identity::{Proofs, SigningKey, VerifyingKeys};
use runtime::{Config as _, Service, required};

use crate::AuthConfig;

/// Opens what the function needs and serves it, until SIGTERM.
///
/// # Errors
/// A variable that is missing or wrong, a key that can't be read, a port that is taken.
pub async fn run() -> Result<(), Box<dyn Error>> {
    let service = Service::start("auth").await?;
    let parts = &service.parts;
    let db = Db::open(&parts.database()?, db::CONNECTIONS)?;
    let broker = Broker::open(&BrokerConfig::from_env()?, db.clone())?;
    let key = SigningKey::load(required("SIGNING_KEY_FILE", &parts.signing_key_file)?.as_ref())?;
    let key = match &parts.public_key_file {
        Some(path) => key.beside(VerifyingKeys::load(path.as_ref())?),
        None => key,
    };
    let proofs = Proofs::load(required("PROOFS_KEY_FILE", &parts.proofs_key_file)?.as_ref())?;
    let config = AuthConfig::from_env()?.reached_at(parts.public_url.as_deref().unwrap_or_default());
    let function = crate::function(db, broker.clone(), key, proofs, config);
    broker::serve("auth", function, &broker, service).await
}
